#include "tests/server/server_fixture.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/v1/errors.pb.h"
#include "server/crc32c.h"

namespace gramian::testing {
namespace {

using ::testing::Contains;
using ::testing::Pair;

using Rows = std::vector<std::vector<double>>;

Rows Centered(const Activations& x) {
  Rows rows(static_cast<size_t>(x.rows), std::vector<double>(static_cast<size_t>(x.cols)));
  for (size_t j = 0; j < static_cast<size_t>(x.cols); ++j) {
    double mean = 0;
    for (size_t i = 0; i < rows.size(); ++i) mean += x.values[i * static_cast<size_t>(x.cols) + j];
    mean /= static_cast<double>(x.rows);
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i][j] = x.values[i * static_cast<size_t>(x.cols) + j] - mean;
  }
  return rows;
}

// |X'Y|_F^2
double SquaredCrossNorm(const Rows& x, const Rows& y) {
  double total = 0;
  for (size_t a = 0; a < x[0].size(); ++a) {
    for (size_t b = 0; b < y[0].size(); ++b) {
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i) sum += x[i][a] * y[i][b];
      total += sum * sum;
    }
  }
  return total;
}

v1::ErrorReason ErrorReasonIn(const grpc::Status& status) {
  v1::ErrorStatus details;
  v1::ErrorReason reason;
  const bool has_reason = details.ParseFromString(status.error_details()) &&
                          !details.details().empty() &&
                          reason.ParseFromString(details.details(0).value());
  return has_reason ? reason : v1::ErrorReason();
}

}  // namespace

std::string Activations::bytes() const {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

Activations RandomActivations(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Activations activations{rows, cols, std::vector<float>(static_cast<size_t>(rows * cols))};
  for (float& value : activations.values) value = normal(generator);
  return activations;
}

double ReferenceCka(const Activations& x, const Activations& y) {
  const Rows a = Centered(x);
  const Rows b = Centered(y);
  return SquaredCrossNorm(a, b) / std::sqrt(SquaredCrossNorm(a, a) * SquaredCrossNorm(b, b));
}

v1::UploadChunk Chunk(int64_t first_row, int64_t byte_offset, const std::string& data) {
  v1::UploadChunk chunk;
  chunk.set_first_row(first_row);
  chunk.set_byte_offset(byte_offset);
  chunk.set_crc32c(ExtendCrc32c(0, data));
  chunk.set_data(data);
  return chunk;
}

std::vector<v1::UploadChunk> CutRows(const Activations& activations, int64_t rows_per_chunk) {
  const std::string bytes = activations.bytes();
  const size_t chunk_bytes = static_cast<size_t>(rows_per_chunk * activations.row_bytes());
  std::vector<v1::UploadChunk> chunks;
  for (size_t begin = 0; begin < bytes.size(); begin += chunk_bytes) {
    const int64_t row = static_cast<int64_t>(begin) / activations.row_bytes();
    chunks.push_back(Chunk(row, 0, bytes.substr(begin, chunk_bytes)));
  }
  return chunks;
}

v1::UploadChunk CutBytes(const Activations& activations, int64_t begin, int64_t end) {
  return Chunk(
      begin / activations.row_bytes(), begin % activations.row_bytes(),
      activations.bytes().substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
}

TempDir::TempDir() {
  std::string path = (std::filesystem::temp_directory_path() / "gramian_XXXXXX").string();
  if (mkdtemp(path.data()) != nullptr) path_ = path;
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string ReasonIn(const grpc::Status& status) { return ErrorReasonIn(status).reason(); }

std::map<std::string, std::string> MetadataIn(const grpc::Status& status) {
  const v1::ErrorReason reason = ErrorReasonIn(status);
  return {reason.metadata().begin(), reason.metadata().end()};
}

int64_t RetryMillisecondsIn(const grpc::Status& status) {
  v1::ErrorStatus details;
  v1::RetryDelay retry;
  if (!details.ParseFromString(status.error_details()) || details.details_size() < 2 ||
      !retry.ParseFromString(details.details(1).value())) {
    return -1;
  }
  return retry.retry_delay().seconds() * 1000 + retry.retry_delay().nanos() / 1'000'000;
}

void ExpectRefused(const grpc::Status& status, const Refusal& refusal) {
  SCOPED_TRACE(status.error_message());
  EXPECT_EQ(status.error_code(), refusal.code);
  EXPECT_EQ(ReasonIn(status), refusal.reason);
  const std::map<std::string, std::string> metadata = MetadataIn(status);
  EXPECT_THAT(metadata, Contains(Pair("value", absl::StrCat(refusal.value))));
  EXPECT_THAT(metadata, Contains(Pair("limit", absl::StrCat(refusal.limit))));
  EXPECT_EQ(RetryMillisecondsIn(status) >= 0, refusal.may_be_repeated);
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

ServerOptions ServerFixture::Options() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.metrics_listen = "127.0.0.1:0";
  options.threads = 2;
  options.store_bytes = int64_t{64} << 20;
  options.cache_bytes = int64_t{64} << 20;
  options.scratch_bytes = int64_t{256} << 20;
  return options;
}

void ServerFixture::Start(const ServerOptions& options, FileSystem& files) {
  static const absl::Status blas = InitializeBlas();
  ASSERT_TRUE(blas.ok()) << blas;
  auto server = Server::Start(options, files);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // Each test its own connection: channels with equal arguments would share one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(server_->grpc_address(), grpc::InsecureChannelCredentials(),
                                       arguments);
  activations_ = v1::ActivationService::NewStub(channel_);
  similarity_ = v1::SimilarityService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
}

void ServerFixture::Stop() {
  activations_.reset();
  similarity_.reset();
  admin_.reset();
  channel_.reset();
  server_.reset();
}

std::unique_ptr<grpc::ClientContext> ServerFixture::Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  return context;
}

std::string ServerFixture::SnapshotName(int64_t step, const std::string& network) {
  return absl::StrCat("projects/default/networks/", network, "/snapshots/", step);
}

std::string ServerFixture::LayerName(const std::string& layer, int64_t step,
                                     const std::string& network) {
  return absl::StrCat(SnapshotName(step, network), "/layers/", layer);
}

v1::UploadHeader ServerFixture::Header(const Activations& activations, const std::string& layer,
                                       int64_t step, const std::string& network) {
  v1::UploadHeader header;
  header.set_parent(SnapshotName(step, network));
  header.set_module_path(layer);
  header.set_row_count(activations.rows);
  header.set_feature_count(activations.cols);
  header.set_dtype(v1::DTYPE_FLOAT32);
  header.set_probe_set("probe");
  return header;
}

UploadOutcome ServerFixture::Upload(const v1::UploadHeader& header,
                                    const std::vector<v1::UploadChunk>& chunks) {
  UploadOutcome outcome;
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = header;
  bool open = stream->Write(request);
  for (const v1::UploadChunk& chunk : chunks) {
    *request.mutable_chunk() = chunk;
    open = open && stream->Write(request);
  }
  if (open) stream->WritesDone();
  v1::UploadLayerResponse response;
  while (stream->Read(&response)) {
    if (response.has_accepted()) outcome.accepted = true;
    if (response.has_progress()) ++outcome.progress_count;
    if (response.has_committed()) outcome.layer = response.committed();
  }
  outcome.status = stream->Finish();
  return outcome;
}

v1::Layer ServerFixture::MustUpload(const Activations& activations, const std::string& layer,
                                    int64_t step, const std::string& network) {
  const UploadOutcome outcome =
      Upload(Header(activations, layer, step, network), CutRows(activations, 64));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  return outcome.layer;
}

grpc::Status ServerFixture::Fetch(const std::string& name, std::string* bytes) {
  v1::DownloadLayerRequest request;
  request.set_name(name);
  const auto context = Context();
  const auto stream = activations_->DownloadLayer(context.get(), request);
  v1::DownloadLayerResponse response;
  bytes->clear();
  while (stream->Read(&response)) *bytes += response.chunk().data();
  return stream->Finish();
}

grpc::Status ServerFixture::Compare(const std::string& a, const std::string& b,
                                    const std::vector<std::string>& measures,
                                    v1::CompareLayersResponse* response) {
  v1::CompareLayersRequest request;
  request.set_layer_a(a);
  request.set_layer_b(b);
  for (const std::string& measure : measures) request.add_measures(measure);
  response->Clear();
  return similarity_->CompareLayers(Context().get(), request, response);
}

}  // namespace gramian::testing
