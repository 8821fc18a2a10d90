#include "tests/integration/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gramian::testing {
namespace {

constexpr std::chrono::minutes kMinute{1};

// Appends what is there; closes at the end.
void Drain(int& fd, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(fd, buffer, sizeof(buffer));
  if (count > 0) {
    text.append(buffer, static_cast<size_t>(count));
    return;
  }
  close(fd);
  fd = -1;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_fd_ >= 0) close(out_fd_);
  if (err_fd_ >= 0) close(err_fd_);
}

bool ChildProcess::Read(std::chrono::milliseconds limit) {
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  // A negative descriptor is passed over.
  pollfd fds[2] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
  if (poll(fds, 2, static_cast<int>(limit.count())) <= 0) return false;
  if (fds[0].revents != 0) Drain(out_fd_, output_);
  if (fds[1].revents != 0) Drain(err_fd_, errors_);
  return true;
}

void ChildProcess::Signal(int signal) const { kill(pid_, signal); }

void ChildProcess::ReadAvailable() {
  while (Read(std::chrono::milliseconds(0))) {
  }
}

int ChildProcess::Wait() {
  while (Read(kMinute)) {
  }
  // Both pipes are closed: it has ended, or hangs and will be killed.
  if (out_fd_ >= 0 || err_fd_ >= 0 || pid_ < 0) return -1;
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace gramian::testing
