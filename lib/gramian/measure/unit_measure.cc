#include "gramian/measure/unit_measure.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

class Measure final : public SimilarityMeasure {
 public:
  explicit Measure(UnitMeasure measure) : measure_(std::move(measure)) {}

  const std::string& name() const override { return measure_.name; }
  const MeasureTraits& traits() const override { return measure_.traits; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name(), " does not apply to fused networks"));
    }
    if (form != Form::kAuto && form != Form::kFeatureSpace) {
      return absl::InvalidArgumentError(absl::StrCat(name(), " has the form feature_space only"));
    }
    const auto score = [](ScoreStatus status, double value) {
      return Score{status, value, Form::kFeatureSpace};
    };
    if (a.rows() < traits().min_inputs) return score(ScoreStatus::kTooFewInputs, 0.0);
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> a_units,
                             GetUnitMoments(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> b_units,
                             GetUnitMoments(context, b));
    if (a_units->live() == 0 || b_units->live() == 0) return score(ScoreStatus::kConstant, 0.0);
    if (traits().best_with_itself && a.key() == b.key()) {
      return score(ScoreStatus::kOk, traits().larger_is_more_similar ? traits().range_max : 0.0);
    }
    GRAMIAN_ASSIGN_OR_RETURN(const double value, measure_.value(context, a, b, *a_units, *b_units));
    return score(ScoreStatus::kOk, std::clamp(value, traits().range_min, traits().range_max));
  }

 private:
  const UnitMeasure measure_;
};

}  // namespace

std::shared_ptr<const SimilarityMeasure> MakeUnitMeasure(UnitMeasure measure) {
  return std::make_shared<const Measure>(std::move(measure));
}

}  // namespace gramian
