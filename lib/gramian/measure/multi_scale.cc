// Multi-scale (diffusion) measures: layers and fused networks compared at diffusion time t.
//
//   MS-CKA(t)      = <S~a^t, S~b^t> / (|S~a^t| |S~b^t|), kernels as in CKA; t = 1 is CKA
//   MS-DistCorr(t) = square root of the same with the kernel -|x_i - x_j|; t = 1 is distance
//   correlation
//
// These are the alignments of H P^t H for the Markov operators P = J + c S~, with J removed
// analytically. Source: arXiv 2605.15901 (diffusion geometry of representations).
#include <cmath>
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

// Of plain products of layers (`is_signed`) cosines have either sign; other negative ones are
// rounding of 0.
Score ToScore(const Alignment& alignment, bool root, bool is_signed) {
  double value = alignment.Cosine();
  if (!is_signed) value = std::max(value, 0.0);
  if (root && value < 0.0) return Score{ScoreStatus::kUndefinedRoot, 0.0, alignment.form};
  return Score{ScoreStatus::kOk, root ? std::sqrt(value) : value, alignment.form};
}

class MultiScale final : public SimilarityMeasure {
 public:
  MultiScale(std::string name, const KernelSpec& kernel, double t, bool root)
      : name_(std::move(name)), kernel_(kernel), t_(t), root_(root), traits_(KernelTraits(kernel)) {
    traits_.applies_to_networks = true;
    if (!root) traits_.space = ScoreSpace::kCosine;
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const Alignment alignment,
                             ComputePowerAlignment(context, a, b, kernel_, t_, form));
    if (alignment.status != ScoreStatus::kOk) return WithoutValue(alignment);
    return ToScore(alignment, root_, a.is_network() && a.fusion().order == FusionOrder::kProduct);
  }

  absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& context, const Operand& a, const Operand& b) const override {
    return PermutePowerAlignment(context, a, b, kernel_, t_,
                                 [root = root_](const Alignment& alignment) {
                                   return ToScore(alignment, root, /*is_signed=*/false);
                                 });
  }

 private:
  const std::string name_;
  const KernelSpec kernel_;
  const double t_;
  const bool root_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeCka(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(false));
  GRAMIAN_ASSIGN_OR_RETURN(const double t, parameters.TakePositive("t", 1.0));
  const std::string kernel_part =
      kernel.kind == KernelKind::kLinear ? "" : absl::StrCat("-kernel=", kernel.ToString());
  return std::make_shared<const MultiScale>(
      absl::StrCat("ms-cka", kernel_part, "-t=", FormatNumber(t)), kernel, t, /*root=*/false);
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeDistanceCorrelation(
    MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const double t, parameters.TakePositive("t", 1.0));
  KernelSpec kernel;
  kernel.kind = KernelKind::kDistance;
  return std::make_shared<const MultiScale>(absl::StrCat("ms-distcorr-t=", FormatNumber(t)), kernel,
                                            t, /*root=*/true);
}

const MeasureParameter kTime = {"t", "real > 0", "1", "diffusion time: the power of the operators"};

}  // namespace

MeasureEntry MultiScaleCkaEntry() {
  MeasureFamily family;
  family.name = "ms-cka";
  family.description =
      "Multi-scale CKA: CKA of the t-th powers of the Markov operators of two layers or fused "
      "networks.";
  family.source = "arXiv 2605.15901";
  family.parameters = {
      {"kernel", "linear|cosine|rbf|laplacian", "linear", "the RSM behind the operator"},
      {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
       "sigma of the rbf and laplacian kernels"},
      kTime};
  family.examples = {"ms-cka-t=1",
                     "ms-cka-t=4",
                     "ms-cka-t=0.5",
                     "ms-cka-t=64",
                     "ms-cka-kernel=cosine-t=2",
                     "ms-cka-kernel=rbf-bandwidth=median:1-t=4",
                     "ms-cka-kernel=laplacian-bandwidth=median:1-t=2"};
  return {std::move(family), &MakeCka};
}

MeasureEntry MultiScaleDistanceCorrelationEntry() {
  MeasureFamily family;
  family.name = "ms-distcorr";
  family.description =
      "Multi-scale distance correlation: distance correlation of the t-th powers of the operators "
      "of two layers or "
      "fused networks.";
  family.source = "arXiv 2605.15901";
  family.parameters = {kTime};
  family.examples = {"ms-distcorr-t=1", "ms-distcorr-t=4", "ms-distcorr-t=0.5"};
  return {std::move(family), &MakeDistanceCorrelation};
}

}  // namespace gramian
