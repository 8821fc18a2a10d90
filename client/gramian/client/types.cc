#include "gramian/client/types.h"

namespace gramian::client {

absl::string_view Name(RowKind kind) {
  switch (kind) {
    case RowKind::kActivations:
      return "activations";
    case RowKind::kFactor:
      return "factor";
    case RowKind::kJacobian:
      return "jacobian";
    case RowKind::kPullbackMetric:
      return "pullback_metric";
    case RowKind::kSoftmaxJacobian:
      return "softmax_jacobian";
  }
  return "";
}

absl::string_view Name(ScoreStatus status) {
  switch (status) {
    case ScoreStatus::kOk:
      return "ok";
    case ScoreStatus::kDegenerateConstant:
      return "constant";
    case ScoreStatus::kTooFewInputs:
      return "too few inputs";
    case ScoreStatus::kNonpositiveSelfTerm:
      return "nonpositive self term";
    case ScoreStatus::kUndefinedRoot:
      return "undefined root";
    case ScoreStatus::kRankDeficient:
      return "rank deficient";
    case ScoreStatus::kZeroBandwidth:
      return "zero bandwidth";
    case ScoreStatus::kDifferentWidths:
      return "different widths";
    case ScoreStatus::kCoincidingPoints:
      return "coinciding points";
    case ScoreStatus::kAntipodalPoints:
      return "antipodal points";
    case ScoreStatus::kEquidistant:
      return "equidistant";
    case ScoreStatus::kUnknown:
      break;
  }
  return "unknown";
}

absl::string_view Name(ComputeForm form) {
  switch (form) {
    case ComputeForm::kFeatureSpace:
      return "feature space";
    case ComputeForm::kSampleSpace:
      return "sample space";
    case ComputeForm::kSpectral:
      return "spectral";
    case ComputeForm::kNone:
      break;
  }
  return "-";
}

}  // namespace gramian::client
