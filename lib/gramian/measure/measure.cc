#include "gramian/measure/measure.h"

#include "absl/strings/str_cat.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/path_geometry.h"

namespace gramian {

const char* ToString(ScoreStatus status) {
  switch (status) {
    case ScoreStatus::kOk:
      return "ok";
    case ScoreStatus::kConstant:
      return "constant";
    case ScoreStatus::kTooFewInputs:
      return "too_few_inputs";
    case ScoreStatus::kNonpositiveSelfTerm:
      return "nonpositive_self_term";
    case ScoreStatus::kUndefinedRoot:
      return "undefined_root";
    case ScoreStatus::kZeroBandwidth:
      return "zero_bandwidth";
    case ScoreStatus::kRankDeficient:
      return "rank_deficient";
    case ScoreStatus::kDifferentWidths:
      return "different_widths";
    case ScoreStatus::kCoincidingPoints:
      return "coinciding_points";
    case ScoreStatus::kAntipodalPoints:
      return "antipodal_points";
    case ScoreStatus::kEquidistant:
      return "equidistant";
  }
  return "unknown";
}

const char* ToString(Form form) {
  switch (form) {
    case Form::kAuto:
      return "auto";
    case Form::kFeatureSpace:
      return "feature_space";
    case Form::kSampleSpace:
      return "sample_space";
    case Form::kSpectral:
      return "spectral";
  }
  return "unknown";
}

absl::StatusOr<std::unique_ptr<const PathGeometry>> SimilarityMeasure::PlacePoints(
    const ComputeContext& /*context*/, absl::Span<const Operand> /*layers*/,
    absl::Span<const Score> /*scores*/) const {
  return nullptr;
}

absl::Status CheckApplies(const SimilarityMeasure& measure, const Operand& a, const Operand& b) {
  const bool wants_tangents = measure.traits().compares_tangents;
  for (const Operand* operand : {&a, &b}) {
    for (const auto& layer : operand->layers()) {
      const RowLayout& layout = layer->shape().layout;
      if (layout.is_tangent() == wants_tangents) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "measure '", measure.name(), "' compares ",
          wants_tangents ? "tangent data (factors of pullback metrics)" : "activations",
          ", not rows of ", ToString(layout.kind)));
    }
  }
  return absl::OkStatus();
}

}  // namespace gramian
