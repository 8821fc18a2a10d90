#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

// What clients get wrong, with a data directory and without.
class UploadFaultTest : public ServerFixture, public ::testing::WithParamInterface<bool> {
 protected:
  ServerOptions FaultOptions() {
    ServerOptions options = Options();
    if (GetParam()) options.data_dir = dir_.path();
    options.disk_reserve_bytes = 0;
    return options;
  }

  bool ReservedNothing() {
    return Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; });
  }

  // The server still takes a layer.
  bool IsWell() { return Upload(Header(x_, "well"), CutRows(x_, 10)).status.ok(); }

  TempDir dir_;
  const Activations x_ = RandomActivations(100, 7, 1);
};

TEST_P(UploadFaultTest, ShapesBeyondEveryLimitAreRefused) {
  ServerOptions options = FaultOptions();
  Start(options);
  struct Case {
    int64_t rows;
    int64_t cols;
    grpc::StatusCode code;
    const char* reason;
  };
  for (const Case& c :
       std::vector<Case>{{0, 7, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_ARGUMENT"},
                         {7, 0, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_ARGUMENT"},
                         {kLeast, 1, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_ARGUMENT"},
                         {kMost, 1, grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"},
                         {1, kMost, grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"},
                         {kMost, kMost, grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"},
                         {options.max_rows, options.max_features,
                          grpc::StatusCode::RESOURCE_EXHAUSTED, "NEVER_FITS"}}) {
    const UploadOutcome outcome = Upload(Header(Activations{c.rows, c.cols, {}}, "layer"), {});
    EXPECT_EQ(outcome.status.error_code(), c.code) << c.rows << " x " << c.cols;
    EXPECT_EQ(ReasonIn(outcome.status), c.reason) << c.rows << " x " << c.cols;
    EXPECT_FALSE(outcome.accepted);
  }
  EXPECT_TRUE(IsWell());
}

TEST_P(UploadFaultTest, ShapesWhoseBytesCannotBeCountedAreRefused) {
  ServerOptions options = FaultOptions();
  options.max_rows = int64_t{1} << 62;
  options.max_features = int64_t{1} << 62;
  Start(options);
  for (const auto& [rows, cols] :
       std::vector<std::pair<int64_t, int64_t>>{{int64_t{1} << 62, 1},
                                                {1, int64_t{1} << 62},
                                                {int64_t{1} << 62, int64_t{1} << 62},
                                                {int64_t{1} << 31, int64_t{1} << 30}}) {
    const UploadOutcome outcome = Upload(Header(Activations{rows, cols, {}}, "layer"), {});
    EXPECT_FALSE(outcome.status.ok());
    EXPECT_FALSE(outcome.accepted) << rows << " x " << cols;
  }
  EXPECT_TRUE(IsWell());
}

TEST_P(UploadFaultTest, ChunksOutsideTheShapeAreRefused) {
  Start(FaultOptions());
  const std::string row = x_.bytes().substr(0, 28);
  for (const v1::UploadChunk& chunk :
       {Chunk(100, 0, row), Chunk(-1, 0, row), Chunk(kMost, 0, row), Chunk(kLeast, 0, row),
        Chunk(0, 28, row), Chunk(0, -4, row), Chunk(0, kMost, row), Chunk(0, kLeast, row),
        Chunk(99, 4, row), Chunk(0, 0, ""), Chunk(0, 0, row.substr(0, 27)),
        Chunk(0, 2, row.substr(0, 4)), Chunk(0, 0, x_.bytes() + row)}) {
    UploadCall call(*activations_);
    ASSERT_TRUE(call.Send(Header(x_, "layer")));
    call.Send(chunk);
    const UploadEnd end = call.WaitForEnd();
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << "row " << chunk.first_row() << ", byte " << chunk.byte_offset() << ": "
        << end.status.error_message();
  }
  EXPECT_TRUE(ReservedNothing());
  EXPECT_TRUE(IsWell());
}

// Goal: a client may go at any moment. Method: it does, at each step of an upload, and the server
// is as it was before.
TEST_P(UploadFaultTest, AClientMayGoAtAnyMoment) {
  Start(FaultOptions());
  const std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  for (size_t sent = 0; sent <= chunks.size() + 1; ++sent) {
    for (const bool wait : {false, true}) {
      UploadCall call(*activations_);
      if (sent > 0) call.Send(Header(x_, "gone"));
      if (sent > 0 && wait) {
        ASSERT_TRUE(call.Accepted().has_value());
      }
      for (size_t i = 0; i + 1 < sent; ++i) call.Send(chunks[i]);
      call.Cancel();
      EXPECT_EQ(call.WaitForEnd().status.error_code(), grpc::StatusCode::CANCELLED);
    }
  }
  EXPECT_TRUE(ReservedNothing());
  EXPECT_EQ(server_->engine().Stats().store.layers, 0);
  EXPECT_TRUE(IsWell());
}

TEST_P(UploadFaultTest, AClientMayGoWhileItsLayerIsCommitted) {
  Start(FaultOptions());
  const Activations large = RandomActivations(20'000, 64, 2);
  const std::vector<v1::UploadChunk> chunks = CutRows(large, 2000);
  for (int i = 0; i < 10; ++i) {
    const std::string layer = absl::StrCat("layer", i);
    grpc::ClientContext context;
    const auto stream = activations_->UploadLayer(&context);
    v1::UploadLayerRequest request;
    *request.mutable_header() = Header(large, layer);
    ASSERT_TRUE(stream->Write(request));
    for (const v1::UploadChunk& chunk : chunks) {
      *request.mutable_chunk() = chunk;
      ASSERT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
    context.TryCancel();
    stream->Finish();
  }
  EXPECT_TRUE(ReservedNothing());
  // Each of them is there whole or not at all.
  v1::ListLayersRequest request;
  request.set_parent(SnapshotName());
  v1::ListLayersResponse layers;
  activations_->ListLayers(Context().get(), request, &layers);
  const std::string digest = MustUpload(large, "reference").digest();
  for (const v1::Layer& layer : layers.layers()) EXPECT_EQ(layer.digest(), digest);
}

TEST_P(UploadFaultTest, ADeadlineOfAMillisecondIsTold) {
  Start(FaultOptions());
  const Activations large = RandomActivations(20'000, 64, 2);
  const std::vector<v1::UploadChunk> chunks = CutRows(large, 2000);
  int in_time = 0;
  for (int i = 0; i < 30; ++i) {
    UploadCall call(*activations_, std::chrono::milliseconds(1));
    call.Send(Header(large, "layer"));
    call.Send(chunks);
    const UploadEnd end = call.Finish();
    in_time += end.status.ok() ? 1 : 0;
    if (!end.status.ok()) {
      EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED)
          << end.status.error_message();
    }
  }
  EXPECT_EQ(in_time, 0);
  EXPECT_TRUE(ReservedNothing());
  EXPECT_TRUE(IsWell());
}

TEST_P(UploadFaultTest, EveryErrorHasAReason) {
  ServerOptions options = FaultOptions();
  options.store_bytes = 4000;
  options.max_layers = 2;
  Start(options);
  MustUpload(x_, "layer");
  const std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  struct Case {
    const char* reason;
    v1::UploadHeader header;
    std::vector<v1::UploadChunk> chunks;
  };
  v1::UploadHeader ordinal = Header(x_, "layer");
  ordinal.set_ordinal(3);
  v1::UploadHeader digest = Header(RandomActivations(10, 7, 1), "small");
  digest.set_expected_digest(std::string(32, '0'));
  for (const Case& c :
       std::vector<Case>{{"DESCRIPTION_DIFFERS", ordinal, chunks},
                         {"DIGEST_MISMATCH", digest, CutRows(RandomActivations(10, 7, 1), 10)},
                         {"ROWS_MISSING", Header(RandomActivations(10, 7, 1), "small"), {}},
                         {"MEMORY_PRESSURE", Header(x_, "more"), chunks},
                         {"NEVER_FITS", Header(Activations{1000, 7, {}}, "never"), {}}}) {
    const UploadOutcome outcome = Upload(c.header, c.chunks);
    EXPECT_EQ(ReasonIn(outcome.status), c.reason) << outcome.status.error_message();
  }
  EXPECT_EQ(ReasonIn(Upload(Header(Activations{100, 8, {}}, "layer"), {}).status),
            "CONTENT_DIFFERS");
}

INSTANTIATE_TEST_SUITE_P(Stores, UploadFaultTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& directory) {
                           return directory.param ? "Directory" : "Memory";
                         });

}  // namespace
}  // namespace gramian::testing
