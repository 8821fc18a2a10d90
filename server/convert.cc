#include "server/convert.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gramian/base/status_macros.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

constexpr double kMaxPower = 64;

v1::ComputeForm ToProto(Form form) {
  switch (form) {
    case Form::kAuto:
      return v1::COMPUTE_FORM_UNSPECIFIED;
    case Form::kFeatureSpace:
      return v1::COMPUTE_FORM_FEATURE_SPACE;
    case Form::kSampleSpace:
      return v1::COMPUTE_FORM_SAMPLE_SPACE;
    case Form::kSpectral:
      return v1::COMPUTE_FORM_SPECTRAL;
  }
  return v1::COMPUTE_FORM_UNSPECIFIED;
}

absl::StatusOr<SnapshotKey> Resolve(ResourceName name, const ActivationStore& store) {
  if (!name.step.has_value()) {
    const std::vector<SnapshotSummary> snapshots = store.ListSnapshots(name.project, name.network);
    if (snapshots.empty()) {
      return absl::NotFoundError(absl::StrCat("network '", name.network, "' of project '",
                                              name.project, "' does not exist"));
    }
    name.step = snapshots.back().step;
  }
  return SnapshotKey{std::move(name.project), std::move(name.network), *name.step};
}

absl::Status CheckNotNegative(int64_t value, absl::string_view what) {
  if (value >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " is ", value, ", must be at least 0"));
}

}  // namespace

v1::ScoreStatus ToProto(ScoreStatus status) {
  switch (status) {
    case ScoreStatus::kOk:
      return v1::SCORE_STATUS_OK;
    case ScoreStatus::kConstant:
      return v1::SCORE_STATUS_DEGENERATE_CONSTANT;
    case ScoreStatus::kTooFewInputs:
      return v1::SCORE_STATUS_TOO_FEW_INPUTS;
    case ScoreStatus::kNonpositiveSelfTerm:
      return v1::SCORE_STATUS_NONPOSITIVE_SELF_TERM;
    case ScoreStatus::kUndefinedRoot:
      return v1::SCORE_STATUS_UNDEFINED_ROOT;
    case ScoreStatus::kZeroBandwidth:
      return v1::SCORE_STATUS_ZERO_BANDWIDTH;
    case ScoreStatus::kRankDeficient:
      return v1::SCORE_STATUS_RANK_DEFICIENT;
    case ScoreStatus::kDifferentWidths:
      return v1::SCORE_STATUS_DIFFERENT_WIDTHS;
    case ScoreStatus::kCoincidingPoints:
      return v1::SCORE_STATUS_COINCIDING_POINTS;
    case ScoreStatus::kAntipodalPoints:
      return v1::SCORE_STATUS_ANTIPODAL_POINTS;
    case ScoreStatus::kEquidistant:
      return v1::SCORE_STATUS_EQUIDISTANT;
  }
  return v1::SCORE_STATUS_UNSPECIFIED;
}

v1::ScoreSpace ToProto(ScoreSpace space) {
  switch (space) {
    case ScoreSpace::kNone:
      return v1::SCORE_SPACE_UNSPECIFIED;
    case ScoreSpace::kCosine:
    case ScoreSpace::kAngle:
      return v1::SCORE_SPACE_SPHERE;
    case ScoreSpace::kDistance:
      return v1::SCORE_SPACE_EUCLIDEAN;
    case ScoreSpace::kShape:
      return v1::SCORE_SPACE_SHAPE;
    case ScoreSpace::kAngularShape:
      return v1::SCORE_SPACE_ANGULAR_SHAPE;
    case ScoreSpace::kPositiveDefinite:
      return v1::SCORE_SPACE_POSITIVE_DEFINITE;
  }
  return v1::SCORE_SPACE_UNSPECIFIED;
}

absl::StatusOr<SnapshotKey> ToSnapshotKey(absl::string_view name, const ActivationStore& store,
                                          const ServerOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(ResourceName parsed,
                           ParseResourceName(name, ResourcePattern::kSnapshot, options.name_bytes));
  return Resolve(std::move(parsed), store);
}

absl::StatusOr<LayerKey> ToLayerKey(absl::string_view name, const ActivationStore& store,
                                    const ServerOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(ResourceName parsed,
                           ParseResourceName(name, ResourcePattern::kLayer, options.name_bytes));
  LayerKey key;
  key.layer = std::move(parsed.layer);
  GRAMIAN_ASSIGN_OR_RETURN(key.snapshot, Resolve(std::move(parsed), store));
  return key;
}

absl::StatusOr<SnapshotSelection> ToSelection(
    const ActivationStore& store, const ServerOptions& options, absl::string_view snapshot,
    const google::protobuf::RepeatedPtrField<std::string>& layers) {
  if (layers.size() > options.max_layers) {
    return absl::InvalidArgumentError(absl::StrCat(
        layers.size(), " layers are asked for, more than the limit of ", options.max_layers));
  }
  SnapshotSelection selection;
  GRAMIAN_ASSIGN_OR_RETURN(selection.snapshot, ToSnapshotKey(snapshot, store, options));
  selection.layers.assign(layers.begin(), layers.end());
  return selection;
}

absl::StatusOr<Fusion> ToFusion(const v1::Fusion& fusion) {
  Fusion result;
  switch (fusion.order()) {
    case v1::FUSION_ORDER_UNSPECIFIED:
    case v1::FUSION_ORDER_SYMMETRIZED:
      result.order = FusionOrder::kSymmetrized;
      break;
    case v1::FUSION_ORDER_PRODUCT:
      result.order = FusionOrder::kProduct;
      break;
    case v1::FUSION_ORDER_REVERSED:
      result.order = FusionOrder::kReversed;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("fusion order ", static_cast<int>(fusion.order()), " is not known"));
  }
  result.power = fusion.power() == 0 ? 1 : fusion.power();
  // Written so that a NaN is refused.
  if (!(result.power > 0 && result.power <= kMaxPower)) {
    return absl::InvalidArgumentError(absl::StrCat("fusion power is ", fusion.power(),
                                                   ", must be above 0 and at most ", kMaxPower));
  }
  GRAMIAN_RETURN_IF_ERROR(Validate(result));
  return result;
}

absl::StatusOr<KernelSpec> ToKernel(absl::string_view text) {
  KernelSpec kernel;
  if (text.empty()) return kernel;
  const size_t dash = text.find('-');
  GRAMIAN_ASSIGN_OR_RETURN(kernel.kind, ParseKernelKind(text.substr(0, dash)));
  absl::string_view bandwidth = dash == absl::string_view::npos ? "" : text.substr(dash + 1);
  if (bandwidth.empty() && dash == absl::string_view::npos) return kernel;
  if (!kernel.has_bandwidth() || !absl::ConsumePrefix(&bandwidth, "bandwidth=")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kernel '", text, "' is not understood; an example is rbf-bandwidth=median:1"));
  }
  GRAMIAN_RETURN_IF_ERROR(ParseBandwidth(bandwidth, kernel));
  return kernel;
}

absl::StatusOr<OperatorRequest> ToOperatorRequest(const v1::GetOperatorRequest& request) {
  OperatorRequest result;
  if (request.source_case() == v1::GetOperatorRequest::SOURCE_NOT_SET) {
    return absl::InvalidArgumentError("neither layer nor snapshot is given");
  }
  if (request.has_layer() && request.has_fusion()) {
    return absl::InvalidArgumentError("fusion is given with a layer; it goes with a snapshot");
  }
  GRAMIAN_ASSIGN_OR_RETURN(result.kernel, ToKernel(request.kernel()));
  switch (request.view_case()) {
    case v1::GetOperatorRequest::kSpectrum:
      result.view = OperatorRequest::View::kSpectrum;
      result.k = request.spectrum().count();
      break;
    case v1::GetOperatorRequest::kDiffusion:
      result.view = OperatorRequest::View::kCoordinates;
      result.k = request.diffusion().count();
      result.t = request.diffusion().time() == 0 ? 1 : request.diffusion().time();
      break;
    case v1::GetOperatorRequest::kMarkov:
      result.view = OperatorRequest::View::kRows;
      result.first_row = request.markov().first_row();
      result.row_count = request.markov().row_count();
      break;
    case v1::GetOperatorRequest::VIEW_NOT_SET:
      return absl::InvalidArgumentError("no view is given: spectrum, diffusion or markov");
  }
  if (!(result.t > 0 && std::isfinite(result.t))) {
    return absl::InvalidArgumentError(
        absl::StrCat("time is ", result.t, ", must be finite and above 0"));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckNotNegative(result.k, "count"));
  GRAMIAN_RETURN_IF_ERROR(CheckNotNegative(result.first_row, "first_row"));
  GRAMIAN_RETURN_IF_ERROR(CheckNotNegative(result.row_count, "row_count"));
  return result;
}

v1::Score ToProto(const Comparison& comparison, const SimilarityMeasure& measure) {
  v1::Score result;
  result.set_measure(measure.name());
  result.set_status(ToProto(comparison.score.status));
  if (comparison.score.status == ScoreStatus::kOk) result.set_value(comparison.score.value);
  result.set_input_count(comparison.rows);
  result.set_feature_count_a(comparison.cols_a);
  result.set_feature_count_b(comparison.cols_b);
  result.set_larger_is_more_similar(measure.traits().larger_is_more_similar);
  result.set_form(ToProto(comparison.score.form));
  result.set_compute_seconds(comparison.cached ? 0 : comparison.compute_seconds);
  result.set_cached(comparison.cached);
  if (comparison.score.recall != 1.0F) result.set_recall(comparison.score.recall);
  return result;
}

v1::MatrixBlock ToProto(const ComparisonBlock& block) {
  v1::MatrixBlock result;
  result.set_first_row(block.first_row);
  result.set_row_count(block.row_count);
  result.set_first_column(block.first_col);
  result.set_column_count(block.col_count);
  result.set_done_count(block.done);
  result.mutable_values()->Reserve(static_cast<int>(block.comparisons.size()));
  bool all_ok = true;
  int64_t cached = 0;
  float recall = 1.0F;
  for (const Comparison& comparison : block.comparisons) {
    const bool ok = comparison.score.status == ScoreStatus::kOk;
    result.add_values(ok ? comparison.score.value : 0);
    all_ok = all_ok && ok;
    cached += comparison.cached ? 1 : 0;
    recall = std::min(recall, comparison.score.recall);
    if (comparison.score.form != Form::kAuto) result.set_form(ToProto(comparison.score.form));
  }
  result.set_cached_count(cached);
  if (recall != 1.0F) result.set_recall(recall);
  if (all_ok) return result;
  for (const Comparison& comparison : block.comparisons)
    result.add_statuses(ToProto(comparison.score.status));
  return result;
}

v1::Measure ToProto(const SimilarityMeasure& measure, const MeasureFamily& family) {
  const MeasureTraits& traits = measure.traits();
  v1::Measure result;
  result.set_name(measure.name());
  result.set_family(family.name);
  result.set_description(family.description);
  result.set_range_min(traits.range_min);
  result.set_range_max(traits.range_max);
  result.set_larger_is_more_similar(traits.larger_is_more_similar);
  result.set_is_symmetric(traits.is_symmetric);
  result.set_is_metric(traits.is_metric);
  result.set_applies_to_networks(traits.applies_to_networks);
  result.set_min_input_count(traits.min_inputs);
  result.set_space(ToProto(traits.space));
  result.set_compares_tangents(traits.compares_tangents);
  const std::pair<bool, v1::Invariance> invariances[] = {
      {traits.invariant_to_permutation, v1::INVARIANCE_PERMUTATION},
      {traits.invariant_to_orthogonal, v1::INVARIANCE_ORTHOGONAL},
      {traits.invariant_to_isotropic_scaling, v1::INVARIANCE_ISOTROPIC_SCALING},
      {traits.invariant_to_invertible_linear, v1::INVARIANCE_INVERTIBLE_LINEAR},
      {traits.invariant_to_translation, v1::INVARIANCE_TRANSLATION},
      {traits.invariant_to_affine, v1::INVARIANCE_AFFINE}};
  for (const auto& [holds, invariance] : invariances) {
    if (holds) result.add_invariances(invariance);
  }
  for (const MeasureParameter& parameter : family.parameters) {
    v1::MeasureParameter* added = result.add_parameters();
    added->set_key(parameter.key);
    added->set_description(absl::StrCat(parameter.description, " (", parameter.values, ")"));
    added->set_default_value(parameter.default_value);
  }
  return result;
}

std::string SnapshotLabel(const SnapshotKey& key) {
  return absl::StrCat(key.network, "@", key.step);
}

}  // namespace gramian
