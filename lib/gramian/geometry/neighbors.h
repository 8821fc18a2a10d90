// The nearest neighbours of every input among the others.
#ifndef GRAMIAN_GEOMETRY_NEIGHBORS_H_
#define GRAMIAN_GEOMETRY_NEIGHBORS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/representation/representation.h"

namespace gramian {

// By what an input is near.
enum class Nearness {
  kCosine,     // largest x_i . x_j / (|x_i| |x_j|); a row of zeros has cosine 0 to every other
  kEuclidean,  // smallest |x_i - x_j|
  kDot,        // largest x_i . x_j, lengths of rows not taken off
};

// "cosine", "euclidean", "dot".
const char* ToString(Nearness nearness);
// INVALID_ARGUMENT lists what there is.
absl::StatusOr<Nearness> ParseNearness(absl::string_view text);

// How neighbours are looked for.
struct NeighborSearch {
  // 0: every pair of inputs is looked at. Otherwise a graph of near inputs (neighbor_index.h) is
  // searched with so many inputs in view, at least k + 1.
  int64_t effort = 0;

  bool is_exact() const { return effort == 0; }
};

// The k nearest neighbours of each of n inputs. An input is not its own neighbour. Of
// neighbours that are equally near, as far as the first 40 binary digits tell, the one with the
// smaller index comes first; so order does not hang on rounding. Immutable.
class Neighbors {
 public:
  // 1 <= k < n. 2 n^2 d flops; the n x n array is gone through in tiles, of which each row keeps k
  // entries: 12 n k bytes, beside 8 n d of scratch. CANCELLED; RESOURCE_EXHAUSTED. Bit-identical
  // whatever the threads. A search that is not exact goes through the candidates of a graph, whose
  // cost stands there, and n k d flops; it adds (4 d + 300) n bytes of scratch.
  static absl::StatusOr<std::shared_ptr<const Neighbors>> Compute(const ComputeContext& context,
                                                                  const Representation& layer,
                                                                  Nearness nearness, int64_t k,
                                                                  NeighborSearch search = {});

  int64_t rows() const { return rows_; }
  int64_t k() const { return k_; }
  // The share of the true neighbours that was found, of 256 inputs evenly apart in stored order,
  // for whom every other input is looked at as well; 1 if the search is exact. Inputs as near as
  // the k-th are as good as it.
  double recall() const { return recall_; }
  // Whether all inputs are alike, so that only their indices tell neighbours apart.
  bool is_constant() const { return is_constant_; }
  // Neighbours of input i, nearest first.
  absl::Span<const int32_t> Of(int64_t i) const {
    return {indices_.data() + i * k_, static_cast<size_t>(k_)};
  }
  // How far they are: 1 - cosine, |x_i - x_j|^2 or -x_i . x_j.
  absl::Span<const double> DistancesOf(int64_t i) const {
    return {distances_.data() + i * k_, static_cast<size_t>(k_)};
  }
  int64_t size_bytes() const { return static_cast<int64_t>(sizeof(*this)) + 12 * rows_ * k_; }

 private:
  int64_t rows_ = 0;
  int64_t k_ = 0;
  bool is_constant_ = false;
  double recall_ = 1.0;
  std::vector<int32_t> indices_;   // n x k
  std::vector<double> distances_;  // n x k
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_NEIGHBORS_H_
