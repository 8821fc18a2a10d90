#include "server/process_stats.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

// Seconds since 1970 at which the process started: what runs since then is counted from the boot.
double StartSeconds() {
  std::ifstream stat("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  // The name, field 2, may hold anything; the start is field 22.
  size_t position = text.rfind(')');
  for (int field = 2; field < 22 && position != std::string::npos; ++field)
    position = text.find(' ', position + 1);
  double uptime = 0;
  std::ifstream("/proc/uptime") >> uptime;
  if (position == std::string::npos || uptime <= 0) return 0;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const double ticks = std::strtod(text.c_str() + position, nullptr);
  return now - uptime + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

ProcessStats ProcessStats::Read() {
  static const double start_seconds = StartSeconds();
  ProcessStats stats;
  stats.start_seconds = start_seconds;
  int64_t virtual_pages = 0;
  int64_t resident_pages = 0;
  int64_t file_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages >> file_pages;
  stats.virtual_bytes = virtual_pages * sysconf(_SC_PAGESIZE);
  stats.resident_bytes = resident_pages * sysconf(_SC_PAGESIZE);
  stats.anonymous_bytes = (resident_pages - file_pages) * sysconf(_SC_PAGESIZE);
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    stats.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    stats.descriptor_limit = static_cast<int64_t>(limit.rlim_cur);
  std::error_code error;
  for (std::filesystem::directory_iterator file("/proc/self/fd", error), end; !error && file != end;
       file.increment(error)) {
    ++stats.open_descriptors;
  }
  return stats;
}

std::string HeapReport() {
  const struct mallinfo2 heap = mallinfo2();
  std::string report =
      absl::StrCat("in use ", heap.uordblks, "\nfree ", heap.fordblks, "\nmapped ", heap.hblkhd,
                   "\ncould be given back at the end ", heap.keepcost, "\n\n");
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  if (stream == nullptr) return report;
  malloc_info(0, stream);
  std::fclose(stream);
  report.append(text, size);
  std::free(text);
  return report;
}

}  // namespace gramian
