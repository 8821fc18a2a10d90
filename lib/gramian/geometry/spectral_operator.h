// A centred RSM by its eigenpairs: the form in which layers and fused networks are compared at
// every diffusion time.
#ifndef GRAMIAN_GEOMETRY_SPECTRAL_OPERATOR_H_
#define GRAMIAN_GEOMETRY_SPECTRAL_OPERATOR_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/derived.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/moments.h"

namespace gramian {

// How many of descending eigenvalues of a semidefinite matrix are more than rounding: those above
// 8 max(order, 64) eps times the largest.
int64_t NumericalRank(const Vector& eigenvalues, int64_t order);

// S~ = scale * U diag(lambda) U', lambda descending with lambda_1 = 1, U n x r orthonormal and
// orthogonal to 1. Immutable.
//
// U is held in factored form, so that nothing n x n exists when the features are few:
//   U = F L' diag(g)^(-1/2),  F n x k features, L r x k loadings (identity if empty), g_i = |F
//   l_i|^2.
// Powers never form P^t: with P = J + c S~ and J S~ = 0 it is J + c^t S~^t, and scores depend on S~
// alone.
class SpectralOperator final : public Derived {
 public:
  // Of features F with known moments: eigenpairs of the k x k covariance. 9 k^3 flops. Null pointer
  // if S~ = 0.
  static absl::StatusOr<std::shared_ptr<const SpectralOperator>> FromMoments(
      const ComputeContext& context, std::shared_ptr<const CenteredFeatures> features,
      const Moments& moments);

  // Of a symmetric n x n RSM, which is doubly centred here. 9 n^3 flops, 4 n^2 doubles of scratch.
  // Null pointer if S~ = 0. FAILED_PRECONDITION if S~ has an eigenvalue below -k eps n lambda_1:
  // powers of an indefinite RSM mix signs.
  static absl::StatusOr<std::shared_ptr<const SpectralOperator>> FromRsm(
      const ComputeContext& context, Matrix rsm);

  // From parts; see the class comment. log_scale is the logarithm of the largest eigenvalue of S~.
  SpectralOperator(std::shared_ptr<const CenteredFeatures> features, Matrix loadings, Vector gram,
                   Vector eigenvalues, double log_scale, Arithmetic arithmetic);

  int64_t rows() const { return features_->rows(); }
  int64_t rank() const { return eigenvalues_.size(); }
  const CenteredFeatures& features() const { return *features_; }
  const std::shared_ptr<const CenteredFeatures>& shared_features() const { return features_; }
  const Matrix& loadings() const { return loadings_; }        // r x k, or empty for the identity
  const Vector& gram() const { return gram_; }                // r
  const Vector& eigenvalues() const { return eigenvalues_; }  // r, descending, first is 1
  // Natural logarithm of lambda_1 of S~: eigenvalues of S~ are exp(log_scale) * eigenvalues().
  double log_scale() const { return log_scale_; }
  // Eigenvalues that Truncate removed, relative to lambda_1; empty when exact.
  const Vector& dropped() const { return dropped_; }
  // Precision of the products it was made with.
  Arithmetic arithmetic() const { return arithmetic_; }

  // The same operator with explicit U (r x n), orthonormal to rounding also where the eigenvalues
  // are small: 2 n k r + 3 n r^2 flops, n r doubles.
  absl::StatusOr<std::shared_ptr<const SpectralOperator>> Materialize(
      const ComputeContext& context) const;

  // The `rank` leading eigenpairs, rank >= 1. PowerCosine with it errs by at most TruncationBound.
  std::shared_ptr<const SpectralOperator> Truncate(int64_t rank) const;

  // Eigenvectors U' (r x n). 2 n k r flops.
  absl::StatusOr<Matrix> Eigenvectors(const ComputeContext& context) const;

  int64_t size_bytes() const override;

 private:
  std::shared_ptr<const CenteredFeatures> features_;
  Matrix loadings_;
  Vector gram_;
  Vector eigenvalues_;
  double log_scale_;
  Arithmetic arithmetic_;
  Vector dropped_;
};

// W = U_a' U_b (r_a x r_b) of two operators over the same n rows. 2 n k_a k_b + O(r k^2) flops.
// Float64 products if either operator was made with them, unless the work asks for float32
// (ChooseArithmetic) and `precise` is false.
absl::StatusOr<Matrix> EigenvectorOverlap(const ComputeContext& context, const SpectralOperator& a,
                                          const SpectralOperator& b, bool precise);

// The overlap of two operators, which serves every diffusion time.
class PowerOverlap {
 public:
  // precise: products in float64 whatever the work; needed for t < 1, where small eigenvalues
  // count.
  static absl::StatusOr<PowerOverlap> Compute(const ComputeContext& context,
                                              const SpectralOperator& a, const SpectralOperator& b,
                                              bool precise);

  // <S~a^t, S~b^t> / (|S~a^t| |S~b^t|) = sum_ij lambda_i^t mu_j^t W_ij^2 / (|lambda^t| |mu^t|), in
  // [0, 1], for real t > 0. O(r_a r_b). Sums move to the log domain where they would underflow.
  // Source: arXiv 2605.15901, with J removed analytically.
  double Cosine(double t) const;

 private:
  Vector a_eigenvalues_;
  Vector b_eigenvalues_;
  Matrix squared_;  // W_ij^2
};

// Bound of |Cosine(t) of a and b - Cosine(t) of the untruncated operators| from the eigenvalues
// that were dropped: sum over both sides of sqrt(2 - 2 sqrt(1 - e^2)), e^2 = sum_dropped lambda^2t
// / sum_all lambda^2t. 0 if both are exact.
double TruncationBound(const SpectralOperator& a, const SpectralOperator& b, double t);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_SPECTRAL_OPERATOR_H_
