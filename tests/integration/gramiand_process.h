// A gramiand process of its own.
#ifndef GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_
#define GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_

#include <sys/types.h>

#include <chrono>
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

  // Waits for the line that says where it listens; false if it ends without one, or too late.
  bool WaitUntilListening(std::chrono::milliseconds limit = std::chrono::minutes(1));
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits up to a minute for its end; its exit code, or -1 if it did not end by itself.
  int Wait();

  // Takes in what it wrote so far: a process that nobody listens to stops when the pipe is full.
  void ReadAvailable();
  // Everything it wrote, as far as it was read; complete after Wait.
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 private:
  // Reads once from either pipe; false when both are closed or `limit` has passed without a byte.
  bool Read(std::chrono::milliseconds limit);

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
