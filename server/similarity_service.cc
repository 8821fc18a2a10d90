#include "server/similarity_service.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_registry.h"
#include "server/align_answer.h"
#include "server/convert.h"
#include "server/match_answer.h"
#include "server/matrix_stream.h"
#include "server/paging.h"
#include "server/path_answer.h"
#include "server/significance_answer.h"
#include "server/stream_call.h"
#include "server/tangent_answer.h"
#include "server/unary_call.h"

namespace gramian {
namespace {

constexpr char kService[] = "SimilarityService";
// How often clients that read too slowly are looked for.
constexpr std::chrono::milliseconds kSweepInterval{250};

using Measures = std::vector<std::shared_ptr<const SimilarityMeasure>>;

// A pair and what to ask about it, checked.
struct PairQuery {
  LayerKey a;
  LayerKey b;
  Measures measures;
  std::vector<std::string> names;  // canonical
};

absl::StatusOr<PairQuery> ToPairQuery(const v1::CompareLayersRequest& request, ServerState& state) {
  const ServerOptions& options = state.options;
  if (request.measures().empty() || request.measures_size() > options.max_measures) {
    return absl::InvalidArgumentError(absl::StrCat(request.measures_size(),
                                                   " measures are asked for, must be from 1 to ",
                                                   options.max_measures));
  }
  PairQuery query;
  GRAMIAN_ASSIGN_OR_RETURN(query.a, ToLayerKey(request.layer_a(), state.engine.store(), options));
  GRAMIAN_ASSIGN_OR_RETURN(query.b, ToLayerKey(request.layer_b(), state.engine.store(), options));
  for (const std::string& name : request.measures()) {
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const SimilarityMeasure> measure,
                             MeasureRegistry::Parse(name));
    query.names.push_back(measure->name());
    query.measures.push_back(std::move(measure));
  }
  return query;
}

void Fill(const std::vector<Comparison>& comparisons, const Measures& measures,
          v1::CompareLayersResponse& response) {
  for (size_t i = 0; i < comparisons.size(); ++i)
    *response.add_scores() = ToProto(comparisons[i], *measures[i]);
}

// True if `response` was filled from known scores.
absl::StatusOr<bool> FillKnown(ServerState& state, const PairQuery& query,
                               v1::CompareLayersResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::optional<std::vector<Comparison>> known,
                           state.engine.FindCompared(query.a, query.b, query.names));
  if (!known.has_value()) return false;
  Fill(*known, query.measures, response);
  return true;
}

absl::Status Compute(ServerState& state, const PairQuery& query,
                     v1::CompareLayersResponse& response, std::stop_token stop, Awaited* awaited) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::vector<Comparison> comparisons,
      state.engine.CompareLayers(query.a, query.b, query.names, Form::kAuto, stop, awaited));
  Fill(comparisons, query.measures, response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* FinishInline(RpcRecord& record, grpc::CallbackServerContext* context,
                                       const absl::Status& status) {
  record.Close(status);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

std::vector<v1::Measure> AllMeasures() {
  std::vector<v1::Measure> measures;
  for (const MeasureFamily& family : MeasureRegistry::Families()) {
    for (const std::string& name : family.examples) {
      const auto measure = MeasureRegistry::Parse(name);
      if (measure.ok()) measures.push_back(ToProto(**measure, family));
    }
  }
  const auto by_name = [](const v1::Measure& a, const v1::Measure& b) {
    return a.name() < b.name();
  };
  std::sort(measures.begin(), measures.end(), by_name);
  const auto same = [](const v1::Measure& a, const v1::Measure& b) { return a.name() == b.name(); };
  measures.erase(std::unique(measures.begin(), measures.end(), same), measures.end());
  return measures;
}

absl::Status FillMeasures(const v1::ListMeasuresRequest& request, int64_t max_size,
                          v1::ListMeasuresResponse& response) {
  const std::vector<v1::Measure> measures = AllMeasures();
  std::vector<std::string> keys;
  for (const v1::Measure& measure : measures) keys.push_back(measure.name());
  GRAMIAN_ASSIGN_OR_RETURN(
      Page page, FindPage(keys, "measures", request.page_size(), request.page_token(), max_size));
  for (size_t i = page.begin; i < page.end; ++i) *response.add_measures() = measures[i];
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

}  // namespace

SimilarityService::SimilarityService(ServerState& state)
    : state_(state),
      compare_layers_(state.metrics.AddMethod(kService, "CompareLayers", RpcType::kUnary)),
      compare_snapshots_(
          state.metrics.AddMethod(kService, "CompareSnapshots", RpcType::kServerStream)),
      compare_networks_(
          state.metrics.AddMethod(kService, "CompareNetworks", RpcType::kServerStream)),
      get_operator_(state.metrics.AddMethod(kService, "GetOperator", RpcType::kServerStream)),
      analyze_path_(state.metrics.AddMethod(kService, "AnalyzePath", RpcType::kUnary)),
      compare_tangents_(state.metrics.AddMethod(kService, "CompareTangents", RpcType::kUnary)),
      assess_similarity_(state.metrics.AddMethod(kService, "AssessSimilarity", RpcType::kUnary)),
      match_layers_(state.metrics.AddMethod(kService, "MatchLayers", RpcType::kUnary)),
      search_networks_(state.metrics.AddMethod(kService, "SearchNetworks", RpcType::kUnary)),
      embed_networks_(state.metrics.AddMethod(kService, "EmbedNetworks", RpcType::kUnary)),
      align_layers_(state.metrics.AddMethod(kService, "AlignLayers", RpcType::kServerStream)),
      list_measures_(state.metrics.AddMethod(kService, "ListMeasures", RpcType::kUnary)),
      open_streams_(state.options.queue + std::max(2, state.options.threads)),
      sweep_(kSweepInterval, [this] {
        open_streams_.EndIdleSince(std::chrono::steady_clock::now() -
                                   std::chrono::seconds(state_.options.stream_stall_seconds));
      }) {}

grpc::ServerUnaryReactor* SimilarityService::CompareLayers(grpc::CallbackServerContext* context,
                                                           const v1::CompareLayersRequest* request,
                                                           v1::CompareLayersResponse* response) {
  RpcRecord record(state_, compare_layers_, *context);
  absl::Status status = record.Admit(*request);
  if (!status.ok()) return FinishInline(record, context, status);
  absl::StatusOr<PairQuery> query = ToPairQuery(*request, state_);
  if (!query.ok()) return FinishInline(record, context, query.status());
  // What is known is answered here: a pool would cost more than the lookup.
  const absl::StatusOr<bool> known = FillKnown(state_, *query, *response);
  if (!known.ok() || *known) return FinishInline(record, context, known.status());
  return UnaryCall::Start(
      record, context, state_.interactive,
      [this, query = *std::move(query), response](std::stop_token stop, Awaited* awaited) {
        return Compute(state_, query, *response, std::move(stop), awaited);
      });
}

grpc::ServerWriteReactor<v1::CompareSnapshotsResponse>* SimilarityService::CompareSnapshots(
    grpc::CallbackServerContext* context, const v1::CompareSnapshotsRequest* request) {
  return StartMatrix<v1::CompareSnapshotsResponse>(compare_snapshots_, context, *request,
                                                   SnapshotSteps(state_, *request));
}

grpc::ServerWriteReactor<v1::CompareNetworksResponse>* SimilarityService::CompareNetworks(
    grpc::CallbackServerContext* context, const v1::CompareNetworksRequest* request) {
  return StartMatrix<v1::CompareNetworksResponse>(compare_networks_, context, *request,
                                                  NetworkSteps(state_, *request));
}

template <typename Response>
grpc::ServerWriteReactor<Response>* SimilarityService::StartMatrix(
    const MethodMetrics& method, grpc::CallbackServerContext* context,
    const google::protobuf::Message& request, MatrixStep step) {
  using Call = StreamCall<Response>;
  return Call::Start(
      state_, method, context, request, open_streams_, state_.batch,
      [step = std::move(step)](const typename Call::Send& send, const std::stop_token& stop) {
        const MatrixWriter writer = {.header =
                                         [&send](v1::MatrixHeader header) {
                                           Response response;
                                           *response.mutable_header() = std::move(header);
                                           send(std::move(response));
                                         },
                                     .block =
                                         [&send](v1::MatrixBlock block) {
                                           Response response;
                                           *response.mutable_block() = std::move(block);
                                           send(std::move(response));
                                         }};
        return step(writer, stop);
      });
}

grpc::ServerWriteReactor<v1::GetOperatorResponse>* SimilarityService::GetOperator(
    grpc::CallbackServerContext* context, const v1::GetOperatorRequest* request) {
  return StreamCall<v1::GetOperatorResponse>::Start(state_, get_operator_, context, *request,
                                                    open_streams_, state_.batch,
                                                    OperatorSteps(state_, *request));
}

grpc::ServerUnaryReactor* SimilarityService::StartBatch(const MethodMetrics& method,
                                                        grpc::CallbackServerContext* context,
                                                        const google::protobuf::Message& request,
                                                        BatchAnswer answer) {
  RpcRecord record(state_, method, *context);
  const absl::Status status = record.Admit(request);
  if (!status.ok()) return FinishInline(record, context, status);
  return UnaryCall::Start(record, context, state_.batch,
                          [answer = std::move(answer)](std::stop_token stop, Awaited* /*awaited*/) {
                            return answer(std::move(stop));
                          });
}

grpc::ServerUnaryReactor* SimilarityService::AnalyzePath(grpc::CallbackServerContext* context,
                                                         const v1::AnalyzePathRequest* request,
                                                         v1::AnalyzePathResponse* response) {
  return StartBatch(analyze_path_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerPaths(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerUnaryReactor* SimilarityService::AssessSimilarity(
    grpc::CallbackServerContext* context, const v1::AssessSimilarityRequest* request,
    v1::AssessSimilarityResponse* response) {
  return StartBatch(assess_similarity_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerAssessment(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerUnaryReactor* SimilarityService::MatchLayers(grpc::CallbackServerContext* context,
                                                         const v1::MatchLayersRequest* request,
                                                         v1::MatchLayersResponse* response) {
  return StartBatch(match_layers_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerMatch(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerUnaryReactor* SimilarityService::SearchNetworks(
    grpc::CallbackServerContext* context, const v1::SearchNetworksRequest* request,
    v1::SearchNetworksResponse* response) {
  return StartBatch(search_networks_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerSearch(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerUnaryReactor* SimilarityService::EmbedNetworks(grpc::CallbackServerContext* context,
                                                           const v1::EmbedNetworksRequest* request,
                                                           v1::EmbedNetworksResponse* response) {
  return StartBatch(embed_networks_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerEmbedding(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerWriteReactor<v1::AlignLayersResponse>* SimilarityService::AlignLayers(
    grpc::CallbackServerContext* context, const v1::AlignLayersRequest* request) {
  return StreamCall<v1::AlignLayersResponse>::Start(state_, align_layers_, context, *request,
                                                    open_streams_, state_.batch,
                                                    AlignSteps(state_, *request));
}

grpc::ServerUnaryReactor* SimilarityService::CompareTangents(
    grpc::CallbackServerContext* context, const v1::CompareTangentsRequest* request,
    v1::CompareTangentsResponse* response) {
  return StartBatch(compare_tangents_, context, *request,
                    [this, request, response](std::stop_token stop) {
                      return AnswerTangents(state_, *request, *response, std::move(stop));
                    });
}

grpc::ServerUnaryReactor* SimilarityService::ListMeasures(grpc::CallbackServerContext* context,
                                                          const v1::ListMeasuresRequest* request,
                                                          v1::ListMeasuresResponse* response) {
  return AnswerInline(state_, list_measures_, context, *request,
                      [&] { return FillMeasures(*request, state_.options.page_size, *response); });
}

}  // namespace gramian
