// Centred kernel alignment (CKA) and the Hilbert-Schmidt independence criterion (HSIC).
//
//   HSIC(K, L) = <K, L> / (n-1)^2  (gretton)  or  / (n (n-3))  (song, U-centred)
//   CKA(K, L)  = <K, L> / sqrt(<K, K> <L, L>)
//
// Sources: Kornblith et al. 2019 (arXiv 1905.00414), eqs. 2-4; Song et al. 2012, eq. 5 for the
// debiased estimator.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/permuted_alignment.h"

namespace gramian {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

const char* EstimatorName(Estimator estimator) {
  switch (estimator) {
    case Estimator::kBiased:
      return "gretton";
    case Estimator::kDebiased:
      return "song";
    case Estimator::kZeroDiagonal:
      return "lange";
  }
  return "";
}

// `with_lange` allows the estimator that has no scale of its own.
absl::StatusOr<Estimator> TakeEstimator(MeasureParameters& parameters, bool with_lange) {
  const std::string text = parameters.Take("hsic", "gretton");
  if (text == "gretton") return Estimator::kBiased;
  if (text == "song") return Estimator::kDebiased;
  if (text == "lange" && with_lange) return Estimator::kZeroDiagonal;
  return absl::InvalidArgumentError(absl::StrCat(
      "hsic is ", with_lange ? "gretton, song or lange" : "gretton or song", ", not '", text, "'"));
}

// The planner's choice, where spectral is open to the biased estimator only.
Form PlanFor(const KernelSpec& kernel, Estimator estimator, const Operand& a, const Operand& b,
             Form form) {
  if (form != Form::kAuto) return form;
  const Form planned = PlanForm(kernel, a.rows(), a.cols(), b.cols(), 1.0);
  return planned == Form::kSpectral && estimator != Estimator::kBiased ? Form::kSampleSpace
                                                                       : planned;
}

std::string CkaName(const KernelSpec& kernel, Estimator estimator, bool angular) {
  return absl::StrCat("cka-kernel=", kernel.ToString(), "-hsic=", EstimatorName(estimator),
                      angular ? "-distance=angular" : "-score");
}

std::string HsicName(const KernelSpec& kernel, Estimator estimator) {
  return absl::StrCat("hsic-kernel=", kernel.ToString(), "-hsic=", EstimatorName(estimator),
                      "-score");
}

// Inner products of semidefinite matrices are not negative but for rounding, which is cut unless
// `is_signed`.
Score CkaScore(const Alignment& alignment, bool is_signed, bool angular) {
  const double cka = is_signed ? alignment.Cosine() : std::max(alignment.Cosine(), 0.0);
  return Score{ScoreStatus::kOk, angular ? std::acos(cka) : cka, alignment.form};
}

Score HsicScore(const Alignment& alignment, Estimator estimator, double n) {
  const double value = estimator == Estimator::kDebiased
                           ? alignment.cross / (n * (n - 3.0))
                           : std::max(alignment.cross, 0.0) / ((n - 1.0) * (n - 1.0));
  return Score{ScoreStatus::kOk, value, alignment.form};
}

class Cka final : public SimilarityMeasure {
 public:
  Cka(const KernelSpec& kernel, Estimator estimator, bool angular)
      : kernel_(kernel),
        estimator_(estimator),
        angular_(angular),
        name_(CkaName(kernel, estimator, angular)),
        traits_(KernelTraits(kernel)) {
    if (estimator != Estimator::kDebiased) {
      traits_.debiased = CkaName(kernel, Estimator::kDebiased, angular);
    }
    const bool debiased = estimator != Estimator::kBiased;
    traits_.min_inputs = estimator == Estimator::kDebiased ? 4 : 2;
    traits_.applies_to_networks = !debiased;
    traits_.range_min = debiased ? -1.0 : 0.0;
    traits_.space = angular ? ScoreSpace::kAngle : ScoreSpace::kCosine;
    if (angular) {
      traits_.larger_is_more_similar = false;
      traits_.is_metric = true;
      traits_.range_min = 0.0;
      traits_.range_max = debiased ? kPi : kPi / 2.0;
    }
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() && estimator_ != Estimator::kBiased) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    GRAMIAN_ASSIGN_OR_RETURN(const Alignment alignment,
                             a.is_network() || b.is_network()
                                 ? ComputePowerAlignment(context, a, b, kernel_, 1.0, form)
                                 : ComputeAlignment(context, a, b, kernel_, estimator_,
                                                    PlanFor(kernel_, estimator_, a, b, form)));
    if (alignment.status != ScoreStatus::kOk) return WithoutValue(alignment);
    // Plain products of layers have either sign.
    const bool is_signed = estimator_ != Estimator::kBiased ||
                           (a.is_network() && a.fusion().order == FusionOrder::kProduct);
    return CkaScore(alignment, is_signed, angular_);
  }

  absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& context, const Operand& a, const Operand& b) const override {
    const auto score = [is_signed = estimator_ != Estimator::kBiased,
                        angular = angular_](const Alignment& alignment) {
      return CkaScore(alignment, is_signed, angular);
    };
    return PermuteAlignment(context, a, b, kernel_, estimator_, score);
  }

 private:
  const KernelSpec kernel_;
  const Estimator estimator_;
  const bool angular_;
  const std::string name_;
  MeasureTraits traits_;
};

class Hsic final : public SimilarityMeasure {
 public:
  Hsic(const KernelSpec& kernel, Estimator estimator)
      : kernel_(kernel),
        estimator_(estimator),
        name_(HsicName(kernel, estimator)),
        traits_(KernelTraits(kernel)) {
    const bool debiased = estimator == Estimator::kDebiased;
    if (!debiased) traits_.debiased = HsicName(kernel, Estimator::kDebiased);
    traits_.min_inputs = debiased ? 4 : 2;
    traits_.range_min = debiased ? -kInfinity : 0.0;
    traits_.range_max = kInfinity;
    traits_.scores_constant_layers = true;
    // Not normalised: only kernels that do not see the scale are invariant to it.
    traits_.invariant_to_isotropic_scaling =
        kernel.kind == KernelKind::kCosine ||
        (kernel.has_bandwidth() && kernel.rule != BandwidthRule::kFixed);
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (form == Form::kSpectral) {
      return absl::InvalidArgumentError("form spectral has no scale, which HSIC needs");
    }
    if (form == Form::kAuto) {
      form = PlanForm(kernel_, a.rows(), a.cols(), b.cols(), 1.0);
      if (form == Form::kSpectral) form = Form::kSampleSpace;
    }
    GRAMIAN_ASSIGN_OR_RETURN(const Alignment alignment,
                             ComputeAlignment(context, a, b, kernel_, estimator_, form));
    const auto n = static_cast<double>(a.rows());
    switch (alignment.status) {
      case ScoreStatus::kConstant:
        return Score{ScoreStatus::kOk, 0.0, alignment.form};
      case ScoreStatus::kOk:
      case ScoreStatus::kNonpositiveSelfTerm:
        break;
      default:
        return WithoutValue(alignment);
    }
    return HsicScore(alignment, estimator_, n);
  }

  absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& context, const Operand& a, const Operand& b) const override {
    const auto score = [estimator = estimator_,
                        n = static_cast<double>(a.rows())](const Alignment& alignment) {
      return HsicScore(alignment, estimator, n);
    };
    return PermuteAlignment(context, a, b, kernel_, estimator_, score);
  }

 private:
  const KernelSpec kernel_;
  const Estimator estimator_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeCka(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(false));
  GRAMIAN_ASSIGN_OR_RETURN(const Estimator estimator, TakeEstimator(parameters, true));
  const std::string distance = parameters.Take("distance", "");
  if (!distance.empty() && distance != "angular") {
    return absl::InvalidArgumentError(absl::StrCat("distance is angular, not '", distance, "'"));
  }
  return std::make_shared<const Cka>(kernel, estimator, !distance.empty());
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeHsic(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(true));
  GRAMIAN_ASSIGN_OR_RETURN(const Estimator estimator, TakeEstimator(parameters, false));
  return std::make_shared<const Hsic>(kernel, estimator);
}

const MeasureParameter kBandwidth = {
    "bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
    "sigma of the rbf and laplacian kernels: fixed, or F times a median distance"};
const MeasureParameter kHsic = {"hsic", "gretton|song", "gretton",
                                "biased (gretton) or debiased (song) estimator"};

}  // namespace

MeasureEntry CkaEntry() {
  MeasureFamily family;
  family.name = "cka";
  family.description =
      "Centred kernel alignment: <K~, L~> / (|K~| |L~|) of the centred RSMs of two layers.";
  family.source =
      "Kornblith et al. 2019, arXiv 1905.00414, eqs. 2-4; Song et al. 2012, eq. 5; Lange et al. "
      "2022, arXiv 2206.10999";
  family.parameters = {
      {"kernel", "linear|cosine|rbf|laplacian", "linear", "the RSM that is compared"},
      kBandwidth,
      {"hsic", "gretton|song|lange", "gretton",
       "biased (gretton) or debiased (song) estimator, or the biased one of centred RSMs whose "
       "diagonals are set to 0 (lange)"},
      {"distance", "angular", "", "arccos of the score, a true distance"}};
  family.examples = {"cka-kernel=linear-hsic=gretton-score",
                     "cka-kernel=linear-hsic=song-score",
                     "cka-kernel=linear-hsic=gretton-distance=angular",
                     "cka-kernel=linear-hsic=lange-distance=angular",
                     "cka-kernel=rbf-bandwidth=median:1-hsic=lange-score",
                     "cka-kernel=cosine-hsic=gretton-score",
                     "cka-kernel=rbf-bandwidth=median:1-hsic=gretton-score",
                     "cka-kernel=rbf-bandwidth=kornblith:0.4-hsic=song-score",
                     "cka-kernel=rbf-bandwidth=fixed:2-hsic=gretton-score",
                     "cka-kernel=laplacian-bandwidth=lowermedian:1-hsic=gretton-score"};
  return {std::move(family), &MakeCka};
}

MeasureEntry HsicEntry() {
  MeasureFamily family;
  family.name = "hsic";
  family.description =
      "Hilbert-Schmidt independence criterion: tr(HKH HLH)/(n-1)^2, or debiased. Not normalised.";
  family.source = "Gretton et al. 2005; Song et al. 2012, eq. 5; Kornblith et al. 2019, eq. 3";
  family.parameters = {
      {"kernel", "linear|cosine|rbf|laplacian|distance", "linear",
       "the RSM that is compared; distance means -|x_i - x_j|, which gives distance covariance"},
      kBandwidth,
      kHsic};
  family.examples = {"hsic-kernel=linear-hsic=gretton-score", "hsic-kernel=linear-hsic=song-score",
                     "hsic-kernel=distance-hsic=gretton-score",
                     "hsic-kernel=rbf-bandwidth=median:1-hsic=gretton-score"};
  return {std::move(family), &MakeHsic};
}

}  // namespace gramian
