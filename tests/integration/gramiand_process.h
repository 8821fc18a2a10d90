// A gramiand process of its own.
#ifndef GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_
#define GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace gramian::testing {

// Starts gramiand and reads what it writes. The destructor kills it.
class GramiandProcess {
 public:
  explicit GramiandProcess(const std::vector<std::string>& arguments);
  ~GramiandProcess();
  GramiandProcess(const GramiandProcess&) = delete;
  GramiandProcess& operator=(const GramiandProcess&) = delete;

  // Waits up to a minute for the line that says where it listens; false if it ends without one.
  bool WaitUntilListening();
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits up to a minute for its end; its exit code, or -1 if it did not end by itself.
  int Wait();

  // Everything it wrote; complete after Wait.
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 private:
  // Reads once from either pipe; false when both are closed or a minute has passed without a byte.
  bool Read();

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string output_;
  std::string errors_;
  std::string grpc_address_;
  std::string metrics_address_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_
