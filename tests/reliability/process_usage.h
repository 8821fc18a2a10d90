// What a process uses, as the kernel counts it.
#ifndef GRAMIAN_TESTS_RELIABILITY_PROCESS_USAGE_H_
#define GRAMIAN_TESTS_RELIABILITY_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

namespace gramian::testing {

struct ProcessUsage {
  int64_t resident_bytes = 0;  // without pages of files, which the kernel takes back when it wants
  int64_t file_bytes = 0;      // pages of files that are mapped
  int64_t descriptors = 0;
  int64_t threads = 0;
  double cpu_seconds = 0;
};

// All zero if there is no such process.
ProcessUsage UsageOf(pid_t pid);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_PROCESS_USAGE_H_
