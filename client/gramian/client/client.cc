#include "gramian/client/client.h"

#include <grpcpp/support/sync_stream.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/rpc/call.h"
#include "gramian/rpc/connections.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/convert_align.h"
#include "gramian/rpc/convert_match.h"
#include "gramian/rpc/convert_path.h"
#include "gramian/rpc/convert_significance.h"
#include "gramian/rpc/convert_tangent.h"
#include "gramian/rpc/status.h"

namespace gramian::client {
namespace {

constexpr int kUploadConnectionLimit = 64;
constexpr int64_t kOperatorValueLimit = 1'000'000'000;

// Reads a stream of one header and blocks into a matrix.
template <typename Response>
absl::StatusOr<SimilarityMatrix> ReadMatrix(CallContext& context,
                                            grpc::ClientReader<Response>& reader,
                                            const MatrixProgressCallback& progress) {
  std::optional<SimilarityMatrix> matrix;
  absl::Status problem;
  int64_t filled_count = 0;
  Response response;
  while (problem.ok() && reader.Read(&response)) {
    if (response.has_header()) {
      absl::StatusOr<SimilarityMatrix> opened = FromProto(response.header());
      problem = opened.status();
      if (opened.ok()) matrix = *std::move(opened);
    } else if (matrix.has_value()) {
      problem = Fill(response.block(), *matrix);
      filled_count += response.block().values_size();
      const auto cell_count = static_cast<int64_t>(matrix->cells.size());
      if (progress)
        progress({response.block().done_count(), cell_count, response.block().elapsed_seconds()});
    }
  }
  if (!problem.ok()) context.get()->TryCancel();
  const absl::Status end = FromGrpc(reader.Finish());
  if (!problem.ok()) return problem;
  if (!end.ok()) return end;
  if (!matrix.has_value() || filled_count != static_cast<int64_t>(matrix->cells.size())) {
    return absl::InternalError("the server did not send the whole matrix");
  }
  return *std::move(matrix);
}

// Appends a block, whole rows or a part of one, to the view. INTERNAL when it is not the next one.
absl::Status Append(const v1::OperatorBlock& block, OperatorView& view) {
  const auto size = static_cast<int64_t>(view.values.size());
  const bool fits = block.first_row() >= 0 && block.first_row() < view.row_count &&
                    block.first_column() >= 0 && block.first_column() < view.column_count &&
                    block.first_row() * view.column_count + block.first_column() == size &&
                    (block.row_count() == 1 || block.column_count() == view.column_count) &&
                    block.values_size() == block.row_count() * block.column_count() &&
                    size + block.values_size() <= view.row_count * view.column_count;
  if (!fits) return absl::InternalError("the server sent a block that is not the next one");
  view.values.insert(view.values.end(), block.values().begin(), block.values().end());
  return absl::OkStatus();
}

absl::Status Open(const v1::OperatorHeader& header, OperatorView& view) {
  if (header.row_count() < 0 || header.column_count() < 0 ||
      (header.column_count() > 0 &&
       header.row_count() > kOperatorValueLimit / header.column_count())) {
    return absl::InternalError("the server announced a view of impossible size");
  }
  view.layers.assign(header.layers().begin(), header.layers().end());
  view.input_count = header.input_count();
  view.kernel = header.kernel();
  view.row_count = header.row_count();
  view.column_count = header.column_count();
  return absl::OkStatus();
}

}  // namespace

Client::Client(std::unique_ptr<Connections> connections) : connections_(std::move(connections)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& address,
                                                        const ClientOptions& options) {
  if (options.upload_connection_count < 1 ||
      options.upload_connection_count > kUploadConnectionLimit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "upload_connection_count is ", options.upload_connection_count, ", not 1 to 64"));
  }
  if (options.call_timeout <= absl::ZeroDuration() ||
      options.stream_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeouts must be positive");
  }
  const absl::StatusOr<Security> security = MakeSecurity(address, options);
  if (!security.ok()) return security.status();
  auto connections = std::make_unique<Connections>(address, options, *security);
  if (!connections->query->WaitForConnected(
          absl::ToChronoTime(absl::Now() + options.connect_timeout))) {
    return absl::UnavailableError(absl::StrCat("no server answers at ", address, " within ",
                                               absl::FormatDuration(options.connect_timeout),
                                               options.tls.ca_file.empty() ? "" : " over TLS"));
  }
  return std::unique_ptr<Client>(new Client(std::move(connections)));
}

absl::StatusOr<std::vector<Score>> Client::CompareLayers(absl::string_view layer_a,
                                                         absl::string_view layer_b,
                                                         const std::vector<std::string>& measures,
                                                         const CallOptions& options) {
  v1::CompareLayersRequest request;
  request.set_layer_a(std::string(layer_a));
  request.set_layer_b(std::string(layer_b));
  for (const std::string& measure : measures) request.add_measures(measure);
  v1::CompareLayersResponse response;
  CallContext context(options, connections_->options.call_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->CompareLayers(context.get(), request, &response));
  if (!status.ok()) return status;
  std::vector<Score> scores;
  for (const v1::Score& score : response.scores()) scores.push_back(FromProto(score));
  return scores;
}

absl::StatusOr<SimilarityMatrix> Client::CompareSnapshots(absl::string_view snapshot_a,
                                                          absl::string_view snapshot_b,
                                                          absl::string_view measure,
                                                          const MatrixProgressCallback& progress,
                                                          const CallOptions& options) {
  v1::CompareSnapshotsRequest request;
  request.set_snapshot_a(std::string(snapshot_a));
  request.set_snapshot_b(std::string(snapshot_b));
  request.set_measure(std::string(measure));
  CallContext context(options, connections_->options.stream_timeout);
  const auto reader = connections_->similarity->CompareSnapshots(context.get(), request);
  return ReadMatrix(context, *reader, progress);
}

absl::StatusOr<SimilarityMatrix> Client::CompareNetworks(const std::vector<std::string>& snapshots,
                                                         absl::string_view measure,
                                                         const Fusion& fusion,
                                                         const MatrixProgressCallback& progress,
                                                         const CallOptions& options) {
  v1::CompareNetworksRequest request;
  for (const std::string& snapshot : snapshots) request.add_snapshots(snapshot);
  request.set_measure(std::string(measure));
  *request.mutable_fusion() = ToProto(fusion);
  CallContext context(options, connections_->options.stream_timeout);
  const auto reader = connections_->similarity->CompareNetworks(context.get(), request);
  return ReadMatrix(context, *reader, progress);
}

absl::StatusOr<OperatorView> Client::GetOperator(const OperatorQuery& query,
                                                 const CallOptions& options) {
  CallContext context(options, connections_->options.stream_timeout);
  const auto reader = connections_->similarity->GetOperator(context.get(), ToProto(query));
  OperatorView view;
  absl::Status problem;
  v1::GetOperatorResponse response;
  while (problem.ok() && reader->Read(&response)) {
    problem =
        response.has_header() ? Open(response.header(), view) : Append(response.block(), view);
  }
  if (!problem.ok()) context.get()->TryCancel();
  const absl::Status end = FromGrpc(reader->Finish());
  if (!problem.ok()) return problem;
  if (!end.ok()) return end;
  if (static_cast<int64_t>(view.values.size()) != view.row_count * view.column_count) {
    return absl::InternalError("the server did not send the whole view");
  }
  return view;
}

absl::StatusOr<PathReport> Client::AnalyzePath(const PathQuery& query, const CallOptions& options) {
  v1::AnalyzePathResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->AnalyzePath(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<TangentReport> Client::CompareTangents(const TangentQuery& query,
                                                      const CallOptions& options) {
  v1::CompareTangentsResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->CompareTangents(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<std::vector<Assessment>> Client::AssessSimilarity(const AssessmentQuery& query,
                                                                 const CallOptions& options) {
  v1::AssessSimilarityResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status = FromGrpc(
      connections_->similarity->AssessSimilarity(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<MatchReport> Client::MatchLayers(const MatchQuery& query,
                                                const CallOptions& options) {
  v1::MatchLayersResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->MatchLayers(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<SearchReport> Client::SearchNetworks(const SearchQuery& query,
                                                    const CallOptions& options) {
  v1::SearchNetworksResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->SearchNetworks(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<EmbedReport> Client::EmbedNetworks(const EmbedQuery& query,
                                                  const CallOptions& options) {
  v1::EmbedNetworksResponse response;
  CallContext context(options, connections_->options.stream_timeout);
  const absl::Status status =
      FromGrpc(connections_->similarity->EmbedNetworks(context.get(), ToProto(query), &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<LayerAlignment> Client::AlignLayers(const AlignmentQuery& query,
                                                   const CallOptions& options) {
  CallContext context(options, connections_->options.stream_timeout);
  const auto reader = connections_->similarity->AlignLayers(context.get(), ToProto(query));
  AlignmentReader alignment;
  absl::Status problem;
  v1::AlignLayersResponse response;
  while (problem.ok() && reader->Read(&response)) problem = alignment.Add(response);
  if (!problem.ok()) context.get()->TryCancel();
  const absl::Status end = FromGrpc(reader->Finish());
  if (!problem.ok()) return problem;
  if (!end.ok()) return end;
  return alignment.Finish();
}

absl::StatusOr<std::vector<MeasureInfo>> Client::ListMeasures(const CallOptions& options) {
  return FetchAll<MeasureInfo>(
      v1::ListMeasuresRequest(), v1::ListMeasuresResponse(),
      [&](const v1::ListMeasuresRequest& page, v1::ListMeasuresResponse* response) {
        CallContext context(options, connections_->options.call_timeout);
        return FromGrpc(connections_->similarity->ListMeasures(context.get(), page, response));
      },
      [](const v1::ListMeasuresResponse& response) { return response.measures(); });
}

absl::StatusOr<ServerInfo> Client::GetServerInfo(const CallOptions& options) {
  v1::GetServerInfoResponse response;
  CallContext context(options, connections_->options.call_timeout);
  const absl::Status status =
      FromGrpc(connections_->admin->GetServerInfo(context.get(), {}, &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

absl::StatusOr<BackupInfo> Client::CreateBackup(absl::string_view name,
                                                const CallOptions& options) {
  v1::CreateBackupRequest request;
  request.set_name(std::string(name));
  v1::CreateBackupResponse response;
  CallContext context(options, connections_->options.call_timeout);
  const absl::Status status =
      FromGrpc(connections_->admin->CreateBackup(context.get(), request, &response));
  if (!status.ok()) return status;
  return FromProto(response);
}

}  // namespace gramian::client
