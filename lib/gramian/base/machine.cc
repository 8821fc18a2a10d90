#include "gramian/base/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "gramian/base/error_reason.h"

namespace gramian {

int64_t UsableMemoryBytes() {
  const int64_t machine =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
  int64_t limit = 0;
  // The file says "max" without a limit: reading a number then fails and leaves 0.
  std::ifstream("/sys/fs/cgroup/memory.max") >> limit;
  int64_t usable = limit > 0 ? std::min(limit, machine) : machine;
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY) {
    usable = std::min(usable, static_cast<int64_t>(addresses.rlim_cur));
  }
  return usable;
}

int64_t ResidentBytes() {
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
}

absl::Status OutOfMemory(absl::string_view message) {
  return MemoryPressure(message, ResidentBytes(), UsableMemoryBytes());
}

int UsableCpuCount() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int machine =
      sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  double quota_us = 0;
  double period_us = 0;
  std::ifstream("/sys/fs/cgroup/cpu.max") >> quota_us >> period_us;
  if (quota_us <= 0 || period_us <= 0) return std::max(machine, 1);
  return std::clamp(static_cast<int>(std::ceil(quota_us / period_us)), 1, std::max(machine, 1));
}

int64_t UsableDescriptorCount() {
  constexpr int64_t kMost = 1'000'000;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMost;
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, kMost));
}

}  // namespace gramian
