#include <sys/mman.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "server/server_options.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {
namespace {

// A file that only this process sees.
class MemoryFile {
 public:
  explicit MemoryFile(absl::string_view bytes) : fd_(memfd_create("config", MFD_CLOEXEC)) {
    Require(
        fd_ >= 0 && write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
        "a file in memory can be written");
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

struct Answer {
  ParsedOptions parsed;
  std::string out;
  std::string err;
};

Answer Parse(absl::string_view config, const char* mode) {
  const MemoryFile file(config);
  const std::string path = file.path();
  const char* const argv[] = {"gramiand", "--config", path.c_str(), mode};
  std::ostringstream out;
  std::ostringstream err;
  Answer answer;
  answer.parsed = ParseServerOptions(4, argv, out, err);
  answer.out = out.str();
  answer.err = err.str();
  return answer;
}

}  // namespace

void FuzzConfigFile(absl::string_view input) {
  const Answer answer = Parse(input, "--print-config");
  Require(!answer.parsed.run, "printing the configuration does not start a server");
  if (answer.parsed.exit_code != 0) {
    Require(answer.parsed.exit_code == 2, "a bad file has the exit code of a bad flag");
    Require(!answer.err.empty(), "a refusal has a message");
    return;
  }
  ServerOptions options = answer.parsed.options;
  // Whether budgets fit the memory is asked only of who says how much memory there is.
  options.memory_bytes = 0;
  Require(Validate(options).ok(), "what is accepted is in range");
  const Answer again = Parse(answer.out, "--print-config");
  Require(again.parsed.exit_code == 0, "a printed configuration can be read");
  Require(again.out == answer.out, "a printed configuration means the same");
}

}  // namespace gramian::fuzz
