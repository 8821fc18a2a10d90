#include "server/activation_messages.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/representation/representation.h"
#include "server/resource_name.h"
#include "server/status_details.h"

namespace gramian {
namespace {

constexpr char kDefaultProbeSet[] = "default";
constexpr size_t kDigestDigits = 32;

absl::StatusOr<DType> ToDtype(v1::Dtype dtype) {
  switch (dtype) {
    case v1::DTYPE_FLOAT32:
      return DType::kFloat32;
    case v1::DTYPE_FLOAT16:
      return DType::kFloat16;
    case v1::DTYPE_BFLOAT16:
      return DType::kBFloat16;
    case v1::DTYPE_FLOAT64:
      return DType::kFloat64;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("dtype ", static_cast<int>(dtype), " is not known"));
  }
}

v1::Dtype ToProto(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return v1::DTYPE_FLOAT32;
    case DType::kFloat16:
      return v1::DTYPE_FLOAT16;
    case DType::kBFloat16:
      return v1::DTYPE_BFLOAT16;
    case DType::kFloat64:
      return v1::DTYPE_FLOAT64;
  }
  return v1::DTYPE_UNSPECIFIED;
}

absl::StatusOr<RowLayout> ToLayout(v1::RowKind kind, int32_t coordinates) {
  switch (kind) {
    case v1::ROW_KIND_UNSPECIFIED:
    case v1::ROW_KIND_ACTIVATIONS:
      return RowLayout{RowKind::kActivations, coordinates};
    case v1::ROW_KIND_FACTOR:
      return RowLayout{RowKind::kFactor, coordinates};
    case v1::ROW_KIND_JACOBIAN:
      return RowLayout{RowKind::kJacobian, coordinates};
    case v1::ROW_KIND_PULLBACK_METRIC:
      return RowLayout{RowKind::kPullbackMetric, coordinates};
    case v1::ROW_KIND_SOFTMAX_JACOBIAN:
      return RowLayout{RowKind::kSoftmaxJacobian, coordinates};
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("row_kind ", static_cast<int>(kind), " is not known"));
  }
}

v1::RowKind ToProto(RowKind kind) {
  switch (kind) {
    case RowKind::kActivations:
      return v1::ROW_KIND_ACTIVATIONS;
    case RowKind::kFactor:
      return v1::ROW_KIND_FACTOR;
    case RowKind::kJacobian:
      return v1::ROW_KIND_JACOBIAN;
    case RowKind::kPullbackMetric:
      return v1::ROW_KIND_PULLBACK_METRIC;
    case RowKind::kSoftmaxJacobian:
      return v1::ROW_KIND_SOFTMAX_JACOBIAN;
  }
  return v1::ROW_KIND_UNSPECIFIED;
}

absl::StatusOr<OnConflict> ToOnConflict(v1::OnConflict on_conflict) {
  switch (on_conflict) {
    case v1::ON_CONFLICT_UNSPECIFIED:
    case v1::ON_CONFLICT_REJECT:
      return OnConflict::kReject;
    case v1::ON_CONFLICT_REPLACE:
      return OnConflict::kReplace;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("on_conflict ", static_cast<int>(on_conflict), " is not known"));
  }
}

absl::Status CheckShortText(absl::string_view text, absl::string_view what,
                            const ServerOptions& options) {
  if (static_cast<int64_t>(text.size()) > options.name_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " has ", text.size(), " bytes, more than the limit of ", options.name_bytes));
  }
  return CheckText(text, what);
}

// 1 <= value <= limit.
absl::Status CheckCount(int64_t value, absl::string_view what, int64_t limit) {
  if (value < 1)
    return absl::InvalidArgumentError(absl::StrCat(what, " is ", value, ", must be at least 1"));
  if (value <= limit) return absl::OkStatus();
  return WithLimit(absl::ResourceExhaustedError(
                       absl::StrCat(what, " is ", value, ", more than the limit of ", limit)),
                   "LIMIT_EXCEEDED", value, limit);
}

absl::Status CheckDigestOrEmpty(absl::string_view digest, absl::string_view what) {
  return digest.empty() ? absl::OkStatus() : CheckDigest(digest, what);
}

using Texts = google::protobuf::RepeatedPtrField<std::string>;

// The ids with their digest, both empty if nothing is given. INVALID_ARGUMENT unless the ids are
// `count` different texts with the announced digest.
struct InputIds {
  std::vector<std::string> ids;
  std::string digest;
};

absl::StatusOr<InputIds> ToInputIds(const Texts& ids, const std::string& digest, int64_t count,
                                    const ServerOptions& options) {
  GRAMIAN_RETURN_IF_ERROR(CheckDigestOrEmpty(digest, "input_ids_digest"));
  if (ids.empty()) return InputIds{{}, digest};
  if (ids.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat(ids.size(), " input_ids are given for ", count, " inputs"));
  }
  std::unordered_set<std::string> seen;
  for (int i = 0; i < ids.size(); ++i) {
    GRAMIAN_RETURN_IF_ERROR(CheckId(ids[i], absl::StrCat("input_ids[", i, "]"), options));
    if (!seen.insert(ids[i]).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("input_ids[", i, "] '", absl::Utf8SafeCEscape(ids[i]), "' is repeated"));
    }
  }
  InputIds result{{ids.begin(), ids.end()}, ""};
  result.digest = DigestOfInputIds(result.ids);
  if (!digest.empty() && digest != result.digest) {
    return absl::InvalidArgumentError(absl::StrCat("input_ids have the digest ", result.digest,
                                                   ", input_ids_digest is ", digest));
  }
  return result;
}

}  // namespace

absl::Status CheckId(absl::string_view id, absl::string_view what, const ServerOptions& options) {
  if (id.empty()) return absl::InvalidArgumentError(absl::StrCat(what, " is empty"));
  return CheckShortText(id, what, options);
}

absl::Status CheckDigest(absl::string_view digest, absl::string_view what) {
  const bool hex = std::all_of(digest.begin(), digest.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
  if (hex && digest.size() == kDigestDigits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " is not 32 lower-case hexadecimal digits"));
}

absl::StatusOr<UploadPlan> ToUploadPlan(const v1::UploadHeader& header,
                                        const ServerOptions& options) {
  UploadPlan plan;
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(header.parent(), ResourcePattern::kSnapshot, options.name_bytes));
  if (!parent.step.has_value()) {
    return absl::InvalidArgumentError("parent: an upload needs the number of its step, not 'last'");
  }
  GRAMIAN_RETURN_IF_ERROR(CheckId(header.module_path(), "module_path", options));
  GRAMIAN_RETURN_IF_ERROR(CheckShortText(header.reduction(), "reduction", options));
  GRAMIAN_RETURN_IF_ERROR(CheckShortText(header.probe_set(), "probe_set", options));
  GRAMIAN_RETURN_IF_ERROR(CheckShortText(header.upload_id(), "upload_id", options));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(header.row_count(), "row_count", options.max_rows));
  GRAMIAN_RETURN_IF_ERROR(
      CheckCount(header.feature_count(), "feature_count", options.max_features));
  if (header.ordinal() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ordinal is ", header.ordinal(), ", must be at least 0"));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckDigestOrEmpty(header.expected_digest(), "expected_digest"));
  GRAMIAN_ASSIGN_OR_RETURN(plan.shape.dtype, ToDtype(header.dtype()));
  GRAMIAN_ASSIGN_OR_RETURN(plan.on_conflict, ToOnConflict(header.on_conflict()));
  plan.shape.rows = header.row_count();
  plan.shape.cols = header.feature_count();
  GRAMIAN_ASSIGN_OR_RETURN(plan.shape.layout,
                           ToLayout(header.row_kind(), header.coordinate_count()));
  GRAMIAN_RETURN_IF_ERROR(SizeBytes(plan.shape).status());
  GRAMIAN_ASSIGN_OR_RETURN(
      InputIds inputs,
      ToInputIds(header.input_ids(), header.input_ids_digest(), header.row_count(), options));
  plan.description = {
      .key = {{parent.project, parent.network, *parent.step}, header.module_path()},
      .module_path = header.module_path(),
      .probe_set = header.probe_set().empty() ? kDefaultProbeSet : header.probe_set(),
      .reduction = header.reduction(),
      .ordinal = header.ordinal()};
  plan.expected_digest = header.expected_digest();
  plan.upload_id = header.upload_id();
  plan.input_ids = std::move(inputs.ids);
  plan.input_ids_digest = std::move(inputs.digest);
  return plan;
}

absl::StatusOr<ProbeSet> ToProbeSet(const v1::CreateProbeSetRequest& request,
                                    const ServerOptions& options) {
  ProbeSet probe_set;
  GRAMIAN_ASSIGN_OR_RETURN(
      ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kProject, options.name_bytes));
  GRAMIAN_RETURN_IF_ERROR(CheckId(request.probe_set_id(), "probe_set_id", options));
  const bool count_ids = request.input_count() == 0 && !request.input_ids().empty();
  const int64_t count = count_ids ? request.input_ids_size() : request.input_count();
  GRAMIAN_RETURN_IF_ERROR(CheckCount(count, "input_count", options.max_rows));
  GRAMIAN_ASSIGN_OR_RETURN(
      InputIds inputs, ToInputIds(request.input_ids(), request.input_ids_digest(), count, options));
  probe_set.project = std::move(parent.project);
  probe_set.id = request.probe_set_id();
  probe_set.input_count = count;
  probe_set.input_ids = std::move(inputs.ids);
  probe_set.input_ids_digest = std::move(inputs.digest);
  v1::GetProbeSetResponse answer;
  *answer.mutable_probe_set() = ToProto(probe_set, true);
  *answer.mutable_probe_set()->mutable_create_time() = ToProto(absl::Now());
  GRAMIAN_RETURN_IF_ERROR(CheckCount(static_cast<int64_t>(answer.ByteSizeLong()),
                                     "the size of the probe set with its input_ids in bytes",
                                     options.message_bytes));
  return probe_set;
}

absl::StatusOr<LayerKey> ToUploadKey(absl::string_view layer_name, absl::string_view upload_id,
                                     const ServerOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(ResourceName name, ParseResourceName(layer_name, ResourcePattern::kLayer,
                                                                options.name_bytes));
  if (!name.step.has_value()) {
    return absl::InvalidArgumentError("name: an upload needs the number of its step, not 'last'");
  }
  GRAMIAN_RETURN_IF_ERROR(CheckId(upload_id, "upload_id", options));
  return LayerKey{{std::move(name.project), std::move(name.network), *name.step},
                  std::move(name.layer)};
}

v1::Layer ToProto(const StoredLayer& layer) {
  const LayerDescription& description = layer.description;
  v1::Layer result;
  result.set_name(FormatLayer(description.key));
  result.set_module_path(description.module_path);
  result.set_row_count(layer.shape.rows);
  result.set_feature_count(layer.shape.cols);
  result.set_dtype(ToProto(layer.shape.dtype));
  result.set_reduction(description.reduction);
  result.set_ordinal(description.ordinal);
  result.set_probe_set(description.probe_set);
  result.set_digest(layer.digest.ToHex());
  result.set_size_bytes(layer.size_bytes);
  *result.mutable_commit_time() = ToProto(layer.create_time);
  result.set_row_kind(ToProto(layer.shape.layout.kind));
  result.set_coordinate_count(static_cast<int32_t>(layer.shape.layout.coordinates));
  result.set_sent_digest(layer.sent_digest().ToHex());
  return result;
}

v1::Snapshot ToProto(const SnapshotKey& key, const SnapshotSummary& summary) {
  v1::Snapshot result;
  result.set_name(FormatSnapshot(key));
  result.set_step(summary.step);
  result.set_layer_count(summary.layers);
  result.set_size_bytes(summary.bytes);
  result.set_pinned(summary.pinned);
  return result;
}

v1::ProbeSet ToProto(const ProbeSet& probe_set, bool with_input_ids) {
  v1::ProbeSet result;
  result.set_name(FormatProbeSet(probe_set.project, probe_set.id));
  result.set_display_name(probe_set.id);
  result.set_input_count(probe_set.input_count);
  result.set_input_ids_digest(probe_set.input_ids_digest);
  if (with_input_ids)
    result.mutable_input_ids()->Add(probe_set.input_ids.begin(), probe_set.input_ids.end());
  *result.mutable_create_time() = ToProto(probe_set.create_time);
  return result;
}

v1::Upload ToProto(const Upload& upload) {
  const UploadPlan& plan = upload.plan();
  v1::Upload result;
  result.set_name(FormatLayer(plan.description.key));
  result.set_upload_id(plan.upload_id);
  result.set_row_count(plan.shape.rows);
  result.set_feature_count(plan.shape.cols);
  result.set_dtype(ToProto(plan.shape.dtype));
  result.set_row_kind(ToProto(plan.shape.layout.kind));
  result.set_coordinate_count(static_cast<int32_t>(plan.shape.layout.coordinates));
  AddRanges(upload.persisted(), *result.mutable_persisted());
  return result;
}

void AddRanges(absl::Span<const ByteRange> ranges,
               google::protobuf::RepeatedPtrField<v1::ByteRange>& out) {
  for (const ByteRange& range : ranges) {
    v1::ByteRange* added = out.Add();
    added->set_begin(range.begin);
    added->set_end(range.end);
  }
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  const int64_t nanos = absl::ToUnixNanos(time);
  google::protobuf::Timestamp result;
  result.set_seconds(nanos / 1'000'000'000);
  result.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return result;
}

}  // namespace gramian
