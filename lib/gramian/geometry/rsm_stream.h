// Sums over pairs of RSMs, tile by tile, without holding anything n x n.
#ifndef GRAMIAN_GEOMETRY_RSM_STREAM_H_
#define GRAMIAN_GEOMETRY_RSM_STREAM_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/kernel.h"
#include "gramian/geometry/moments.h"
#include "gramian/geometry/triangle_tiles.h"
#include "gramian/representation/representation.h"

namespace gramian {

// Gives tiles of the RSM of one representation in float or double. Immutable once created; holds a
// centred copy of the activations, n d Scalars.
template <typename ScalarT>
class RsmTiles {
 public:
  using Scalar = ScalarT;
  // The largest tile, in rows and columns.
  static constexpr int64_t kTile = 256;

  // `sigma` is used by kernels with a bandwidth. With `centered` the features of linear and cosine
  // kernels are centred first, which changes K but not H K H, and keeps digits when means are
  // large; distances never depend on it.
  static absl::StatusOr<RsmTiles> Create(const ComputeContext& context, const Representation& layer,
                                         const KernelSpec& kernel, double sigma, bool centered);
  // The same of features that are read here only, whatever was done to their rows.
  static absl::StatusOr<RsmTiles> Create(const ComputeContext& context,
                                         const CenteredFeatures& features, const KernelSpec& kernel,
                                         double sigma, bool centered);

  int64_t rows() const { return values_.rows(); }

  // K of rows [row, row + row_count) by [col, col + col_count), counts <= kTile. Coinciding inputs
  // have distance exactly 0.
  void Tile(int64_t row, int64_t row_count, int64_t col, int64_t col_count,
            MatrixOf<Scalar>& tile) const;
  // |x_i - x_j|^2 instead of K.
  void SquaredDistances(int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                        MatrixOf<Scalar>& tile) const;

 private:
  KernelSpec kernel_;
  double sigma_ = 0.0;
  MatrixOf<Scalar> values_;                        // n x d
  Eigen::Array<Scalar, 1, Eigen::Dynamic> norms_;  // n, squared
};

// Sums of a pair of symmetric RSMs a, b, from which biased and debiased inner products follow.
// Entries are taken relative to a constant per RSM, which no centred quantity depends on, so that
// sums do not cancel.
struct RsmPairSums {
  int64_t rows = 0;
  double a_shift = 0.0;  // the constants
  double b_shift = 0.0;
  double ab = 0.0;  // sum over i != j of a_ij b_ij
  double aa = 0.0;
  double bb = 0.0;
  Vector a_rows;  // n, sum over j != i of a_ij
  Vector b_rows;
  Vector a_diagonal;  // n
  Vector b_diagonal;
};

// n^2 d flops per side (half of it saved by symmetry), memory O(n). The order of summation is
// fixed, so results are bit-identical whatever the threads. CANCELLED.
template <typename Scalar>
absl::StatusOr<RsmPairSums> SumRsmPair(const ComputeContext& context, const RsmTiles<Scalar>& a,
                                       const RsmTiles<Scalar>& b);

// Inner products of two centred RSMs and of each with itself. a_noise and b_noise bound what
// rounding alone can leave in aa and bb: a self term within it is zero.
struct AlignmentSums {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  double a_noise = 0.0;
  double b_noise = 0.0;
};

// <HaH, HbH> = sum_ij a_ij b_ij - (2/n) sum_i a_i. b_i. + a.. b.. / n^2, diagonal included.
AlignmentSums BiasedSums(const RsmPairSums& sums);

// U-centred inner products, not divided by n (n - 3), for n >= 4:
//   sum_(i != j) a_ij b_ij - 2/(n-2) sum_i a_i. b_i. + a.. b.. / ((n-1)(n-2)),  rows without the
//   diagonal.
// Source: Song et al. 2012, eq. 5 (HSIC_1 times n (n - 3)).
AlignmentSums DebiasedSums(const RsmPairSums& sums);

// The biased inner products without the diagonals of HaH and HbH:
//   sum_(i != j) (HaH)_ij (HbH)_ij.
// Source: Lange et al. 2022, arXiv 2206.10999 (the estimator of their AngularCKA).
AlignmentSums ZeroDiagonalSums(const RsmPairSums& sums);

// Calls visit(lane, tile, row_count, is_diagonal) for every tile of squared distances with first
// row <= first column, lanes [0, kLanes) in parallel; one lane is visited by one thread at a time.
template <typename Scalar>
absl::Status VisitSquaredDistances(
    const ComputeContext& context, const RsmTiles<Scalar>& tiles,
    const std::function<void(int64_t lane, const MatrixOf<Scalar>& tile, bool is_diagonal)>& visit);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_RSM_STREAM_H_
