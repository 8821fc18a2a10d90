// Metric similarity analysis: layers by the intrinsic geometry that they give to the same manifold
// of inputs, from tangent data.
//
//   distance = mean_i d_SR(G_a,i, G_b,i) = mean_i (1 - sqrt(l_min / l_max)),  G_a v = l G_b v
//   similarity = 1 - distance;  shape, airm: means of |log l - mean(log l)| and of |log l|
//
// All inputs count alike; CompareTangents takes weights. Sources: Cayco Gajic and Pellegrino 2026,
// arXiv 2603.28764 (spectral ratio); the affine-invariant Riemannian distance is the field's usual
// one of positive definite matrices.
#include "gramian/tangent/msa.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/operand.h"

namespace gramian {
namespace {

MeasureTraits TraitsOf(const std::string& form) {
  MeasureTraits traits;
  traits.compares_tangents = true;
  traits.min_inputs = 1;
  traits.larger_is_more_similar = form == "similarity";
  traits.is_metric = form != "similarity";
  if (form == "shape" || form == "airm") {
    traits.range_max = std::numeric_limits<double>::infinity();
  }
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_permutation = true;
  traits.invariant_to_translation = true;
  traits.invariant_to_isotropic_scaling = form != "airm";
  return traits;
}

bool Vanishes(const FactorField& field) {
  const Index size = PackedSize(field.coordinates());
  for (int64_t i = 0; i < field.rows(); ++i) {
    if (!Eigen::Map<const Vector>(field.factor(i), size).isZero(0.0)) return false;
  }
  return true;
}

class Msa final : public LayerMeasure {
 public:
  explicit Msa(const std::string& form)
      : LayerMeasure(absl::StrCat("msa-form=", form), TraitsOf(form), Form::kFeatureSpace),
        form_(form) {}

 protected:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_RETURN_IF_ERROR(CheckApplies(*this, a, b));
    GRAMIAN_ASSIGN_OR_RETURN(const auto field_a, FieldOfFactors(context, *a.layers()[0]));
    GRAMIAN_ASSIGN_OR_RETURN(const auto field_b, FieldOfFactors(context, *b.layers()[0]));
    if (form_ != "airm" && field_a->coordinates() == 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(name(),
                       " is blind in 1 coordinate, where all pullback metrics are "
                       "conformal; use msa-form=airm"));
    }
    if (Vanishes(*field_a) || Vanishes(*field_b)) return Without(ScoreStatus::kConstant);
    GRAMIAN_ASSIGN_OR_RETURN(const MsaReport report,
                             CompareFields(context, *field_a, *field_b, {}));
    if (form_ == "distance") return Value(report.distance);
    if (form_ == "similarity") return Value(report.similarity);
    if (a.key() == b.key()) return Value(0.0);
    // One point where ranges differ is infinitely far.
    if (report.rank_mismatches > 0 || report.compared == 0) {
      return Without(ScoreStatus::kRankDeficient);
    }
    return Value(form_ == "shape" ? report.shape_mean : report.airm_mean);
  }

 private:
  const std::string form_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::string form,
      parameters.TakeChoice("form", {"distance", "similarity", "shape", "airm"}));
  return std::make_shared<const Msa>(form);
}

}  // namespace

MeasureEntry MsaEntry() {
  MeasureFamily family;
  family.name = "msa";
  family.description =
      "Metric similarity analysis of tangent data: mean over the inputs of 1 - sqrt(l_min / "
      "l_max), "
      "l the eigenvalues of one pullback metric relative to the other (m x m). Per layer O(n m^2), "
      "per pair O(n m^3).";
  family.source = "Cayco Gajic and Pellegrino 2026, arXiv 2603.28764";
  family.parameters = {{"form", "distance|similarity|shape|airm", "distance",
                        "the mean spectral ratio, 1 minus it, or the mean distance of log l from "
                        "its mean (shape) or from 0 (affine-invariant Riemannian)"}};
  family.examples = {"msa-form=distance", "msa-form=similarity", "msa-form=shape", "msa-form=airm"};
  return {std::move(family), &Make};
}

}  // namespace gramian
