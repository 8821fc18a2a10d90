// A program that a test starts, talks to by signals, and hears.
#ifndef GRAMIAN_TESTS_INTEGRATION_CHILD_PROCESS_H_
#define GRAMIAN_TESTS_INTEGRATION_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace gramian::testing {

// Starts a program and reads what it writes. The destructor kills it.
class ChildProcess {
 public:
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments);
  virtual ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Waits up to a minute for its end; its exit code, or -1 if it did not end by itself.
  int Wait();

  // Takes in what it wrote so far: a process that nobody listens to stops when the pipe is full.
  void ReadAvailable();
  // Everything it wrote, as far as it was read; complete after Wait.
  const std::string& output() const { return output_; }
  const std::string& errors() const { return errors_; }

 protected:
  // Reads once from either pipe; false when both are closed or `limit` has passed without a byte.
  bool Read(std::chrono::milliseconds limit);

 private:
  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string output_;
  std::string errors_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_INTEGRATION_CHILD_PROCESS_H_
