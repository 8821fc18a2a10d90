// What this process may use of the machine.
#ifndef GRAMIAN_BASE_MACHINE_H_
#define GRAMIAN_BASE_MACHINE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gramian {

// Bytes of memory: the least of what the machine has and the limits of cgroup and address space.
int64_t UsableMemoryBytes();

// Bytes of memory this process has now.
int64_t ResidentBytes();

// RESOURCE_EXHAUSTED, reason MEMORY_PRESSURE: the system refused memory. The `value` is
// ResidentBytes, the `limit` UsableMemoryBytes.
absl::Status OutOfMemory(absl::string_view message);

// Processors: the cgroup's CPU quota rounded up, if there is one, else the CPUs this process may
// run on; at least 1.
int UsableCpuCount();

// Descriptors this process may have open at once.
int64_t UsableDescriptorCount();

}  // namespace gramian

#endif  // GRAMIAN_BASE_MACHINE_H_
