#include "tests/integration/gramiand_process.h"

#include <regex>

namespace gramian::testing {

GramiandProcess::GramiandProcess(const std::vector<std::string>& arguments,
                                 const std::string& program)
    : ChildProcess(program.empty() ? GRAMIAND : program, arguments) {}

bool GramiandProcess::WaitUntilListening(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const std::regex line("gramiand listening grpc=(\\S+) metrics=(\\S+)\n");
  std::smatch match;
  while (!std::regex_search(output(), match, line)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !Read(left)) return false;
  }
  grpc_address_ = match[1];
  metrics_address_ = match[2];
  return true;
}

}  // namespace gramian::testing
