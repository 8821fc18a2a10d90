// Approximate search for the nearest of many vectors.
#ifndef GRAMIAN_GEOMETRY_NEIGHBOR_INDEX_H_
#define GRAMIAN_GEOMETRY_NEIGHBOR_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// Candidates for the `count` nearest of the rows of `vectors` (n x d), for each row: `count` or
// more of them (fewer if n is smaller), in no particular order, without the row itself. Nearest
// means the largest inner product, or the smallest Euclidean distance.
//
// Navigable small-world graphs (HNSW; 32 links a row) over every 32,768 rows, each made row after
// row, so that the result depends on the arguments alone. `effort` >= 1 is the number of rows that
// a search keeps in view: larger finds more and takes longer. n log n (effort + 200) 32 d flops or
// so for each graph searched; (4 d + 300) n bytes of scratch beside the candidates. CANCELLED;
// RESOURCE_EXHAUSTED.
//
// Source: Malkov, Yashunin 2018, arXiv 1603.09320.
absl::StatusOr<std::vector<std::vector<int32_t>>> NeighborCandidates(const ComputeContext& context,
                                                                     const MatrixF& vectors,
                                                                     bool by_inner_product,
                                                                     int64_t count, int64_t effort);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_NEIGHBOR_INDEX_H_
