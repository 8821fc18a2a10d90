// Sorting of arrays that are too large for one tile of work: in parallel, stoppable, and the same
// whatever the threads.
#ifndef GRAMIAN_BASE_PARALLEL_SORT_H_
#define GRAMIAN_BASE_PARALLEL_SORT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/compute.h"

namespace gramian {

// Sorts ascending; T is double (without NaN) or uint64_t. O(n log n), n T of scratch, which the
// caller has checked. CANCELLED leaves the values in some order.
template <typename T>
absl::Status ParallelSort(const ComputeContext& context, std::vector<T>& values);

// Sorts ascending and returns the number of inversions: pairs i < j with values[i] > values[j].
// Cost and errors as above. At most 2^32 values, whose inversions fit in 63 bits.
absl::StatusOr<int64_t> CountInversions(const ComputeContext& context,
                                        std::vector<uint32_t>& values);

}  // namespace gramian

#endif  // GRAMIAN_BASE_PARALLEL_SORT_H_
