#include "server/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace gramian {

int64_t UsableMemoryBytes() {
  const int64_t machine =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
  int64_t limit = 0;
  // The file says "max" without a limit: reading a number then fails and leaves 0.
  std::ifstream("/sys/fs/cgroup/memory.max") >> limit;
  return limit > 0 ? std::min(limit, machine) : machine;
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
