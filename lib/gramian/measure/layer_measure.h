// What all measures of layers (not of fused networks) that have one exact form share.
#ifndef GRAMIAN_MEASURE_LAYER_MEASURE_H_
#define GRAMIAN_MEASURE_LAYER_MEASURE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Refuses networks and other forms (INVALID_ARGUMENT), answers kTooFewInputs and kDifferentWidths
// by the traits, and leaves the rest to CompareLayers.
class LayerMeasure : public SimilarityMeasure {
 public:
  const std::string& name() const final { return name_; }
  const MeasureTraits& traits() const final { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const final {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (form != Form::kAuto && form != form_) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, " has the form ", ToString(form_), " only, not ", ToString(form)));
    }
    if (a.rows() < traits_.min_inputs) return Score{ScoreStatus::kTooFewInputs, 0.0, form_};
    if (traits_.compares_features && a.cols() != b.cols()) {
      return Score{ScoreStatus::kDifferentWidths, 0.0, form_};
    }
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    GRAMIAN_ASSIGN_OR_RETURN(Score score, CompareLayers(context, a, b));
    score.form = form_;
    return score;
  }

 protected:
  LayerMeasure(std::string name, const MeasureTraits& traits, Form form)
      : name_(std::move(name)), traits_(traits), form_(form) {}

  // The score of two layers with enough inputs; its form is filled in by the caller.
  virtual absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                              const Operand& b) const = 0;

  static Score Value(double value) { return Score{ScoreStatus::kOk, value, Form::kAuto}; }
  static Score Without(ScoreStatus status) { return Score{status, 0.0, Form::kAuto}; }

 private:
  const std::string name_;
  const MeasureTraits traits_;
  const Form form_;
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_LAYER_MEASURE_H_
