// Inner products of the centred RSMs of two layers: what CKA, HSIC and distance correlation are
// made of.
#ifndef GRAMIAN_MEASURE_ALIGNMENT_H_
#define GRAMIAN_MEASURE_ALIGNMENT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Largest power to which a matrix is raised by multiplying: a plain product of layers, or an RSM in
// sample space. Beyond, the rounding of t products is of the order of what is compared.
inline constexpr double kMaxMatrixPower = 1024.0;

// Which inner product of two RSMs K, L.
enum class Estimator {
  kBiased,        // tr(HKH HLH)
  kDebiased,      // of the U-centred matrices (Song et al. 2012); n >= 4
  kZeroDiagonal,  // of HKH and HLH with their diagonals set to 0 (Lange et al. 2022)
};

// <K, L>, <K, K> and <L, L>, unnormalised.
struct Alignment {
  // kOk, kConstant, kTooFewInputs, kNonpositiveSelfTerm or kZeroBandwidth; the numbers are
  // meaningful for kOk, and for kConstant, where cross is 0.
  ScoreStatus status = ScoreStatus::kOk;
  Form form = Form::kAuto;
  double cross = 0.0;
  double a_self = 0.0;
  double b_self = 0.0;

  // cross / sqrt(a_self b_self), in [-1, 1]; round-off beyond is cut. Only for kOk.
  double Cosine() const;
};

// The form with the lowest estimated cost for one pair; per-layer work is shared by many pairs and
// counts an eighth. Depends on the arguments alone. t = 1 means inner products only.
Form PlanForm(const KernelSpec& kernel, int64_t n, int64_t a_cols, int64_t b_cols, double t);

// Both operands are layers over the same n inputs.
//   feature space (linear, cosine): |X'Y|_F^2; debiased: - n/(n-2) p.q + (1'p)(1'q)/((n-1)(n-2)),
//   p, q the squared row norms; zero diagonal: - p.q
//   sample space: sums over n x n tiles (geometry/rsm_stream.h)
//   spectral (biased only): sum_ij lambda_i mu_j (u_i . v_j)^2
// All with centred features. Source: Kornblith et al. 2019, eqs. 3 and 13-14; arXiv 2605.15901.
absl::StatusOr<Alignment> ComputeAlignment(const ComputeContext& context, const Operand& a,
                                           const Operand& b, const KernelSpec& kernel,
                                           Estimator estimator, Form form);

// <S~a^t, S~b^t> / (|S~a^t| |S~b^t|) of layers or fused networks for real t > 0 (Alignment.cross
// with self terms 1). The time of a network is multiplied by its fusion's power. INVALID_ARGUMENT
// for a form or fusion that does not fit, and for plain products and sample space unless the time
// is an integer of at most kMaxMatrixPower.
absl::StatusOr<Alignment> ComputePowerAlignment(const ComputeContext& context, const Operand& a,
                                                const Operand& b, const KernelSpec& kernel,
                                                double t, Form form);

// Traits that follow from the kernel alone, for a normalised biased measure: invariances, range [0,
// 1].
MeasureTraits KernelTraits(const KernelSpec& kernel);

// A Score of an alignment's status, without a value.
Score WithoutValue(const Alignment& alignment);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_ALIGNMENT_H_
