#include "gramian/measure/measure.h"

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

}  // namespace gramian
