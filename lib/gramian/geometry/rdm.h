// Representational dissimilarity matrices (RDMs): what representational similarity analysis
// compares.
#ifndef GRAMIAN_GEOMETRY_RDM_H_
#define GRAMIAN_GEOMETRY_RDM_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/rsm_stream.h"
#include "gramian/representation/representation.h"

namespace gramian {

// The dissimilarity D_ij of two inputs i != j; D_ii = 0. All are distances, or squares of
// distances, of points in some Euclidean space, so that -HDH is positive semidefinite (H = I -
// 11'/n).
enum class Dissimilarity {
  kEuclidean,         // |x_i - x_j|
  kSquaredEuclidean,  // |x_i - x_j|^2
  kCorrelation,       // 1 - Pearson correlation of the rows x_i, x_j over the features, in [0, 2]
  kCosine,            // 1 - x_i . x_j / (|x_i| |x_j|), in [0, 2]
};
// A row without direction (zero; for kCorrelation: all features equal) has correlation and cosine
// 0, that is dissimilarity 1, to every other row.

// "euclidean", "sqeuclidean", "correlation", "cosine".
const char* ToString(Dissimilarity kind);
// INVALID_ARGUMENT lists what there is.
absl::StatusOr<Dissimilarity> ParseDissimilarity(absl::string_view text);

// Gives tiles of one RDM, in double: ranks and neighbours need an order that rounding does not
// shuffle. Immutable once created; holds a copy of the activations, n d doubles.
class RdmTiles {
 public:
  using Scalar = double;
  static constexpr int64_t kTile = RsmTiles<double>::kTile;

  // O(n d). CANCELLED; RESOURCE_EXHAUSTED if the copy does not fit in scratch.
  static absl::StatusOr<RdmTiles> Create(const ComputeContext& context, const Representation& layer,
                                         Dissimilarity kind);

  int64_t rows() const { return tiles_.rows(); }
  // Whether all inputs look alike to this dissimilarity: every D_ij is that of a row with itself.
  bool is_constant() const { return is_constant_; }
  // D of rows [row, row + row_count) by [col, col + col_count), counts <= kTile. Coinciding inputs
  // have dissimilarity exactly 0; nothing is negative. 2 d flops an entry.
  void Tile(int64_t row, int64_t row_count, int64_t col, int64_t col_count, Matrix& tile) const;

 private:
  Dissimilarity kind_ = Dissimilarity::kEuclidean;
  bool is_constant_ = false;
  RsmTiles<double> tiles_;
  // n, 1/2 for a row without direction, else 0: with it half the squared distance of the scaled
  // rows becomes 1 minus their inner product. Empty for kinds that do not scale rows.
  Eigen::ArrayXd undirected_;
};

// Sums of a pair of RDMs over the same n inputs, see RsmPairSums. n^2 d flops per side halved by
// symmetry, memory O(n). CANCELLED. Bit-identical whatever the threads.
absl::StatusOr<RsmPairSums> SumRdmPair(const ComputeContext& context, const RdmTiles& a,
                                       const RdmTiles& b);

// The n (n - 1) / 2 entries i < j, row after row: 4 n^2 bytes, which the caller has checked.
absl::StatusOr<std::vector<double>> Triangle(const ComputeContext& context, const RdmTiles& tiles);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_RDM_H_
