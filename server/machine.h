// What this process may use of the machine.
#ifndef GRAMIAN_SERVER_MACHINE_H_
#define GRAMIAN_SERVER_MACHINE_H_

#include <cstdint>

namespace gramian {

// Bytes of memory: the cgroup's limit if there is one, else what the machine has.
int64_t UsableMemoryBytes();

// Processors: the cgroup's CPU quota rounded up, if there is one, else the CPUs this process may
// run on; at least 1.
int UsableCpuCount();

// Descriptors this process may have open at once.
int64_t UsableDescriptorCount();

}  // namespace gramian

#endif  // GRAMIAN_SERVER_MACHINE_H_
