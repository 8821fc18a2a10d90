#include "tests/reliability/process_usage.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace gramian::testing {

ProcessUsage UsageOf(pid_t pid) {
  ProcessUsage usage;
  const std::string folder = absl::StrCat("/proc/", pid);
  std::ifstream status(folder + "/status");
  std::string line;
  long number = 0;
  while (std::getline(status, line)) {
    if (std::sscanf(line.c_str(), "RssAnon: %ld kB", &number) == 1)
      usage.resident_bytes = int64_t{number} * 1024;
    if (std::sscanf(line.c_str(), "RssFile: %ld kB", &number) == 1)
      usage.file_bytes = int64_t{number} * 1024;
    if (std::sscanf(line.c_str(), "Threads: %ld", &number) == 1) usage.threads = number;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder + "/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++usage.descriptors;
  }
  std::ifstream stat(folder + "/stat");
  std::getline(stat, line);
  // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string field;
  long ticks = 0;
  for (int index = 3; fields >> field && index <= 15; ++index) {
    if (index >= 14) ticks += std::stol(field);
  }
  usage.cpu_seconds = static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return usage;
}

}  // namespace gramian::testing
