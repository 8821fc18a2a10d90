#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/crc32c.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

// What a download brought.
struct Download {
  grpc::Status status;
  v1::Layer layer;
  std::string bytes;
  int64_t largest_chunk = 0;
  bool is_sound = true;  // chunks follow each other and have their checksums
};

// A download, step by step.
class DownloadCall {
 public:
  DownloadCall(v1::ActivationService::Stub& stub, const std::string& name, int64_t begin = 0,
               std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
    context_.set_deadline(std::chrono::system_clock::now() + timeout);
    v1::DownloadLayerRequest request;
    request.set_name(name);
    request.set_begin(begin);
    next_ = begin;
    stream_ = stub.DownloadLayer(&context_, request);
  }

  bool Read() {
    v1::DownloadLayerResponse response;
    if (!stream_->Read(&response)) return false;
    if (response.has_layer()) {
      download_.is_sound = download_.is_sound && ++layer_count_ == 1 && download_.bytes.empty();
      download_.layer = response.layer();
      return true;
    }
    const v1::DownloadChunk& chunk = response.chunk();
    download_.is_sound = download_.is_sound && layer_count_ == 1 && chunk.begin() == next_ &&
                         !chunk.data().empty() && chunk.crc32c() == ExtendCrc32c(0, chunk.data());
    next_ += static_cast<int64_t>(chunk.data().size());
    download_.largest_chunk =
        std::max(download_.largest_chunk, static_cast<int64_t>(chunk.data().size()));
    download_.bytes += chunk.data();
    return true;
  }

  Download Finish() {
    while (Read()) {
    }
    download_.status = stream_->Finish();
    return std::move(download_);
  }

  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::DownloadLayerResponse>> stream_;
  int layer_count_ = 0;
  int64_t next_ = 0;
  Download download_;
};

// All of it with a data directory and without.
class DownloadTest : public ServerFixture, public ::testing::WithParamInterface<bool> {
 protected:
  ServerOptions DownloadOptions() {
    ServerOptions options = Options();
    if (GetParam()) options.data_dir = dir_.path();
    options.disk_reserve_bytes = 0;
    return options;
  }

  Download Get(const std::string& name, int64_t begin = 0) {
    return DownloadCall(*activations_, name, begin).Finish();
  }

  // How often the server ended a download with `code`.
  bool WasEnded(const std::string& code, int times) {
    const std::string page = HttpGet(server_->metrics_address(), "/metrics").body;
    for (size_t at = page.find("grpc_server_handled_total{"); at != std::string::npos;
         at = page.find("grpc_server_handled_total{", at + 1)) {
      const std::string sample = page.substr(at, page.find('\n', at) - at);
      if (sample.find("\"DownloadLayer\"") != std::string::npos &&
          sample.find(absl::StrCat("\"", code, "\"")) != std::string::npos) {
        return sample.substr(sample.rfind(' ') + 1) == absl::StrCat(times);
      }
    }
    return false;
  }

  TempDir dir_;
  // 2.5 chunks of 1 MiB.
  const Activations x_ = RandomActivations(5 * 512, 256, 1);
};

TEST_P(DownloadTest, TheBytesComeBackAsTheyWereSent) {
  Start(DownloadOptions());
  const v1::Layer layer = MustUpload(x_, "layer");
  const Download download = Get(LayerName("layer"));
  ASSERT_TRUE(download.status.ok()) << download.status.error_message();
  EXPECT_TRUE(download.is_sound);
  EXPECT_EQ(download.layer.SerializeAsString(), layer.SerializeAsString());
  EXPECT_TRUE(download.bytes == x_.bytes());
  EXPECT_EQ(download.largest_chunk, Options().chunk_bytes);
}

TEST_P(DownloadTest, ABrokenDownloadGoesOnFromAnyByte) {
  Start(DownloadOptions());
  MustUpload(x_, "layer");
  const std::string bytes = x_.bytes();
  const auto size = static_cast<int64_t>(bytes.size());
  for (const int64_t begin : {int64_t{1}, int64_t{1} << 20, size - 1, size}) {
    const Download download = Get(LayerName("layer"), begin);
    ASSERT_TRUE(download.status.ok()) << download.status.error_message();
    EXPECT_TRUE(download.is_sound);
    EXPECT_EQ(download.layer.size_bytes(), size);
    EXPECT_TRUE(download.bytes == bytes.substr(static_cast<size_t>(begin))) << begin;
  }
}

TEST_P(DownloadTest, ChunksAreNoLargerThanTheLimit) {
  ServerOptions options = DownloadOptions();
  options.chunk_bytes = 44;
  Start(options);
  const Activations x = RandomActivations(9, 3, 1);
  ASSERT_TRUE(Upload(Header(x, "layer"), CutRows(x, 1)).status.ok());
  const Download download = Get(LayerName("layer"));
  ASSERT_TRUE(download.status.ok()) << download.status.error_message();
  EXPECT_TRUE(download.is_sound);
  EXPECT_TRUE(download.bytes == x.bytes());
  EXPECT_EQ(download.largest_chunk, 40);  // Whole elements of every type.
}

TEST_P(DownloadTest, WhatCannotBeReadIsRefused) {
  Start(DownloadOptions());
  MustUpload(x_, "layer");
  const auto size = static_cast<int64_t>(x_.bytes().size());
  for (const int64_t begin : {int64_t{-1}, size + 1, std::numeric_limits<int64_t>::min()}) {
    const grpc::Status status = Get(LayerName("layer"), begin).status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(absl::StrCat("begin is ", begin)));
  }
  EXPECT_EQ(Get("layer").status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Get(LayerName("other")).status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Get("projects/default/networks/net/snapshots/last/layers/layer").status.ok());
}

TEST_P(DownloadTest, ALayerThatIsDeletedMeanwhileComesWhole) {
  Start(DownloadOptions());
  const Activations x = RandomActivations(8 * 1024, 512, 1);  // 16 MiB: more than lies on the way.
  MustUpload(x, "layer");
  DownloadCall call(*activations_, LayerName("layer"));
  ASSERT_TRUE(call.Read());
  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName());
  v1::DeleteSnapshotResponse response;
  ASSERT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &response).ok());
  const Download download = call.Finish();
  ASSERT_TRUE(download.status.ok()) << download.status.error_message();
  EXPECT_TRUE(download.bytes == x.bytes());
}

// Goal: clients that read nothing keep nobody else waiting. Method: many more such downloads than
// there are threads, then an upload, a download and a comparison.
TEST_P(DownloadTest, ClientsThatDoNotReadHoldNoThread) {
  Start(DownloadOptions());
  const Activations x = RandomActivations(8 * 1024, 512, 1);
  MustUpload(x, "layer");
  std::vector<std::unique_ptr<DownloadCall>> silent;
  for (int i = 0; i < 12; ++i) {
    silent.push_back(std::make_unique<DownloadCall>(*activations_, LayerName("layer")));
    ASSERT_TRUE(silent.back()->Read());
  }
  MustUpload(RandomActivations(8 * 1024, 3, 2), "other");
  EXPECT_TRUE(Get(LayerName("other")).status.ok());
  v1::CompareLayersResponse response;
  EXPECT_TRUE(Compare(LayerName("layer"), LayerName("other"), {"cka"}, &response).ok());
  EXPECT_TRUE(silent[0]->Finish().bytes == x.bytes());
  for (size_t i = 1; i < silent.size(); ++i) {
    silent[i]->Cancel();
    EXPECT_FALSE(silent[i]->Finish().status.ok());
  }
}

TEST_P(DownloadTest, NoMoreAreOpenThanTheLimit) {
  ServerOptions options = DownloadOptions();
  options.max_uploads = 1;
  Start(options);
  // More than the windows between server and client hold.
  MustUpload(RandomActivations(48 * 1024, 256, 1), "large");
  MustUpload(x_, "layer");
  DownloadCall open(*activations_, LayerName("large"));
  ASSERT_TRUE(open.Read());
  ExpectRefused(Get(LayerName("layer")).status,
                {grpc::StatusCode::UNAVAILABLE, "TOO_MANY_DOWNLOADS", 2, 1, true});
  open.Cancel();
  open.Finish();
  EXPECT_TRUE(Eventually([this] { return Get(LayerName("layer")).status.ok(); }));
}

TEST_P(DownloadTest, AClientThatReadsNothingForTooLongLosesItsStream) {
  ServerOptions options = DownloadOptions();
  options.stream_stall_seconds = 1;
  Start(options);
  MustUpload(RandomActivations(8 * 1024, 512, 1), "layer");
  DownloadCall call(*activations_, LayerName("layer"));
  ASSERT_TRUE(call.Read());
  EXPECT_TRUE(Eventually([this] { return WasEnded("Aborted", 1); }));
  EXPECT_FALSE(call.Finish().status.ok());
}

TEST_P(DownloadTest, ADownloadMayEndAtAnyMoment) {
  Start(DownloadOptions());
  MustUpload(x_, "layer");
  for (int messages = 0; messages <= 4; ++messages) {
    DownloadCall call(*activations_, LayerName("layer"));
    for (int i = 0; i < messages; ++i) ASSERT_TRUE(call.Read());
    call.Cancel();
    call.Finish();
  }
  for (int i = 0; i < 20; ++i) {
    const grpc::Status status =
        DownloadCall(*activations_, LayerName("layer"), 0, std::chrono::milliseconds(1))
            .Finish()
            .status;
    if (!status.ok()) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
    }
  }
  EXPECT_TRUE(Get(LayerName("layer")).bytes == x_.bytes());
}

TEST_P(DownloadTest, ADrainEndsWhatOutlastsThePatience) {
  Start(DownloadOptions());
  MustUpload(RandomActivations(8 * 1024, 512, 1), "layer");
  DownloadCall call(*activations_, LayerName("layer"));
  ASSERT_TRUE(call.Read());
  EXPECT_FALSE(server_->Drain(std::chrono::milliseconds(1)));
  EXPECT_FALSE(call.Finish().status.ok());
}

INSTANTIATE_TEST_SUITE_P(Stores, DownloadTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& directory) {
                           return directory.param ? "Directory" : "Memory";
                         });

}  // namespace
}  // namespace gramian::testing
