// What measures of neighbourhoods share: cached lists of neighbours, and their parameters.
#ifndef GRAMIAN_MEASURE_NEIGHBORHOODS_H_
#define GRAMIAN_MEASURE_NEIGHBORHOODS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/geometry/neighbors.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/operand.h"

namespace gramian {

// neighbors=cosine|euclidean|dot, k=<integer> and search=exact|hnsw:<effort>.
struct NeighborhoodSpec {
  Nearness nearness = Nearness::kCosine;
  int64_t k = 10;
  NeighborSearch search = {};

  // "-neighbors=cosine-k=10", "-neighbors=cosine-k=10-search=hnsw:200".
  std::string ToString() const;
};
absl::StatusOr<NeighborhoodSpec> TakeNeighborhood(MeasureParameters& parameters,
                                                  const NeighborhoodSpec& defaults,
                                                  int64_t least_k);
// The same three as they are described, for a family that allows `nearness`, e.g. "cosine|dot".
std::vector<MeasureParameter> NeighborhoodParameters(const std::string& nearness,
                                                     const NeighborhoodSpec& defaults);

// Invariances that follow from the neighbours alone; range [0, 1], min_inputs k + 1.
MeasureTraits NeighborhoodTraits(const NeighborhoodSpec& spec);

// The lists of a layer, through the cache. 2 n^2 d flops once, 12 n k bytes kept.
absl::StatusOr<std::shared_ptr<const Neighbors>> NeighborsOf(const ComputeContext& context,
                                                             const Operand& layer,
                                                             const NeighborhoodSpec& spec);

// `score` with the lesser recall of the lists that it was made of.
Score WithRecall(Score score, const Neighbors& a, const Neighbors& b);

// A neighbour that an input has on both sides, with its ranks, 1 to k.
struct CommonNeighbor {
  int64_t index;
  int64_t a_rank;
  int64_t b_rank;
};
// Those of input i by ascending a_rank. O(k log k).
std::vector<CommonNeighbor> CommonNeighbors(const Neighbors& a, const Neighbors& b, int64_t i);

// Mean over the inputs of row_score(i), summed in blocks so that bits do not depend on threads.
absl::StatusOr<double> MeanOverInputs(const ComputeContext& context, int64_t n,
                                      const std::function<double(int64_t i)>& row_score);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_NEIGHBORHOODS_H_
