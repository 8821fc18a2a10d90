// Distance correlation.
//
//   dCor^2 = <A, B> / sqrt(<A, A> <B, B>),  A, B the doubly centred matrices of Euclidean distances
//
// which is the alignment of the kernels -|x_i - x_j|. Sources: Szekely, Rizzo, Bakirov 2007;
// Szekely and Rizzo 2014 (unbiased); Sejdinovic et al. 2013 (as a kernel).
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

enum class DistanceForm { kRoot, kSquared, kUnbiased };

const char* NameOf(DistanceForm form) {
  switch (form) {
    case DistanceForm::kRoot:
      return "distcorr";
    case DistanceForm::kSquared:
      return "distcorr-form=squared";
    case DistanceForm::kUnbiased:
      return "distcorr-form=unbiased";
  }
  return "";
}

// Only a plain product of layers has negative squares (`is_signed`); otherwise they are rounding of
// 0.
Score ToScore(const Alignment& alignment, DistanceForm form, bool is_signed) {
  const double squared = alignment.Cosine();
  if (form == DistanceForm::kUnbiased) return Score{ScoreStatus::kOk, squared, alignment.form};
  if (squared < 0.0 && is_signed && form == DistanceForm::kRoot) {
    return Score{ScoreStatus::kUndefinedRoot, 0.0, alignment.form};
  }
  const double value = is_signed ? squared : std::max(squared, 0.0);
  return Score{ScoreStatus::kOk, form == DistanceForm::kRoot ? std::sqrt(value) : value,
               alignment.form};
}

class DistanceCorrelation final : public SimilarityMeasure {
 public:
  explicit DistanceCorrelation(DistanceForm form)
      : form_(form), name_(NameOf(form)), traits_(KernelTraits(kKernel)) {
    const bool unbiased = form == DistanceForm::kUnbiased;
    traits_.min_inputs = unbiased ? 4 : 2;
    traits_.range_min = unbiased ? -1.0 : 0.0;
    traits_.applies_to_networks = !unbiased;
    if (form != DistanceForm::kRoot) traits_.space = ScoreSpace::kCosine;
    if (!unbiased) traits_.debiased = NameOf(DistanceForm::kUnbiased);
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    const bool unbiased = form_ == DistanceForm::kUnbiased;
    if (a.is_network() && unbiased) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (unbiased && form == Form::kAuto) form = Form::kSampleSpace;
    GRAMIAN_ASSIGN_OR_RETURN(
        const Alignment alignment,
        unbiased ? ComputeAlignment(context, a, b, kKernel, Estimator::kDebiased, form)
                 : ComputePowerAlignment(context, a, b, kKernel, 1.0, form));
    if (alignment.status != ScoreStatus::kOk) return WithoutValue(alignment);
    return ToScore(alignment, form_, a.is_network() && a.fusion().order == FusionOrder::kProduct);
  }

  absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& context, const Operand& a, const Operand& b) const override {
    const Estimator estimator =
        form_ == DistanceForm::kUnbiased ? Estimator::kDebiased : Estimator::kBiased;
    return PermuteAlignment(context, a, b, kKernel, estimator,
                            [form = form_](const Alignment& alignment) {
                              return ToScore(alignment, form, /*is_signed=*/false);
                            });
  }

 private:
  static constexpr KernelSpec kKernel = {KernelKind::kDistance, BandwidthRule::kMedian, 1.0};

  const DistanceForm form_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  const std::string form = parameters.Take("form", "root");
  if (form == "root") return std::make_shared<const DistanceCorrelation>(DistanceForm::kRoot);
  if (form == "squared") return std::make_shared<const DistanceCorrelation>(DistanceForm::kSquared);
  if (form == "unbiased") {
    return std::make_shared<const DistanceCorrelation>(DistanceForm::kUnbiased);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("form is root, squared or unbiased, not '", form, "'"));
}

}  // namespace

MeasureEntry DistanceCorrelationEntry() {
  MeasureFamily family;
  family.name = "distcorr";
  family.description =
      "Distance correlation: square root of the normalised inner product of doubly centred "
      "Euclidean distances.";
  family.source = "Szekely, Rizzo, Bakirov 2007; Szekely and Rizzo 2014";
  family.parameters = {{"form", "root|squared|unbiased", "root",
                        "with the square root, without it, or the bias-corrected square"}};
  family.examples = {"distcorr", "distcorr-form=squared", "distcorr-form=unbiased"};
  return {std::move(family), &Make};
}

}  // namespace gramian
