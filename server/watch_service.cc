#include "server/watch_service.h"

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_registry.h"
#include "server/activation_messages.h"
#include "server/resource_name.h"
#include "server/status_details.h"
#include "server/unary_call.h"

namespace gramian {
namespace {

constexpr char kService[] = "WatchService";

absl::Status ReadLayers(const v1::Watch& message, const ServerOptions& options, Watch& watch) {
  if (message.layers_size() > options.max_layers) {
    return absl::InvalidArgumentError(absl::StrCat(
        message.layers_size(), " layers are given, must be at most ", options.max_layers));
  }
  std::set<std::string> seen;
  for (const std::string& layer : message.layers()) {
    if (layer.empty() || static_cast<int64_t>(layer.size()) > options.name_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a layer has ", layer.size(), " bytes, must be from 1 to ", options.name_bytes));
    }
    GRAMIAN_RETURN_IF_ERROR(CheckText(layer, "a layer"));
    if (!seen.insert(layer).second)
      return absl::InvalidArgumentError(absl::StrCat("layer '", layer, "' is given twice"));
    watch.layers.push_back(layer);
  }
  return absl::OkStatus();
}

absl::StatusOr<Watch> ToWatch(const v1::Watch& message, const ServerOptions& options) {
  Watch watch;
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName name,
      ParseResourceName(message.name(), ResourcePattern::kWatch, options.name_bytes));
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName network,
      ParseResourceName(message.network(), ResourcePattern::kNetwork, options.name_bytes));
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName reference,
      ParseResourceName(message.reference(), ResourcePattern::kSnapshot, options.name_bytes));
  if (network.project != name.project || reference.project != name.project) {
    return absl::InvalidArgumentError(
        absl::StrCat("network and reference must be of the watch's project, '", name.project, "'"));
  }
  watch.project = name.project;
  watch.id = name.watch;
  watch.network = network.network;
  watch.reference_network = reference.network;
  watch.reference_step = reference.step;
  GRAMIAN_RETURN_IF_ERROR(ReadLayers(message, options, watch));
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const SimilarityMeasure> measure,
      MeasureRegistry::Parse(message.measure().empty() ? "cka" : message.measure()));
  watch.measure = measure->name();
  return watch;
}

std::string FormatReference(const Watch& watch) {
  return absl::StrCat(
      FormatNetwork(watch.project, watch.reference_network), "/snapshots/",
      watch.reference_step.has_value() ? absl::StrCat(*watch.reference_step) : "last");
}

v1::WatchState ToProto(WatchStatus status) {
  switch (status) {
    case WatchStatus::kWaiting:
      return v1::WATCH_STATE_WAITING;
    case WatchStatus::kScored:
      return v1::WATCH_STATE_SCORED;
    case WatchStatus::kFailed:
      return v1::WATCH_STATE_FAILED;
  }
  return v1::WATCH_STATE_UNSPECIFIED;
}

v1::Watch ToProto(const WatchReading& reading) {
  const Watch& watch = reading.watch;
  v1::Watch message;
  message.set_name(FormatWatch(watch.project, watch.id));
  message.set_network(FormatNetwork(watch.project, watch.network));
  message.set_reference(FormatReference(watch));
  message.mutable_layers()->Add(watch.layers.begin(), watch.layers.end());
  message.set_measure(watch.measure);
  *message.mutable_create_time() = gramian::ToProto(watch.create_time);
  message.set_state(ToProto(reading.status));
  if (reading.status == WatchStatus::kScored) message.set_score(reading.score);
  message.set_step(reading.step);
  message.set_reference_step(reading.reference_step);
  if (reading.evaluate_time != absl::InfinitePast())
    *message.mutable_evaluate_time() = gramian::ToProto(reading.evaluate_time);
  message.set_message(reading.message);
  message.set_evaluation_count(reading.evaluations);
  message.set_failure_count(reading.failures);
  return message;
}

}  // namespace

WatchService::WatchService(ServerState& state, WatchBoard& board)
    : state_(state),
      board_(board),
      create_watch_(state.metrics.AddMethod(kService, "CreateWatch", RpcType::kUnary)),
      get_watch_(state.metrics.AddMethod(kService, "GetWatch", RpcType::kUnary)),
      list_watches_(state.metrics.AddMethod(kService, "ListWatches", RpcType::kUnary)),
      delete_watch_(state.metrics.AddMethod(kService, "DeleteWatch", RpcType::kUnary)) {}

grpc::ServerUnaryReactor* WatchService::Change(const MethodMetrics& method,
                                               grpc::CallbackServerContext* context,
                                               const google::protobuf::Message& request,
                                               std::function<absl::Status()> change) {
  RpcRecord record(state_, method, *context);
  const absl::Status admission = record.Admit(request);
  if (admission.ok()) {
    return UnaryCall::Start(
        record, context, state_.ingest,
        [change = std::move(change)](std::stop_token, Awaited*) { return change(); });
  }
  record.Close(admission);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(admission));
  return reactor;
}

grpc::ServerUnaryReactor* WatchService::CreateWatch(grpc::CallbackServerContext* context,
                                                    const v1::CreateWatchRequest* request,
                                                    v1::CreateWatchResponse* response) {
  return Change(create_watch_, context, *request, [this, request, response]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const Watch watch, ToWatch(request->watch(), state_.options));
    GRAMIAN_ASSIGN_OR_RETURN(const WatchReading reading, board_.Create(watch));
    *response->mutable_watch() = ToProto(reading);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WatchService::GetWatch(grpc::CallbackServerContext* context,
                                                 const v1::GetWatchRequest* request,
                                                 v1::GetWatchResponse* response) {
  return AnswerInline(state_, get_watch_, context, *request, [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(
        const ResourceName name,
        ParseResourceName(request->name(), ResourcePattern::kWatch, state_.options.name_bytes));
    GRAMIAN_ASSIGN_OR_RETURN(const WatchReading reading, board_.Get(name.project, name.watch));
    *response->mutable_watch() = ToProto(reading);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WatchService::ListWatches(grpc::CallbackServerContext* context,
                                                    const v1::ListWatchesRequest* request,
                                                    v1::ListWatchesResponse* response) {
  return AnswerInline(state_, list_watches_, context, *request, [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(
        const ResourceName parent,
        ParseResourceName(request->parent(), ResourcePattern::kProject, state_.options.name_bytes));
    for (const WatchReading& reading : board_.List(parent.project))
      *response->add_watches() = ToProto(reading);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WatchService::DeleteWatch(grpc::CallbackServerContext* context,
                                                    const v1::DeleteWatchRequest* request,
                                                    v1::DeleteWatchResponse* /*response*/) {
  return Change(delete_watch_, context, *request, [this, request]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(
        const ResourceName name,
        ParseResourceName(request->name(), ResourcePattern::kWatch, state_.options.name_bytes));
    return board_.Delete(name.project, name.watch);
  });
}

}  // namespace gramian
