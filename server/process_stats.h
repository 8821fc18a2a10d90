// What the system knows about this process.
#ifndef GRAMIAN_SERVER_PROCESS_STATS_H_
#define GRAMIAN_SERVER_PROCESS_STATS_H_

#include <cstdint>
#include <string>

namespace gramian {

// Read from /proc/self; what cannot be read is 0.
struct ProcessStats {
  double cpu_seconds = 0;  // user and system
  int64_t resident_bytes = 0;
  int64_t anonymous_bytes =
      0;  // resident, and no file holds them: what mapped blobs take is not here
  int64_t virtual_bytes = 0;
  int64_t open_descriptors = 0;
  int64_t descriptor_limit = 0;
  double start_seconds = 0;  // since 1970

  static ProcessStats Read();
};

// The heap as glibc sees it: totals, then the report of malloc_info, which is XML.
std::string HeapReport();

}  // namespace gramian

#endif  // GRAMIAN_SERVER_PROCESS_STATS_H_
