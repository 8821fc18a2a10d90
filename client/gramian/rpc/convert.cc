#include "gramian/rpc/convert.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gramian::client {

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

namespace {

constexpr int64_t kCellLimit = 100'000'000;

DType FromProto(v1::Dtype dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT16:
      return DType::kFloat16;
    case v1::DTYPE_BFLOAT16:
      return DType::kBfloat16;
    case v1::DTYPE_FLOAT64:
      return DType::kFloat64;
    default:
      return DType::kFloat32;
  }
}

v1::Dtype ToProto(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return v1::DTYPE_FLOAT16;
    case DType::kBfloat16:
      return v1::DTYPE_BFLOAT16;
    case DType::kFloat64:
      return v1::DTYPE_FLOAT64;
    case DType::kFloat32:
      break;
  }
  return v1::DTYPE_FLOAT32;
}

RowKind FromProto(v1::RowKind kind) {
  switch (kind) {
    case v1::ROW_KIND_FACTOR:
      return RowKind::kFactor;
    case v1::ROW_KIND_JACOBIAN:
      return RowKind::kJacobian;
    case v1::ROW_KIND_PULLBACK_METRIC:
      return RowKind::kPullbackMetric;
    case v1::ROW_KIND_SOFTMAX_JACOBIAN:
      return RowKind::kSoftmaxJacobian;
    default:
      return RowKind::kActivations;
  }
}

v1::RowKind ToProto(RowKind kind) {
  switch (kind) {
    case RowKind::kFactor:
      return v1::ROW_KIND_FACTOR;
    case RowKind::kJacobian:
      return v1::ROW_KIND_JACOBIAN;
    case RowKind::kPullbackMetric:
      return v1::ROW_KIND_PULLBACK_METRIC;
    case RowKind::kSoftmaxJacobian:
      return v1::ROW_KIND_SOFTMAX_JACOBIAN;
    case RowKind::kActivations:
      break;
  }
  return v1::ROW_KIND_ACTIVATIONS;
}

ComputeForm FromProto(v1::ComputeForm form) {
  switch (form) {
    case v1::COMPUTE_FORM_FEATURE_SPACE:
      return ComputeForm::kFeatureSpace;
    case v1::COMPUTE_FORM_SAMPLE_SPACE:
      return ComputeForm::kSampleSpace;
    case v1::COMPUTE_FORM_SPECTRAL:
      return ComputeForm::kSpectral;
    default:
      return ComputeForm::kNone;
  }
}

std::string FromProto(v1::Invariance invariance) {
  switch (invariance) {
    case v1::INVARIANCE_PERMUTATION:
      return "permutation";
    case v1::INVARIANCE_ORTHOGONAL:
      return "orthogonal";
    case v1::INVARIANCE_ISOTROPIC_SCALING:
      return "isotropic scaling";
    case v1::INVARIANCE_INVERTIBLE_LINEAR:
      return "invertible linear";
    case v1::INVARIANCE_TRANSLATION:
      return "translation";
    case v1::INVARIANCE_AFFINE:
      return "affine";
    default:
      return "unknown";
  }
}

ServerLimits FromProto(const v1::ServerLimits& proto) {
  ServerLimits limits;
  limits.chunk_bytes = proto.chunk_bytes();
  limits.message_bytes = proto.message_bytes();
  limits.row_count = proto.row_count();
  limits.feature_count = proto.feature_count();
  limits.layers_per_snapshot_count = proto.layers_per_snapshot_count();
  limits.open_upload_count = proto.open_upload_count();
  limits.upload_idle_seconds = proto.upload_idle_seconds();
  limits.store_bytes = proto.store_bytes();
  limits.cache_bytes = proto.cache_bytes();
  limits.queue_count = proto.queue_count();
  limits.page_size = proto.page_size();
  limits.name_bytes = proto.name_bytes();
  limits.measure_count = proto.measure_count();
  limits.network_count = proto.network_count();
  limits.scratch_bytes = proto.scratch_bytes();
  limits.score_count = proto.score_count();
  limits.watch_count = proto.watch_count();
  limits.memory_bytes = proto.memory_bytes();
  limits.disk_reserve_bytes = proto.disk_reserve_bytes();
  limits.retain_seconds = proto.retain_seconds();
  limits.retain_bytes = proto.retain_bytes();
  limits.project_bytes = proto.project_bytes();
  limits.project_calls_per_second = proto.project_calls_per_second();
  limits.project_burst_calls = proto.project_burst_calls();
  limits.connection_count = proto.connection_count();
  limits.calls_per_connection_count = proto.calls_per_connection_count();
  limits.stream_stall_seconds = proto.stream_stall_seconds();
  limits.keepalive_seconds = proto.keepalive_seconds();
  limits.keepalive_timeout_seconds = proto.keepalive_timeout_seconds();
  limits.connection_idle_seconds = proto.connection_idle_seconds();
  limits.connection_age_seconds = proto.connection_age_seconds();
  limits.connection_grace_seconds = proto.connection_grace_seconds();
  return limits;
}

}  // namespace

ScoreStatus FromProto(v1::ScoreStatus status) {
  switch (status) {
    case v1::SCORE_STATUS_OK:
      return ScoreStatus::kOk;
    case v1::SCORE_STATUS_DEGENERATE_CONSTANT:
      return ScoreStatus::kDegenerateConstant;
    case v1::SCORE_STATUS_TOO_FEW_INPUTS:
      return ScoreStatus::kTooFewInputs;
    case v1::SCORE_STATUS_NONPOSITIVE_SELF_TERM:
      return ScoreStatus::kNonpositiveSelfTerm;
    case v1::SCORE_STATUS_UNDEFINED_ROOT:
      return ScoreStatus::kUndefinedRoot;
    case v1::SCORE_STATUS_ZERO_BANDWIDTH:
      return ScoreStatus::kZeroBandwidth;
    case v1::SCORE_STATUS_RANK_DEFICIENT:
      return ScoreStatus::kRankDeficient;
    case v1::SCORE_STATUS_DIFFERENT_WIDTHS:
      return ScoreStatus::kDifferentWidths;
    case v1::SCORE_STATUS_COINCIDING_POINTS:
      return ScoreStatus::kCoincidingPoints;
    case v1::SCORE_STATUS_ANTIPODAL_POINTS:
      return ScoreStatus::kAntipodalPoints;
    case v1::SCORE_STATUS_EQUIDISTANT:
      return ScoreStatus::kEquidistant;
    default:
      return ScoreStatus::kUnknown;
  }
}

Cell MakeCell(v1::ScoreStatus status, double value) {
  Cell cell;
  cell.status = FromProto(status);
  if (cell.status == ScoreStatus::kOk) cell.value = value;
  return cell;
}

NetworkInfo FromProto(const v1::Network& proto) {
  return {proto.name(), proto.display_name(), proto.snapshot_count(), proto.last_step()};
}

SnapshotInfo FromProto(const v1::Snapshot& proto) {
  return {proto.name(), proto.step(), proto.layer_count(), proto.size_bytes(), proto.pinned()};
}

LayerInfo FromProto(const v1::Layer& proto) {
  LayerInfo layer;
  layer.name = proto.name();
  layer.module_path = proto.module_path();
  layer.row_count = proto.row_count();
  layer.feature_count = proto.feature_count();
  layer.dtype = FromProto(proto.dtype());
  layer.reduction = proto.reduction();
  layer.ordinal = proto.ordinal();
  layer.probe_set = proto.probe_set();
  layer.digest = proto.digest();
  layer.size_bytes = proto.size_bytes();
  layer.commit_time = FromProto(proto.commit_time());
  layer.row_kind = FromProto(proto.row_kind());
  layer.coordinate_count = proto.coordinate_count();
  // A server that knows no tangent data sends none.
  layer.sent_digest = proto.sent_digest().empty() ? proto.digest() : proto.sent_digest();
  return layer;
}

std::vector<ByteRange> FromProto(const google::protobuf::RepeatedPtrField<v1::ByteRange>& proto) {
  std::vector<ByteRange> ranges;
  for (const v1::ByteRange& range : proto) ranges.push_back({range.begin(), range.end()});
  return ranges;
}

UploadInfo FromProto(const v1::Upload& proto) {
  UploadInfo upload;
  upload.name = proto.name();
  upload.upload_id = proto.upload_id();
  upload.row_count = proto.row_count();
  upload.feature_count = proto.feature_count();
  upload.dtype = FromProto(proto.dtype());
  upload.persisted = FromProto(proto.persisted());
  upload.stream_count = proto.stream_count();
  upload.expire_time = FromProto(proto.expire_time());
  return upload;
}

ProbeSetInfo FromProto(const v1::ProbeSet& proto) {
  ProbeSetInfo probe_set;
  probe_set.name = proto.name();
  probe_set.display_name = proto.display_name();
  probe_set.input_count = proto.input_count();
  probe_set.input_ids_digest = proto.input_ids_digest();
  probe_set.input_ids.assign(proto.input_ids().begin(), proto.input_ids().end());
  probe_set.create_time = FromProto(proto.create_time());
  return probe_set;
}

Score FromProto(const v1::Score& proto) {
  Score score;
  score.measure = proto.measure();
  score.status = FromProto(proto.status());
  if (score.status == ScoreStatus::kOk && proto.has_value()) score.value = proto.value();
  score.input_count = proto.input_count();
  score.feature_count_a = proto.feature_count_a();
  score.feature_count_b = proto.feature_count_b();
  score.larger_is_more_similar = proto.larger_is_more_similar();
  score.form = FromProto(proto.form());
  score.compute_seconds = proto.compute_seconds();
  score.cached = proto.cached();
  if (proto.has_recall()) score.recall = proto.recall();
  return score;
}

MeasureInfo FromProto(const v1::Measure& proto) {
  MeasureInfo measure;
  measure.name = proto.name();
  measure.family = proto.family();
  measure.description = proto.description();
  measure.range_min = proto.range_min();
  measure.range_max = proto.range_max();
  measure.larger_is_more_similar = proto.larger_is_more_similar();
  measure.min_input_count = proto.min_input_count();
  measure.is_symmetric = proto.is_symmetric();
  measure.is_metric = proto.is_metric();
  measure.applies_to_networks = proto.applies_to_networks();
  measure.compares_tangents = proto.compares_tangents();
  for (const int invariance : proto.invariances()) {
    measure.invariances.push_back(FromProto(static_cast<v1::Invariance>(invariance)));
  }
  for (const v1::MeasureParameter& parameter : proto.parameters()) {
    measure.parameters.push_back(
        {parameter.key(), parameter.description(), parameter.default_value()});
  }
  return measure;
}

ServerInfo FromProto(const v1::GetServerInfoResponse& proto) {
  ServerInfo info;
  info.version = proto.version();
  info.blas_core = proto.blas_core();
  info.grpc_version = proto.grpc_version();
  info.compute_thread_count = proto.compute_thread_count();
  info.start_time = FromProto(proto.start_time());
  info.limits = FromProto(proto.limits());
  return info;
}

BackupInfo FromProto(const v1::CreateBackupResponse& proto) {
  BackupInfo backup;
  backup.path = proto.path();
  backup.create_time = FromProto(proto.create_time());
  backup.layer_count = proto.layer_count();
  backup.size_bytes = proto.size_bytes();
  backup.linked = proto.linked();
  return backup;
}

absl::StatusOr<SimilarityMatrix> FromProto(const v1::MatrixHeader& proto) {
  SimilarityMatrix matrix;
  matrix.measure = proto.measure();
  matrix.row_names.assign(proto.row_names().begin(), proto.row_names().end());
  matrix.column_names.assign(proto.column_names().begin(), proto.column_names().end());
  matrix.row_labels.assign(proto.row_labels().begin(), proto.row_labels().end());
  matrix.column_labels.assign(proto.column_labels().begin(), proto.column_labels().end());
  matrix.row_feature_counts.assign(proto.row_feature_counts().begin(),
                                   proto.row_feature_counts().end());
  matrix.column_feature_counts.assign(proto.column_feature_counts().begin(),
                                      proto.column_feature_counts().end());
  matrix.input_count = proto.input_count();
  matrix.larger_is_more_similar = proto.larger_is_more_similar();
  const auto cell_count = static_cast<int64_t>(matrix.row_labels.size()) *
                          static_cast<int64_t>(matrix.column_labels.size());
  if (cell_count != proto.cell_count() || cell_count > kCellLimit ||
      matrix.row_names.size() != matrix.row_labels.size() ||
      matrix.column_names.size() != matrix.column_labels.size()) {
    return absl::InternalError(absl::StrCat("the server announced a matrix of ", proto.cell_count(),
                                            " cells with ", matrix.row_labels.size(), " rows and ",
                                            matrix.column_labels.size(), " columns"));
  }
  matrix.cells.assign(static_cast<size_t>(cell_count), Cell{std::nullopt, ScoreStatus::kUnknown});
  return matrix;
}

absl::Status Fill(const v1::MatrixBlock& block, SimilarityMatrix& matrix) {
  const auto rows = static_cast<int64_t>(matrix.row_labels.size());
  const auto columns = static_cast<int64_t>(matrix.column_labels.size());
  const bool fits = block.first_row() >= 0 && block.row_count() >= 1 &&
                    block.row_count() <= rows - block.first_row() && block.first_column() >= 0 &&
                    block.column_count() >= 1 &&
                    block.column_count() <= columns - block.first_column() &&
                    block.values_size() == block.row_count() * block.column_count() &&
                    (block.statuses_size() == 0 || block.statuses_size() == block.values_size());
  if (!fits) return absl::InternalError("the server sent a block that is not part of its matrix");
  for (int64_t i = 0; i < block.row_count(); ++i) {
    for (int64_t j = 0; j < block.column_count(); ++j) {
      const int source = static_cast<int>(i * block.column_count() + j);
      const v1::ScoreStatus status =
          block.statuses_size() == 0 ? v1::SCORE_STATUS_OK : block.statuses(source);
      const int64_t target = (block.first_row() + i) * columns + block.first_column() + j;
      matrix.cells[static_cast<size_t>(target)] = MakeCell(status, block.values(source));
    }
  }
  matrix.form = FromProto(block.form());
  matrix.cached_count += block.cached_count();
  matrix.elapsed_seconds = std::max(matrix.elapsed_seconds, block.elapsed_seconds());
  if (block.has_recall()) matrix.recall = std::min(matrix.recall, block.recall());
  return absl::OkStatus();
}

v1::UploadHeader ToProto(const LayerHeader& header) {
  v1::UploadHeader proto;
  proto.set_parent(header.snapshot);
  proto.set_module_path(header.module_path);
  proto.set_row_count(header.row_count);
  proto.set_feature_count(header.feature_count);
  proto.set_dtype(ToProto(header.dtype));
  proto.set_reduction(header.reduction);
  proto.set_ordinal(header.ordinal);
  proto.set_probe_set(header.probe_set);
  proto.set_expected_digest(header.expected_digest);
  proto.set_on_conflict(header.replace ? v1::ON_CONFLICT_REPLACE : v1::ON_CONFLICT_REJECT);
  proto.set_upload_id(header.upload_id);
  proto.set_partial(header.partial);
  proto.set_input_ids_digest(header.input_ids_digest);
  for (const std::string& id : header.input_ids) proto.add_input_ids(id);
  proto.set_row_kind(ToProto(header.row_kind));
  proto.set_coordinate_count(static_cast<int32_t>(header.coordinate_count));
  return proto;
}

v1::Fusion ToProto(const Fusion& fusion) {
  v1::Fusion proto;
  switch (fusion.order) {
    case FusionOrder::kSymmetrized:
      proto.set_order(v1::FUSION_ORDER_SYMMETRIZED);
      break;
    case FusionOrder::kProduct:
      proto.set_order(v1::FUSION_ORDER_PRODUCT);
      break;
    case FusionOrder::kReversed:
      proto.set_order(v1::FUSION_ORDER_REVERSED);
      break;
  }
  proto.set_power(fusion.power);
  for (const std::string& layer : fusion.layers) proto.add_layers(layer);
  return proto;
}

v1::GetOperatorRequest ToProto(const OperatorQuery& query) {
  v1::GetOperatorRequest proto;
  if (absl::StrContains(query.source, "/layers/")) {
    proto.set_layer(query.source);
  } else {
    proto.set_snapshot(query.source);
    *proto.mutable_fusion() = ToProto(query.fusion);
  }
  proto.set_kernel(query.kernel);
  switch (query.kind) {
    case OperatorQuery::Kind::kSpectrum:
      proto.mutable_spectrum()->set_count(query.count);
      break;
    case OperatorQuery::Kind::kCoordinates:
      proto.mutable_diffusion()->set_time(query.time);
      proto.mutable_diffusion()->set_count(query.count);
      break;
    case OperatorQuery::Kind::kMarkovRows:
      proto.mutable_markov()->set_first_row(query.first_row);
      proto.mutable_markov()->set_row_count(query.count);
      break;
  }
  return proto;
}

}  // namespace gramian::client
