// Some of the inputs of a layer as a layer of their own.
#ifndef GRAMIAN_REPRESENTATION_ROWS_H_
#define GRAMIAN_REPRESENTATION_ROWS_H_

#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "gramian/representation/representation.h"

namespace gramian {

// Inputs [first, first + count), count >= 1, which share the layer's memory. O(count d) for the
// digest.
std::shared_ptr<const Representation> SliceRows(const std::shared_ptr<const Representation>& layer,
                                                int64_t first, int64_t count);

// A copy of the inputs `rows`, at least one, in that order; each is >= 0 and < n. O(rows d).
std::shared_ptr<const Representation> GatherRows(const Representation& layer,
                                                 absl::Span<const int64_t> rows);

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_ROWS_H_
