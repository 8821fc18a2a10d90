#include "gramian/measure/alignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/rsm.h"
#include "gramian/geometry/rsm_stream.h"
#include "gramian/measure/overlap.h"

namespace gramian {
namespace {

// How many pairs share a layer's own work, in estimates.
constexpr double kPairsPerLayer = 8.0;
// Flops of a full eigendecomposition of order n, in units of n^3.
constexpr double kEigenFlops = 9.0;
// A debiased self term below this share of the terms that it is the difference of is rounding.
constexpr double kNoiseFactor = 64.0 * std::numeric_limits<double>::epsilon();

double Cube(double x) { return x * x * x; }

absl::Status CannotUse(Form form, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("form ", ToString(form), " ", why));
}

// Written so that a NaN is refused.
absl::Status CheckMatrixPower(absl::string_view what, double t) {
  if (t == std::floor(t) && t <= kMaxMatrixPower) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " needs an integer diffusion time (times the power of a fusion) of at most ",
      kMaxMatrixPower, ", not ", t));
}

// The status of a pair whose self terms are given with the noise below which they are zero.
ScoreStatus Judge(const AlignmentSums& sums, ScoreStatus zero) {
  return sums.aa > sums.a_noise && sums.bb > sums.b_noise ? ScoreStatus::kOk : zero;
}

void Assign(const AlignmentSums& sums, Alignment& result) {
  result.cross = sums.ab;
  result.a_self = sums.aa;
  result.b_self = sums.bb;
}

// One side's part of the debiased feature-space formula.
double Debias(double product, const Vector& p, const Vector& q, double& noise) {
  const auto n = static_cast<double>(p.size());
  const double rows = n / (n - 2.0) * p.dot(q);
  const double total = p.sum() * q.sum() / ((n - 1.0) * (n - 2.0));
  noise = kNoiseFactor * (product + rows + total);
  return product - rows + total;
}

// One side's part of the feature-space formula without diagonals.
double DropDiagonal(double product, const Vector& p, const Vector& q, double& noise) {
  const double diagonal = p.dot(q);
  noise = kNoiseFactor * (product + diagonal);
  return product - diagonal;
}

// float32 only where the work asks for it and both sides bear it.
absl::StatusOr<Arithmetic> ChooseSafeArithmetic(const ComputeContext& context, const Operand& a,
                                                const Operand& b, KernelKind kind, double work) {
  if (ChooseArithmetic(work) == Arithmetic::kFloat64) return Arithmetic::kFloat64;
  for (const Operand* side : {&a, &b}) {
    GRAMIAN_ASSIGN_OR_RETURN(const bool suits, side->SuitsFloat32(context, kind));
    if (!suits) return Arithmetic::kFloat64;
  }
  return Arithmetic::kFloat32;
}

// The same for entries of an RSM. A kernel that falls off within a small part of the distances
// multiplies their relative errors by what it falls by.
absl::StatusOr<Arithmetic> ChooseSafeArithmetic(const ComputeContext& context, const Operand& a,
                                                const Operand& b, const KernelSpec& kernel,
                                                double a_sigma, double b_sigma, double work) {
  // Mean squared norm of the rows over squared bandwidth: 0.5 for the median distance of an
  // unstructured layer, 12.5 for a fifth of it.
  constexpr double kMaxFall = 64.0;
  GRAMIAN_ASSIGN_OR_RETURN(const Arithmetic arithmetic,
                           ChooseSafeArithmetic(context, a, b, kernel.kind, work));
  if (arithmetic == Arithmetic::kFloat64 || !kernel.has_bandwidth()) return arithmetic;
  for (const auto& [side, sigma] : {std::pair(&a, a_sigma), std::pair(&b, b_sigma)}) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const RowNorms> norms,
                             side->GetRowNorms(context, kernel.kind));
    if (norms->squared().mean() > kMaxFall * sigma * sigma) return Arithmetic::kFloat64;
  }
  return Arithmetic::kFloat32;
}

absl::StatusOr<Alignment> FeatureSpace(const ComputeContext& context, const Operand& a,
                                       const Operand& b, const KernelSpec& kernel,
                                       Estimator estimator) {
  if (!kernel.is_feature_map()) {
    return CannotUse(Form::kFeatureSpace, "needs a linear or cosine kernel");
  }
  const auto n = static_cast<double>(a.rows());
  const auto a_cols = static_cast<double>(a.cols());
  const auto b_cols = static_cast<double>(b.cols());
  Alignment result;
  result.form = Form::kFeatureSpace;
  // Every estimator but the biased one is a difference: what one huge row adds to both terms must
  // cancel to the last digit.
  Arithmetic widest = Arithmetic::kFloat32;
  if (estimator != Estimator::kBiased) {
    GRAMIAN_ASSIGN_OR_RETURN(widest, ChooseSafeArithmetic(context, a, b, kernel.kind,
                                                          std::numeric_limits<double>::infinity()));
  }
  const auto choose = [&](double work) {
    return widest == Arithmetic::kFloat64 ? widest : ChooseArithmetic(work);
  };
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Moments> a_moments,
                           a.GetMoments(context, kernel.kind, choose(n * a_cols * a_cols)));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Moments> b_moments,
                           b.GetMoments(context, kernel.kind, choose(n * b_cols * b_cols)));
  if (a_moments->is_constant() || b_moments->is_constant()) {
    result.status = ScoreStatus::kConstant;
    return result;
  }
  AlignmentSums sums;
  sums.aa = a_moments->covariance().squaredNorm();
  sums.bb = b_moments->covariance().squaredNorm();
  if (a.key() == b.key()) {
    sums.ab = sums.aa;
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(
        const Matrix cross, CrossCovariance(context, *a.Features(kernel.kind),
                                            *b.Features(kernel.kind), choose(n * a_cols * b_cols)));
    sums.ab = cross.squaredNorm();
  }
  if (estimator != Estimator::kBiased) {
    const auto correct = estimator == Estimator::kDebiased ? &Debias : &DropDiagonal;
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const RowNorms> a_norms,
                             a.GetRowNorms(context, kernel.kind));
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const RowNorms> b_norms,
                             b.GetRowNorms(context, kernel.kind));
    double unused = 0.0;
    sums.ab = correct(sums.ab, a_norms->squared(), b_norms->squared(), unused);
    sums.aa = correct(sums.aa, a_norms->squared(), a_norms->squared(), sums.a_noise);
    sums.bb = correct(sums.bb, b_norms->squared(), b_norms->squared(), sums.b_noise);
    result.status = Judge(sums, ScoreStatus::kNonpositiveSelfTerm);
  }
  Assign(sums, result);
  return result;
}

template <typename Scalar>
absl::StatusOr<RsmPairSums> SumPair(const ComputeContext& context, const Operand& a,
                                    const Operand& b, const KernelSpec& kernel, double a_sigma,
                                    double b_sigma) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const RsmTiles<Scalar> a_tiles,
      RsmTiles<Scalar>::Create(context, *a.layers()[0], kernel, a_sigma, /*centered=*/true));
  GRAMIAN_ASSIGN_OR_RETURN(
      const RsmTiles<Scalar> b_tiles,
      RsmTiles<Scalar>::Create(context, *b.layers()[0], kernel, b_sigma, /*centered=*/true));
  return SumRsmPair<Scalar>(context, a_tiles, b_tiles);
}

absl::StatusOr<Alignment> SampleSpace(const ComputeContext& context, const Operand& a,
                                      const Operand& b, const KernelSpec& kernel,
                                      Estimator estimator) {
  const auto n = static_cast<double>(a.rows());
  Alignment result;
  result.form = Form::kSampleSpace;
  GRAMIAN_ASSIGN_OR_RETURN(const double a_sigma, a.GetBandwidth(context, kernel));
  GRAMIAN_ASSIGN_OR_RETURN(const double b_sigma, b.GetBandwidth(context, kernel));
  if (kernel.has_bandwidth() && (a_sigma == 0.0 || b_sigma == 0.0)) {
    result.status = ScoreStatus::kZeroBandwidth;
    return result;
  }
  const double work = 0.5 * n * n * static_cast<double>(a.cols() + b.cols());
  GRAMIAN_ASSIGN_OR_RETURN(const Arithmetic arithmetic,
                           ChooseSafeArithmetic(context, a, b, kernel, a_sigma, b_sigma, work));
  GRAMIAN_ASSIGN_OR_RETURN(const RsmPairSums pair,
                           arithmetic == Arithmetic::kFloat64
                               ? SumPair<double>(context, a, b, kernel, a_sigma, b_sigma)
                               : SumPair<float>(context, a, b, kernel, a_sigma, b_sigma));
  const AlignmentSums biased = BiasedSums(pair);
  result.status = Judge(biased, ScoreStatus::kConstant);
  if (result.status != ScoreStatus::kOk) return result;
  if (estimator == Estimator::kBiased) {
    Assign(biased, result);
    return result;
  }
  const AlignmentSums debiased =
      estimator == Estimator::kDebiased ? DebiasedSums(pair) : ZeroDiagonalSums(pair);
  result.status = Judge(debiased, ScoreStatus::kNonpositiveSelfTerm);
  Assign(debiased, result);
  return result;
}

absl::StatusOr<Alignment> SpectralSpace(const ComputeContext& context, const Operand& a,
                                        const Operand& b, const KernelSpec& kernel, double t,
                                        bool materialized) {
  Operand::SpectralOptions options;
  options.precise = t < 1.0;
  options.materialized = materialized;
  Alignment result;
  GRAMIAN_ASSIGN_OR_RETURN(const SpectralPair pair,
                           GetSpectralPair(context, a, b, kernel, options));
  result.status = pair.status;
  result.form = Form::kSpectral;
  if (pair.status != ScoreStatus::kOk) return result;
  if (!pair.a->features().is_explicit() && !pair.b->features().is_explicit()) {
    result.form = Form::kFeatureSpace;
  }
  result.a_self = 1.0;
  result.b_self = 1.0;
  if (a.key() == b.key()) {
    result.cross = 1.0;
    return result;
  }
  GRAMIAN_ASSIGN_OR_RETURN(const PowerOverlap overlap,
                           PowerOverlap::Compute(context, *pair.a, *pair.b, options.precise));
  result.cross = overlap.Cosine(t);
  return result;
}

// S~^t with Frobenius norm 1, by squaring; rescaled after every product, so that nothing over- or
// underflows.
absl::StatusOr<Matrix> UnitPower(const ComputeContext& context, Matrix base, int64_t t) {
  Matrix power;
  base /= base.norm();
  for (int64_t rest = t; rest > 0; rest /= 2) {
    if (rest % 2 == 1) {
      if (power.size() == 0) {
        power = base;
      } else {
        GRAMIAN_ASSIGN_OR_RETURN(power,
                                 Product(context, power, Transpose::kNo, base, Transpose::kNo));
      }
      power /= power.norm();
    }
    if (rest > 1) {
      GRAMIAN_ASSIGN_OR_RETURN(base, Product(context, base, Transpose::kNo, base, Transpose::kNo));
      base /= base.norm();
    }
  }
  return power;
}

absl::StatusOr<Alignment> SamplePowers(const ComputeContext& context, const Operand& a,
                                       const Operand& b, const KernelSpec& kernel, double t) {
  GRAMIAN_RETURN_IF_ERROR(CheckMatrixPower("form sample_space", t));
  // Degenerate sides are judged where it is cheap and the same for every t.
  GRAMIAN_ASSIGN_OR_RETURN(Alignment result,
                           SampleSpace(context, a, b, kernel, Estimator::kBiased));
  if (result.status != ScoreStatus::kOk || t == 1.0) return result;
  const int64_t n = a.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * n * n, "powers of an n x n RSM"));
  Matrix powers[2];
  for (int side = 0; side < 2; ++side) {
    const Operand& operand = side == 0 ? a : b;
    GRAMIAN_ASSIGN_OR_RETURN(const double sigma, operand.GetBandwidth(context, kernel));
    GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm,
                             ComputeCenteredRsm(context, *operand.layers()[0], kernel, sigma));
    GRAMIAN_ASSIGN_OR_RETURN(powers[side],
                             UnitPower(context, std::move(rsm), static_cast<int64_t>(t)));
  }
  result.cross = powers[0].cwiseProduct(powers[1]).sum();
  result.a_self = 1.0;
  result.b_self = 1.0;
  return result;
}

absl::StatusOr<Alignment> ProductPowers(const ComputeContext& context, const Operand& a,
                                        const Operand& b, const KernelSpec& kernel, double t) {
  GRAMIAN_RETURN_IF_ERROR(CheckMatrixPower("a plain product of layers", t));
  Alignment result;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const ProductOperator> a_product,
                           a.GetProduct(context, kernel));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const ProductOperator> b_product,
                           b.GetProduct(context, kernel));
  const bool in_features = kernel.is_feature_map() && a.cols() <= a.rows() && b.cols() <= b.rows();
  result.form = in_features ? Form::kFeatureSpace : Form::kSpectral;
  if (a_product == nullptr || b_product == nullptr) {
    result.status = ScoreStatus::kConstant;
    return result;
  }
  GRAMIAN_ASSIGN_OR_RETURN(
      result.cross,
      ProductOperator::PowerCosine(context, *a_product, *b_product, static_cast<int64_t>(t)));
  if (a.key() == b.key()) result.cross = 1.0;
  result.a_self = 1.0;
  result.b_self = 1.0;
  return result;
}

}  // namespace

double Alignment::Cosine() const {
  // Equal self terms need no root, so that a layer is exactly 1 with itself.
  const double norm = a_self == b_self ? a_self : std::sqrt(a_self) * std::sqrt(b_self);
  return std::clamp(cross / norm, -1.0, 1.0);
}

Form PlanForm(const KernelSpec& kernel, int64_t n_rows, int64_t a_cols, int64_t b_cols, double t) {
  const auto n = static_cast<double>(n_rows);
  const auto da = static_cast<double>(a_cols);
  const auto db = static_cast<double>(b_cols);
  const bool powers = t != 1.0;
  const double spectral =
      2.0 * n * n * n + (2.0 * kEigenFlops * Cube(n) + n * n * (da + db)) / kPairsPerLayer;
  const double sample = powers ? std::numeric_limits<double>::infinity() : n * n * (da + db);
  double feature = std::numeric_limits<double>::infinity();
  if (kernel.is_feature_map() && da <= n && db <= n) {
    feature = 2.0 * n * da * db + n * (da * da + db * db) / kPairsPerLayer;
    if (powers) feature += kEigenFlops * (Cube(da) + Cube(db)) / kPairsPerLayer;
  }
  if (feature <= sample && feature <= spectral) return Form::kFeatureSpace;
  return sample <= spectral ? Form::kSampleSpace : Form::kSpectral;
}

absl::StatusOr<Alignment> ComputeAlignment(const ComputeContext& context, const Operand& a,
                                           const Operand& b, const KernelSpec& kernel,
                                           Estimator estimator, Form form) {
  const int64_t least = estimator == Estimator::kDebiased ? 4 : 2;
  if (a.rows() < least) {
    Alignment result;
    result.status = ScoreStatus::kTooFewInputs;
    return result;
  }
  if (form == Form::kAuto) form = PlanForm(kernel, a.rows(), a.cols(), b.cols(), 1.0);
  if (form == Form::kSpectral && estimator != Estimator::kBiased) {
    // The planner may prefer eigenpairs, but they do not know the diagonal.
    return CannotUse(form, "has no debiased estimator");
  }
  absl::StatusOr<Alignment> result =
      form == Form::kFeatureSpace  ? FeatureSpace(context, a, b, kernel, estimator)
      : form == Form::kSampleSpace ? SampleSpace(context, a, b, kernel, estimator)
                                   : SpectralSpace(context, a, b, kernel, 1.0, true);
  if (result.ok() && result->status == ScoreStatus::kOk && a.key() == b.key()) {
    result->cross = result->a_self;
    result->b_self = result->a_self;
  }
  return result;
}

absl::StatusOr<Alignment> ComputePowerAlignment(const ComputeContext& context, const Operand& a,
                                                const Operand& b, const KernelSpec& kernel,
                                                double t, Form form) {
  if (a.is_network() != b.is_network() || !(a.fusion() == b.fusion())) {
    return absl::InvalidArgumentError(
        "a fused network is compared with a network that is fused the same way");
  }
  if (a.rows() < 2) {
    Alignment result;
    result.status = ScoreStatus::kTooFewInputs;
    return result;
  }
  if (a.is_network()) {
    if (form != Form::kAuto) return CannotUse(form, "cannot be forced on fused networks");
    GRAMIAN_RETURN_IF_ERROR(Validate(a.fusion()));
    t *= a.fusion().power;
    return a.fusion().order == FusionOrder::kProduct
               ? ProductPowers(context, a, b, kernel, t)
               : SpectralSpace(context, a, b, kernel, t, /*materialized=*/false);
  }
  if (form == Form::kAuto) form = PlanForm(kernel, a.rows(), a.cols(), b.cols(), t);
  if (t == 1.0 && form != Form::kSpectral) {
    return ComputeAlignment(context, a, b, kernel, Estimator::kBiased, form);
  }
  switch (form) {
    case Form::kSampleSpace:
      return SamplePowers(context, a, b, kernel, t);
    case Form::kFeatureSpace:
      if (!kernel.is_feature_map()) return CannotUse(form, "needs a linear or cosine kernel");
      return SpectralSpace(context, a, b, kernel, t, /*materialized=*/false);
    default:
      return SpectralSpace(context, a, b, kernel, t, /*materialized=*/true);
  }
}

MeasureTraits KernelTraits(const KernelSpec& kernel) {
  MeasureTraits traits;
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_permutation = true;
  traits.invariant_to_isotropic_scaling =
      !kernel.has_bandwidth() || kernel.rule != BandwidthRule::kFixed;
  traits.invariant_to_translation = kernel.kind != KernelKind::kCosine;
  return traits;
}

Score WithoutValue(const Alignment& alignment) {
  return Score{alignment.status, 0.0, alignment.form};
}

}  // namespace gramian
