// Covariances: everything a linear measure needs to know about n inputs.
#ifndef GRAMIAN_GEOMETRY_MOMENTS_H_
#define GRAMIAN_GEOMETRY_MOMENTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/derived.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/centered_features.h"

namespace gramian {

// Precision of products within a block; sums over blocks are always double. Chosen from the work
// alone: float64 while a whole product stays within about one 10 ms tile, float32 above (relative
// error about 1e-6 of the Frobenius norm at most).
enum class Arithmetic { kFloat32, kFloat64 };

// kFloat64 while multiply_adds <= 2^28.
Arithmetic ChooseArithmetic(double multiply_adds);

// Subtracts its column means from a block, rows x cols, in place and returns them. Sums are taken
// in double.
template <typename Scalar>
Vector CenterBlock(Scalar* block, int64_t rows, int64_t cols);

// Accumulates sums of products of centred features over blocks of rows (Chan's update): each block
// is centred by its own mean before it is multiplied, and merged in double, so that means far above
// the standard deviation cost no digits. Merging in a fixed order makes results bit-identical.
// Thread-compatible.
//
//   cross() = sum_i (x_i - mean x) (y_i - mean y)'   (dx x dy)
class CrossAccumulator {
 public:
  // symmetric: y is x; only x is read and the product is a symmetric rank-k update, half the work.
  CrossAccumulator(int64_t dx, int64_t dy, bool symmetric);

  // Adds a block of `rows` rows that CenterBlock centred, x: rows x dx and y: rows x dy (null when
  // symmetric), with the means that were taken off. The product of a wide block is split over
  // context.arena. Scalar is float or double; squares of floats must neither overflow nor vanish.
  template <typename Scalar>
  absl::Status AddBlock(const ComputeContext& context, int64_t rows, const Scalar* x,
                        const Vector& mean_x, const Scalar* y, const Vector& mean_y);
  // Adds what another accumulator of the same shape has seen.
  void Merge(const CrossAccumulator& other);

  int64_t rows() const { return rows_; }
  const Vector& mean_x() const { return mean_x_; }
  // The full dx x dy matrix (both triangles also when symmetric).
  Matrix TakeCross() &&;

 private:
  // Chan's correction for a part with `rows` rows and these means, whose product is in cross_
  // already.
  void MergeMeans(int64_t rows, const Vector& mean_x, const Vector& mean_y);

  bool symmetric_;
  int64_t rows_ = 0;
  Vector mean_x_;
  Vector mean_y_;  // Empty when symmetric.
  Matrix cross_;   // When symmetric only the upper triangle is kept up to date.
};

// Moments of a pair of representations whose rows arrive in pieces and are not kept: XX, YY and XY
// in one pass. 2 n (dx^2 / 2 + dy^2 / 2 + dx dy) flops, memory O((dx + dy)^2), whatever n.
class StreamedPairMoments {
 public:
  StreamedPairMoments(int64_t dx, int64_t dy);
  StreamedPairMoments(StreamedPairMoments&&) noexcept;
  StreamedPairMoments& operator=(StreamedPairMoments&&) noexcept;
  ~StreamedPairMoments();

  // Adds `rows` rows of both, x: rows x dx and y: rows x dy, in any pieces. Results do not depend
  // on the pieces: rows are regrouped into blocks of fixed size.
  absl::Status Add(const ComputeContext& context, int64_t rows, const float* x, const float* y);

  struct Result {
    int64_t rows = 0;
    Matrix xx;  // dx x dx
    Matrix yy;  // dy x dy
    Matrix xy;  // dx x dy
  };
  // Adds the last incomplete block and returns the sums.
  absl::StatusOr<Result> Finish(const ComputeContext& context) &&;

 private:
  struct Lane;

  // Adds the rows that wait.
  absl::Status Flush(const ComputeContext& context);
  // Adds rows that begin with a block, at most one block for each lane.
  absl::Status AddBlocks(const ComputeContext& context, int64_t rows, const float* x,
                         const float* y);

  int64_t dx_;
  int64_t dy_;
  // Rows that wait for the rest of their blocks.
  int64_t buffered_ = 0;
  MatrixF x_;
  MatrixF y_;
  int64_t blocks_ = 0;  // Blocks added so far.
  std::vector<Lane> lanes_;
};

// F' H F of one layer.
class Moments final : public Derived {
 public:
  // n k^2 flops, k^2 doubles. CANCELLED; RESOURCE_EXHAUSTED if k x k does not fit in scratch.
  static absl::StatusOr<std::shared_ptr<const Moments>> Compute(const ComputeContext& context,
                                                                const CenteredFeatures& features,
                                                                Arithmetic arithmetic);

  const Matrix& covariance() const { return covariance_; }  // k x k, not divided by n
  const Vector& mean() const { return mean_; }              // k
  // |covariance|_F.
  double norm() const { return norm_; }
  // Whether all rows are equal: nothing is left beyond what rounding of the means explains.
  bool is_constant() const { return is_constant_; }
  Arithmetic arithmetic() const { return arithmetic_; }
  int64_t size_bytes() const override;

 private:
  Matrix covariance_;
  Vector mean_;
  double norm_ = 0.0;
  bool is_constant_ = true;
  Arithmetic arithmetic_ = Arithmetic::kFloat64;
};

// x' H y (kx x ky) of two feature sets over the same n rows. 2 n kx ky flops, never anything n x n.
absl::StatusOr<Matrix> CrossCovariance(const ComputeContext& context, const CenteredFeatures& x,
                                       const CenteredFeatures& y, Arithmetic arithmetic);

// Means of the k columns, in double. O(n k).
absl::StatusOr<Vector> ColumnMeans(const ComputeContext& context, const CenteredFeatures& features);

// |f_i - mean|^2 of every row: what debiased estimators need beside the covariances. O(n k).
class RowNorms final : public Derived {
 public:
  static absl::StatusOr<std::shared_ptr<const RowNorms>> Compute(const ComputeContext& context,
                                                                 const CenteredFeatures& features);
  const Vector& squared() const { return squared_; }  // n
  int64_t size_bytes() const override {
    return squared_.size() * static_cast<int64_t>(sizeof(double));
  }

 private:
  Vector squared_;
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_MOMENTS_H_
