// Two layers by their eigenvalues and the overlap of their eigenvectors: what CCA, regression,
// shape metrics and GULP are small functions of.
#ifndef GRAMIAN_MEASURE_OVERLAP_H_
#define GRAMIAN_MEASURE_OVERLAP_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"
#include "gramian/geometry/spectral_operator.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Whether the means of the features are taken off.
enum class Centering {
  kColumns,  // x - 1 mean': what a measure that does not see translations compares
  kNone,     // x as it is; linear kernel only
};

// Spectral operators of both sides; a status other than kOk if one has none.
struct SpectralPair {
  ScoreStatus status = ScoreStatus::kOk;
  std::shared_ptr<const SpectralOperator> a;
  std::shared_ptr<const SpectralOperator> b;
};
absl::StatusOr<SpectralPair> GetSpectralPair(const ComputeContext& context, const Operand& a,
                                             const Operand& b, const KernelSpec& kernel,
                                             const Operand::SpectralOptions& options);

// The Gram matrix x x' of a layer that is not centred, in the basis Q = (U, 1 / sqrt(n)) of the
// eigenvectors U of its centred one: x x' = Q R' diag(values) R Q'.
struct UncenteredModes {
  Vector values;    // s, descending, more than rounding
  Matrix rotation;  // R, s x (r + 1), orthonormal rows
  int64_t size_bytes() const {
    return (values.size() + rotation.size()) * static_cast<int64_t>(sizeof(double));
  }
};
// Through the cache, from the layer's linear operator. O(n (d + r) + r^3).
absl::StatusOr<std::shared_ptr<const UncenteredModes>> GetUncenteredModes(
    const ComputeContext& context, const Operand& layer, const SpectralOperator& centered);

// The overlap of two layers a and b over the same n inputs.
struct LayerOverlap {
  // kOk, kConstant or kZeroBandwidth; the rest holds for kOk alone.
  ScoreStatus status = ScoreStatus::kOk;
  // kSpectral: from explicit eigenvectors, n x r of each layer. kFeatureSpace: from covariances
  // (nothing n x r), where small eigenvalues cost digits: errors are eps lambda_1 / lambda_r.
  Form form = Form::kAuto;
  int64_t rows = 0;    // n
  int64_t a_cols = 0;  // d of either side
  int64_t b_cols = 0;
  Vector a_values;  // r_a eigenvalues of the RSM, descending
  Vector b_values;  // r_b
  Matrix w;         // U_a' U_b, r_a x r_b; exactly the identity for a layer with itself
  std::shared_ptr<const SpectralOperator> a_centered;
  std::shared_ptr<const SpectralOperator> b_centered;
};

// Per layer, cached: 2 n d^2 + 9 d^3 + 3 n r^2 flops, n r doubles (d <= n), else 9 n^3 and n^2. Per
// pair: 2 n r_a r_b flops. kAuto takes explicit eigenvectors unless those of a layer would need
// more than 2^26 doubles where a factored form is at hand. INVALID_ARGUMENT for kSampleSpace.
absl::StatusOr<LayerOverlap> ComputeOverlap(const ComputeContext& context, const Operand& a,
                                            const Operand& b, const KernelSpec& kernel,
                                            Centering centering, Form form);

// Overlaps of all pairs of K layers in one form, that of pair (i, j), i <= j, at i * K + j; those
// with i > j are left empty. Cost and errors of ComputeOverlap.
absl::StatusOr<std::vector<LayerOverlap>> ComputeOverlaps(const ComputeContext& context,
                                                          absl::Span<const Operand> layers,
                                                          const KernelSpec& kernel);

// Singular values rho_i of W, at most 1: the canonical correlations, min(r_a, r_b) of them,
// descending. A side that spans everything there is makes them all 1 without any work.
absl::StatusOr<Vector> CanonicalCorrelations(const LayerOverlap& overlap, Centering centering);

// |diag(a) W diag(b)|_*: with the singular values a, b of two layers the nuclear norm of x' y, the
// most that <x Q, y> can be over orthogonal Q. One r_a x r_b SVD.
absl::StatusOr<double> WeightedNuclearNorm(const Vector& a, const Matrix& w, const Vector& b);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_OVERLAP_H_
