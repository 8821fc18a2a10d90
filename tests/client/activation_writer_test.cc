#include "gramian/client/activation_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>

#include "tests/client/fake_server.h"

namespace gramian::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a server was sent; puts the chunks into their places and takes everything.
struct Received {
  v1::UploadHeader header;
  std::string matrix;  // row-major, filled by chunks
  std::vector<int64_t> chunk_sizes;
};

void SendAccepted(UploadStream& stream, int64_t chunk_bytes = 1 << 20) {
  v1::UploadLayerResponse response;
  response.mutable_accepted()->set_chunk_bytes(chunk_bytes);
  stream.Write(response);
}

void SendCommitted(UploadStream& stream, const std::string& digest = "d") {
  v1::UploadLayerResponse response;
  response.mutable_committed()->set_digest(digest);
  stream.Write(response);
}

std::function<grpc::Status(UploadStream&)> TakeEverything(Received& received,
                                                          int64_t chunk_bytes = 1 << 20) {
  return [&received, chunk_bytes](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    received.header = request.header();
    const int64_t row_bytes = received.header.feature_count() * 4;
    received.matrix.assign(static_cast<size_t>(received.header.row_count() * row_bytes), '?');
    SendAccepted(stream, chunk_bytes);
    while (stream.Read(&request)) {
      const v1::UploadChunk& chunk = request.chunk();
      const auto position =
          static_cast<size_t>(chunk.first_row() * row_bytes + chunk.byte_offset());
      received.matrix.replace(position, chunk.data().size(), chunk.data());
      received.chunk_sizes.push_back(static_cast<int64_t>(chunk.data().size()));
    }
    SendCommitted(stream);
    return grpc::Status::OK;
  };
}

LayerHeader Header(int64_t rows, int64_t features) {
  LayerHeader header;
  header.snapshot = "projects/p/networks/n/snapshots/1";
  header.module_path = "encoder/0";
  header.row_count = rows;
  header.feature_count = features;
  return header;
}

std::vector<float> Values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

std::string Bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(ActivationWriterTest, SendsAMatrixAndReturnsTheCommittedLayer) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received);
  const auto client = server.Connect();
  LayerHeader header = Header(100, 8);
  header.ordinal = 3;
  header.reduction = "avg_pool";
  header.probe_set = "val";
  header.replace = true;
  std::vector<int64_t> sent;
  UploadOptions options;
  options.progress = [&](const UploadProgress& progress) {
    EXPECT_EQ(progress.total_bytes, 3200);
    sent.push_back(progress.sent_bytes);
  };
  absl::StatusOr<ActivationWriter> writer = client->OpenLayer(header, options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values = Values(800);
  ASSERT_TRUE(writer->Write(50, {values.data() + 400, 50}).ok());
  ASSERT_TRUE(writer->Write(0, {values.data(), 50}).ok());
  const absl::StatusOr<LayerInfo> layer = writer->Finish();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->digest, "d");
  EXPECT_EQ(received.matrix, Bytes(values));
  EXPECT_EQ(received.header.module_path(), "encoder/0");
  EXPECT_EQ(received.header.ordinal(), 3);
  EXPECT_EQ(received.header.reduction(), "avg_pool");
  EXPECT_EQ(received.header.probe_set(), "val");
  EXPECT_EQ(received.header.on_conflict(), v1::ON_CONFLICT_REPLACE);
  EXPECT_THAT(sent, ElementsAre(1600, 3200));
}

TEST(ActivationWriterTest, ChunksAreWholeRowsWithinTheServersLimit) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received, 100);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(10, 8));
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values = Values(80);
  ASSERT_TRUE(writer->Write(0, {values.data(), 10}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(received.chunk_sizes, ElementsAre(96, 96, 96, 32));
  EXPECT_EQ(received.matrix, Bytes(values));
}

// The server is slower than the writer, so that much of a block is on its way when Write returns,
// unless Write waits for it.
TEST(ActivationWriterTest, RowsMayChangeWhenWriteReturns) {
  constexpr int64_t kBlockRows = 4096;
  constexpr int64_t kFeatures = 1024;
  constexpr int64_t kBlocks = 3;
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received, 256 << 10);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(kBlocks * kBlockRows, kFeatures));
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::string expected;
  std::vector<float> block = Values(kBlockRows * kFeatures);
  for (int64_t i = 0; i < kBlocks; ++i) {
    for (float& value : block) value += static_cast<float>(i);
    expected += Bytes(block);
    ASSERT_TRUE(writer->Write(i * kBlockRows, {block.data(), kBlockRows}).ok());
    std::fill(block.begin(), block.end(), -1.0F);
    block = Values(kBlockRows * kFeatures);
  }
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_TRUE(received.matrix == expected)
      << "the server got what was written after Write returned";
}

TEST(ActivationWriterTest, AStopRequestEndsAWriterWhoseServerDoesNotRead) {
  FakeServer server;
  std::promise<void> ended;
  std::future<void> end = ended.get_future();
  server.activations.upload = [&](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    SendAccepted(stream);
    end.wait();
    return grpc::Status::CANCELLED;
  };
  constexpr int64_t kRows = 64 << 10;
  std::stop_source stop;
  UploadOptions options;
  options.stop = stop.get_token();
  int64_t sent_bytes = 0;
  options.progress = [&](const UploadProgress& progress) { sent_bytes = progress.sent_bytes; };
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(kRows, 1024), options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values(kRows * 1024);
  auto result = std::async(std::launch::async, [&] {
    return writer->Write(0, {values.data(), kRows});
  });
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout)
      << "all of it cannot be on its way";
  stop.request_stop();
  EXPECT_EQ(result.get().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(sent_bytes, kRows * 4096);
  ended.set_value();
}

TEST(ActivationWriterTest, ARowWiderThanAChunkIsSplit) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received, 102);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(2, 60));
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values = Values(120);
  ASSERT_TRUE(writer->Write(0, {values.data(), 2}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(received.chunk_sizes, ElementsAre(100, 100, 40, 100, 100, 40))
      << "multiples of the element size";
  EXPECT_EQ(received.matrix, Bytes(values));
}

TEST(ActivationWriterTest, RowsMayLieApartInMemory) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(3, 2));
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> wide = Values(15);  // 3 rows of 5, of which the first 2 columns are sent
  ASSERT_TRUE(writer->Write(0, {wide.data(), 3, 5 * sizeof(float)}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(received.matrix, Bytes({1, 2, 6, 7, 11, 12}));
}

TEST(ActivationWriterTest, ARefusedHeaderIsReportedAtOnce) {
  FakeServer server;
  server.activations.upload = [](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "other content");
  };
  EXPECT_EQ(server.Connect()->OpenLayer(Header(1, 1)).status(),
            absl::AlreadyExistsError("other content"));
}

// Goal: a refused chunk ends the upload long before all of it was sent. Method: the matrix is far
// larger than what fits into windows and buffers, and the server stops after one chunk.
TEST(ActivationWriterTest, ARefusedChunkEndsTheUploadSoon) {
  FakeServer server;
  server.activations.upload = [](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    SendAccepted(stream);
    stream.Read(&request);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "NaN in row 0, column 3");
  };
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(100'000, 1024));
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> block = Values(1000 * 1024);
  absl::Status status;
  int64_t written = 0;
  for (; status.ok() && written < 100'000; written += 1000)
    status = writer->Write(written, {block.data(), 1000});
  EXPECT_EQ(status, absl::InvalidArgumentError("NaN in row 0, column 3"));
  EXPECT_LT(written, 100'000);
  EXPECT_EQ(writer->Write(0, {block.data(), 1}), status) << "a failed upload stays failed";
  EXPECT_EQ(writer->Finish().status(), status);
}

TEST(ActivationWriterTest, ALayerThatIsThereAlreadyNeedsNoBytes) {
  FakeServer server;
  std::atomic<int> chunks{0};
  server.activations.upload = [&](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    SendCommitted(stream, request.header().expected_digest());
    while (stream.Read(&request)) ++chunks;
    return grpc::Status::OK;
  };
  const auto client = server.Connect();
  LayerHeader header = Header(4, 4);
  header.expected_digest = "abc";
  auto writer = client->OpenLayer(header);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE(writer->is_already_there());
  const std::vector<float> values = Values(16);
  EXPECT_TRUE(writer->Write(0, {values.data(), 4}).ok());
  const absl::StatusOr<LayerInfo> layer = writer->Finish();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->digest, "abc");
  EXPECT_EQ(chunks, 0);
}

TEST(ActivationWriterTest, DroppingItCancelsTheUpload) {
  FakeServer server;
  std::promise<bool> completed;
  server.activations.upload = [&](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    SendAccepted(stream);
    while (stream.Read(&request)) {
    }
    v1::UploadLayerResponse response;
    completed.set_value(stream.Write(response));
    return grpc::Status::OK;
  };
  const auto client = server.Connect();
  {
    auto writer = client->OpenLayer(Header(4, 4));
    ASSERT_TRUE(writer.ok()) << writer.status();
  }
  std::future<bool> future = completed.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_FALSE(future.get()) << "the server must not take the stream for finished";
}

TEST(ActivationWriterTest, AStopRequestEndsAWriterThatWaits) {
  FakeServer server;
  std::stop_source stop;
  server.activations.upload = [&](UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    stop.request_stop();  // instead of accepting
    while (stream.Read(&request)) {
    }
    return grpc::Status::CANCELLED;
  };
  UploadOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(server.Connect()->OpenLayer(Header(1, 1), options).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(ActivationWriterTest, ADeadlineEndsAWriterThatWaits) {
  FakeServer server;
  server.activations.upload = [](UploadStream& stream) {
    v1::UploadLayerRequest request;
    while (stream.Read(&request)) {
    }
    return grpc::Status::CANCELLED;
  };
  UploadOptions options;
  options.timeout = absl::Milliseconds(100);
  EXPECT_EQ(server.Connect()->OpenLayer(Header(1, 1), options).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ActivationWriterTest, CancelKeepsItFromFinishing) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(1, 1));
  ASSERT_TRUE(writer.ok()) << writer.status();
  writer->Cancel();
  EXPECT_EQ(writer->Finish().status().code(), absl::StatusCode::kCancelled);
}

TEST(ActivationWriterTest, RowsOutsideTheMatrixAreRefusedWithoutHarm) {
  FakeServer server;
  Received received;
  server.activations.upload = TakeEverything(received);
  const auto client = server.Connect();
  auto writer = client->OpenLayer(Header(4, 2));
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values = Values(8);
  EXPECT_THAT(std::string(writer->Write(3, {values.data(), 2}).message()),
              HasSubstr("rows 3 to 4"));
  EXPECT_EQ(writer->Write(-1, {values.data(), 1}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(writer->Write(0, {values.data(), 1, 4}).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(writer->Write(0, {values.data(), 4}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(received.matrix, Bytes(values));
  EXPECT_EQ(writer->Write(0, {values.data(), 1}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ActivationWriterTest, AChunkTooSmallForAnElementIsRefused) {
  FakeServer server;
  UploadOptions options;
  options.chunk_bytes = 3;
  EXPECT_EQ(server.Connect()->OpenLayer(Header(1, 1), options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian::client
