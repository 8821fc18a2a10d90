#include "gramian/client/client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <atomic>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/rpc/channel.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"
#include "gramian/rpc/upload.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"

namespace gramian::client {
namespace {

constexpr int kUploadConnectionLimit = 64;
constexpr int64_t kOperatorValueLimit = 1'000'000'000;

// The context of one call: its deadline, and a stop request that cancels it.
class CallContext {
 public:
  CallContext(const CallOptions& options, absl::Duration default_timeout)
      : on_stop_(options.stop, [this] { context_.TryCancel(); }) {
    const absl::Duration timeout =
        options.timeout == absl::ZeroDuration() ? default_timeout : options.timeout;
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }

  grpc::ClientContext* get() { return &context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

// Fetches all pages of a list. `fetch(request, response)` makes one call, `elements(response)` are
// what it lists.
template <typename Element, typename Request, typename Response, typename Fetch, typename Elements>
absl::StatusOr<std::vector<Element>> FetchAll(Request request, const Response&, const Fetch& fetch,
                                              const Elements& elements) {
  std::vector<Element> result;
  std::string previous_token;
  do {
    Response response;
    if (absl::Status status = fetch(request, &response); !status.ok()) return status;
    for (const auto& element : elements(response)) result.push_back(FromProto(element));
    previous_token = request.page_token();
    request.set_page_token(response.next_page_token());
    if (!request.page_token().empty() && request.page_token() == previous_token) {
      return absl::InternalError("the server gave the same page twice");
    }
  } while (!request.page_token().empty());
  return result;
}

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

absl::Status NoAnswer(const std::string& address, absl::Duration timeout) {
  return absl::UnavailableError(
      absl::StrCat("no server answers at ", address, " within ", absl::FormatDuration(timeout)));
}

}  // namespace

struct Client::Connections {
  Connections(const std::string& server_address, const ClientOptions& client_options)
      : address(server_address),
        options(client_options),
        query(MakeQueryChannel(address)),
        activations(v1::ActivationService::NewStub(query)),
        similarity(v1::SimilarityService::NewStub(query)),
        admin(v1::AdminService::NewStub(query)) {
    for (int i = 0; i < options.upload_connection_count; ++i)
      uploads.push_back(MakeUploadChannel(address));
  }

  const std::string address;
  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> query;
  const std::unique_ptr<v1::ActivationService::Stub> activations;
  const std::unique_ptr<v1::SimilarityService::Stub> similarity;
  const std::unique_ptr<v1::AdminService::Stub> admin;
  std::vector<std::shared_ptr<grpc::Channel>> uploads;  // constant after construction
  std::atomic<uint32_t> next_upload{0};
};

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
  auto connections = std::make_unique<Connections>(address, options);
  if (!connections->query->WaitForConnected(
          absl::ToChronoTime(absl::Now() + options.connect_timeout))) {
    return NoAnswer(address, options.connect_timeout);
  }
  return std::unique_ptr<Client>(new Client(std::move(connections)));
}

absl::StatusOr<std::vector<NetworkInfo>> Client::ListNetworks(absl::string_view project,
                                                              const CallOptions& options) {
  v1::ListNetworksRequest request;
  request.set_parent(std::string(project));
  return FetchAll<NetworkInfo>(
      request, v1::ListNetworksResponse(),
      [&](const v1::ListNetworksRequest& page, v1::ListNetworksResponse* response) {
        CallContext context(options, connections_->options.call_timeout);
        return FromGrpc(connections_->activations->ListNetworks(context.get(), page, response));
      },
      [](const v1::ListNetworksResponse& response) { return response.networks(); });
}

absl::StatusOr<std::vector<SnapshotInfo>> Client::ListSnapshots(absl::string_view network,
                                                                const CallOptions& options) {
  v1::ListSnapshotsRequest request;
  request.set_parent(std::string(network));
  return FetchAll<SnapshotInfo>(
      request, v1::ListSnapshotsResponse(),
      [&](const v1::ListSnapshotsRequest& page, v1::ListSnapshotsResponse* response) {
        CallContext context(options, connections_->options.call_timeout);
        return FromGrpc(connections_->activations->ListSnapshots(context.get(), page, response));
      },
      [](const v1::ListSnapshotsResponse& response) { return response.snapshots(); });
}

absl::StatusOr<std::vector<LayerInfo>> Client::ListLayers(absl::string_view snapshot,
                                                          const CallOptions& options) {
  v1::ListLayersRequest request;
  request.set_parent(std::string(snapshot));
  return FetchAll<LayerInfo>(
      request, v1::ListLayersResponse(),
      [&](const v1::ListLayersRequest& page, v1::ListLayersResponse* response) {
        CallContext context(options, connections_->options.call_timeout);
        return FromGrpc(connections_->activations->ListLayers(context.get(), page, response));
      },
      [](const v1::ListLayersResponse& response) { return response.layers(); });
}

absl::StatusOr<LayerInfo> Client::GetLayer(absl::string_view layer, const CallOptions& options) {
  v1::GetLayerRequest request;
  request.set_name(std::string(layer));
  v1::GetLayerResponse response;
  CallContext context(options, connections_->options.call_timeout);
  const absl::Status status =
      FromGrpc(connections_->activations->GetLayer(context.get(), request, &response));
  if (!status.ok()) return status;
  return FromProto(response.layer());
}

absl::StatusOr<DeletedSnapshot> Client::DeleteSnapshot(absl::string_view snapshot,
                                                       const CallOptions& options) {
  v1::DeleteSnapshotRequest request;
  request.set_name(std::string(snapshot));
  v1::DeleteSnapshotResponse response;
  CallContext context(options, connections_->options.call_timeout);
  const absl::Status status =
      FromGrpc(connections_->activations->DeleteSnapshot(context.get(), request, &response));
  if (!status.ok()) return status;
  return DeletedSnapshot{response.layer_count(), response.size_bytes()};
}

absl::StatusOr<ActivationWriter> Client::OpenLayer(const LayerHeader& header,
                                                   const UploadOptions& options) {
  UploadOptions complete = options;
  if (complete.timeout == absl::ZeroDuration())
    complete.timeout = connections_->options.stream_timeout;
  const uint32_t turn = connections_->next_upload.fetch_add(1, std::memory_order_relaxed);
  const std::shared_ptr<grpc::Channel>& channel =
      connections_->uploads[turn % connections_->uploads.size()];
  // The call itself fails with the first attempt to connect.
  if (!channel->WaitForConnected(
          absl::ToChronoTime(absl::Now() + connections_->options.connect_timeout))) {
    return NoAnswer(connections_->address, connections_->options.connect_timeout);
  }
  auto upload = std::make_unique<ActivationWriter::Upload>(header, complete, channel);
  if (absl::Status status = upload->Start(); !status.ok()) return status;
  return ActivationWriter(std::move(upload));
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

}  // namespace gramian::client
