// Client::DownloadLayer against servers that break off, lie and damage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gramian/client/client.h"
#include "gramian/client/digest.h"
#include "gramian/rpc/upload_message.h"
#include "tests/client/fake_server.h"

namespace gramian::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRows = 100;
constexpr int64_t kFeatures = 10;

std::string Content() {
  std::string content(kRows * kFeatures * 4, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 61);
  return content;
}

void SendLayer(DownloadStream& stream, const std::string& content) {
  v1::DownloadLayerResponse response;
  v1::Layer& layer = *response.mutable_layer();
  layer.set_name("projects/p/networks/n/snapshots/7/layers/x");
  layer.set_module_path("x");
  layer.set_row_count(kRows);
  layer.set_feature_count(kFeatures);
  layer.set_dtype(v1::DTYPE_FLOAT32);
  layer.set_size_bytes(kRows * kFeatures * 4);
  layer.set_digest(ComputeLayerDigest(DType::kFloat32, kRows, kFeatures, content.data()));
  stream.Write(response);
}

v1::DownloadLayerResponse Chunk(const std::string& content, int64_t begin, int64_t end) {
  v1::DownloadLayerResponse response;
  v1::DownloadChunk& chunk = *response.mutable_chunk();
  const std::string data =
      content.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  chunk.set_begin(begin);
  chunk.set_crc32c(Crc32c(std::as_bytes(std::span(data))));
  chunk.set_data(data);
  return response;
}

// Sends bytes [begin, end) in chunks of 300.
void SendChunks(DownloadStream& stream, const std::string& content, int64_t begin, int64_t end) {
  for (; begin < end; begin += 300) stream.Write(Chunk(content, begin, std::min(begin + 300, end)));
}

// Keeps what comes.
class StringSink : public DownloadSink {
 public:
  absl::Status Begin(const LayerInfo& layer) override {
    layers.push_back(layer.module_path);
    return absl::OkStatus();
  }
  absl::Status Append(std::span<const std::byte> data) override {
    if (content.size() >= limit) return absl::UnknownError("disk full");
    content.append(reinterpret_cast<const char*>(data.data()), data.size());
    return absl::OkStatus();
  }

  std::vector<std::string> layers;
  std::string content;
  size_t limit = 1 << 20;
};

absl::StatusOr<LayerInfo> Download(const FakeServer& server, StringSink& sink) {
  return server.Connect()->DownloadLayer("projects/p/networks/n/snapshots/last/layers/x", sink);
}

TEST(DownloadTest, BringsTheBytesInOrder) {
  const std::string content = Content();
  FakeServer server;
  server.activations.download = [&](const v1::DownloadLayerRequest&, DownloadStream& stream) {
    SendLayer(stream, content);
    SendChunks(stream, content, 0, 4000);
    return grpc::Status::OK;
  };
  StringSink sink;
  const absl::StatusOr<LayerInfo> layer = Download(server, sink);
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->row_count, kRows);
  EXPECT_EQ(sink.content, content);
  EXPECT_THAT(sink.layers, ElementsAre("x"));
}

TEST(DownloadTest, GoesOnWhereItBrokeOff) {
  const std::string content = Content();
  FakeServer server;
  std::vector<int64_t> begins;
  std::vector<std::string> names;
  server.activations.download = [&](const v1::DownloadLayerRequest& request,
                                    DownloadStream& stream) {
    begins.push_back(request.begin());
    names.push_back(request.name());
    SendLayer(stream, content);
    if (begins.size() == 1) {
      SendChunks(stream, content, 0, 900);
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
    }
    if (begins.size() == 2) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "still down");
    SendChunks(stream, content, request.begin(), 4000);
    return grpc::Status::OK;
  };
  StringSink sink;
  const absl::StatusOr<LayerInfo> layer = Download(server, sink);
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(sink.content, content);
  EXPECT_THAT(begins, ElementsAre(0, 900, 900));
  EXPECT_THAT(sink.layers, ElementsAre("x")) << "begun once";
  EXPECT_THAT(names.back(), HasSubstr("/snapshots/7/")) << "last may mean another one by now";
}

TEST(DownloadTest, ALayerThatWasReplacedMeanwhileIsNotMixed) {
  const std::string content = Content();
  FakeServer server;
  int calls = 0;
  server.activations.download = [&](const v1::DownloadLayerRequest& request,
                                    DownloadStream& stream) {
    const std::string now = ++calls == 1 ? content : std::string(content.size(), 'y');
    SendLayer(stream, now);
    SendChunks(stream, now, request.begin(), 900);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
  };
  StringSink sink;
  EXPECT_EQ(Download(server, sink).status().code(), absl::StatusCode::kAborted);
}

TEST(DownloadTest, DamageOnTheWayAndInTheStoreIsFound) {
  const std::string content = Content();
  const std::function<void(DownloadStream&)> answers[] = {
      [&](DownloadStream& stream) {
        v1::DownloadLayerResponse chunk = Chunk(content, 0, 4000);
        (*chunk.mutable_chunk()->mutable_data())[17] ^= 1;
        stream.Write(chunk);
      },
      [&](DownloadStream& stream) {
        std::string damaged = content;
        damaged[17] ^= 1;
        SendChunks(stream, damaged, 0, 4000);
      },
  };
  for (const auto& answer : answers) {
    FakeServer server;
    server.activations.download = [&](const v1::DownloadLayerRequest&, DownloadStream& stream) {
      SendLayer(stream, content);
      answer(stream);
      return grpc::Status::OK;
    };
    StringSink sink;
    EXPECT_EQ(Download(server, sink).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(DownloadTest, PiecesThatAreNotTheNextOnesAreErrors) {
  const std::string content = Content();
  const std::function<void(DownloadStream&)> answers[] = {
      [&](DownloadStream& stream) { SendChunks(stream, content, 0, 3900); },
      [&](DownloadStream& stream) { SendChunks(stream, content, 300, 4000); },
      [&](DownloadStream& stream) {
        SendChunks(stream, content, 0, 4000);
        stream.Write(Chunk(content, 3900, 4000));
      },
      [&](DownloadStream& stream) { SendChunks(stream, content + content, 0, 8000); },
  };
  for (const auto& answer : answers) {
    FakeServer server;
    server.activations.download = [&](const v1::DownloadLayerRequest&, DownloadStream& stream) {
      SendLayer(stream, content);
      answer(stream);
      return grpc::Status::OK;
    };
    StringSink sink;
    EXPECT_EQ(Download(server, sink).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(DownloadTest, ASinkThatFailsEndsItWithItsError) {
  const std::string content = Content();
  FakeServer server;
  server.activations.download = [&](const v1::DownloadLayerRequest&, DownloadStream& stream) {
    SendLayer(stream, content);
    SendChunks(stream, content, 0, 4000);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
  };
  StringSink sink;
  sink.limit = 1000;
  EXPECT_EQ(Download(server, sink).status(), absl::UnknownError("disk full"));
}

TEST(DownloadTest, ARefusalIsReturnedAtOnce) {
  FakeServer server;
  server.activations.download = [](const v1::DownloadLayerRequest&, DownloadStream&) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such layer");
  };
  StringSink sink;
  EXPECT_EQ(Download(server, sink).status(), absl::NotFoundError("no such layer"));
}

TEST(DownloadTest, AServerThatIsGoneIsAskedUntilTheDeadline) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.activations.download = [&](const v1::DownloadLayerRequest&, DownloadStream&) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "down");
  };
  StringSink sink;
  CallOptions options;
  options.timeout = absl::Seconds(1);
  EXPECT_EQ(server.Connect()->DownloadLayer("l", sink, options).status(),
            absl::UnavailableError("down"));
  EXPECT_GE(calls, 2);
}

}  // namespace
}  // namespace gramian::client
