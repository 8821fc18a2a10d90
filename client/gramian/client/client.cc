#include "gramian/client/client.h"

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

using Stub = v1::SimilarityService::Stub;

constexpr int kUploadConnectionLimit = 64;
constexpr int64_t kOperatorValueLimit = 1'000'000'000;

// Reads a stream of one header and blocks into a matrix.
template <typename Response>
class MatrixReader {
 public:
  explicit MatrixReader(const MatrixProgressCallback& progress) : progress_(progress) {}

  absl::Status Add(const Response& response) {
    if (response.has_header()) {
      absl::StatusOr<SimilarityMatrix> opened = FromProto(response.header());
      if (!opened.ok()) return opened.status();
      matrix_ = *std::move(opened);
      return absl::OkStatus();
    }
    if (!matrix_.has_value()) return absl::OkStatus();
    if (absl::Status status = Fill(response.block(), *matrix_); !status.ok()) return status;
    filled_count_ += response.block().values_size();
    const auto cell_count = static_cast<int64_t>(matrix_->cells.size());
    if (progress_)
      progress_({response.block().done_count(), cell_count, response.block().elapsed_seconds()});
    return absl::OkStatus();
  }

  absl::StatusOr<SimilarityMatrix> Finish() {
    if (!matrix_.has_value() || filled_count_ != static_cast<int64_t>(matrix_->cells.size()))
      return absl::InternalError("the server did not send the whole matrix");
    return *std::move(matrix_);
  }

 private:
  const MatrixProgressCallback& progress_;
  std::optional<SimilarityMatrix> matrix_;
  int64_t filled_count_ = 0;
};

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

// Reads a stream of one header and blocks into a view of an operator.
class OperatorReader {
 public:
  absl::Status Add(const v1::GetOperatorResponse& response) {
    return response.has_header() ? Open(response.header(), view_) : Append(response.block(), view_);
  }

  absl::StatusOr<OperatorView> Finish() {
    if (static_cast<int64_t>(view_.values.size()) != view_.row_count * view_.column_count)
      return absl::InternalError("the server did not send the whole view");
    return std::move(view_);
  }

 private:
  OperatorView view_;
};

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
  if (options.reconnect_timeout < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("reconnect_timeout must not be negative");
  }
  const absl::StatusOr<Security> security = MakeSecurity(address, options);
  if (!security.ok()) return security.status();
  auto connections = std::make_unique<Connections>(address, options, *security);
  if (absl::Status status = AwaitConnected(connections->query, address,
                                           !options.tls.ca_file.empty(), options.connect_timeout);
      !status.ok()) {
    return status;
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
  const auto response = Call(*connections_->similarity, &Stub::CompareLayers, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  std::vector<Score> scores;
  for (const v1::Score& score : response->scores()) scores.push_back(FromProto(score));
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
  return CallStream(*connections_->similarity, &Stub::CompareSnapshots, request, options,
                    connections_->StreamTimes(),
                    MatrixReader<v1::CompareSnapshotsResponse>(progress));
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
  return CallStream(*connections_->similarity, &Stub::CompareNetworks, request, options,
                    connections_->StreamTimes(),
                    MatrixReader<v1::CompareNetworksResponse>(progress));
}

absl::StatusOr<OperatorView> Client::GetOperator(const OperatorQuery& query,
                                                 const CallOptions& options) {
  return CallStream(*connections_->similarity, &Stub::GetOperator, ToProto(query), options,
                    connections_->StreamTimes(), OperatorReader());
}

absl::StatusOr<PathReport> Client::AnalyzePath(const PathQuery& query, const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::AnalyzePath, ToProto(query), options,
                             connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<TangentReport> Client::CompareTangents(const TangentQuery& query,
                                                      const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::CompareTangents, ToProto(query),
                             options, connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<Assessment>> Client::AssessSimilarity(const AssessmentQuery& query,
                                                                 const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::AssessSimilarity, ToProto(query),
                             options, connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<MatchReport> Client::MatchLayers(const MatchQuery& query,
                                                const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::MatchLayers, ToProto(query), options,
                             connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<SearchReport> Client::SearchNetworks(const SearchQuery& query,
                                                    const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::SearchNetworks, ToProto(query),
                             options, connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<EmbedReport> Client::EmbedNetworks(const EmbedQuery& query,
                                                  const CallOptions& options) {
  const auto response = Call(*connections_->similarity, &Stub::EmbedNetworks, ToProto(query),
                             options, connections_->StreamTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<LayerAlignment> Client::AlignLayers(const AlignmentQuery& query,
                                                   const CallOptions& options) {
  return CallStream(*connections_->similarity, &Stub::AlignLayers, ToProto(query), options,
                    connections_->StreamTimes(), AlignmentReader());
}

absl::StatusOr<std::vector<MeasureInfo>> Client::ListMeasures(const CallOptions& options) {
  return FetchAll<MeasureInfo>(
      *connections_->similarity, &Stub::ListMeasures, {}, options, connections_->QueryTimes(),
      [](const v1::ListMeasuresResponse& response) { return response.measures(); });
}

absl::StatusOr<ServerInfo> Client::GetServerInfo(const CallOptions& options) {
  const auto response = Call(*connections_->admin, &v1::AdminService::Stub::GetServerInfo, {},
                             options, connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<BackupInfo> Client::CreateBackup(absl::string_view name,
                                                const CallOptions& options) {
  v1::CreateBackupRequest request;
  request.set_name(std::string(name));
  const auto response = Call(*connections_->admin, &v1::AdminService::Stub::CreateBackup, request,
                             options, connections_->OnceTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

}  // namespace gramian::client
