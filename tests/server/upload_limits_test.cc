#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/base/machine.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr grpc::StatusCode kExhausted = grpc::StatusCode::RESOURCE_EXHAUSTED;

// Goal: every limit holds exactly. Method: one upload at the limit succeeds, one past it is
// refused.
class UploadLimitsTest : public ServerFixture {
 protected:
  UploadOutcome UploadZeros(int64_t rows, int64_t cols, const std::string& layer,
                            int64_t step = 0) {
    const Activations zeros{rows, cols, std::vector<float>(static_cast<size_t>(rows * cols))};
    return Upload(Header(zeros, layer, step), CutRows(zeros, 1));
  }
};

TEST_F(UploadLimitsTest, Rows) {
  ServerOptions options = Options();
  options.max_rows = 5;
  Start(options);
  EXPECT_TRUE(UploadZeros(5, 1, "at").status.ok());
  const UploadOutcome past = UploadZeros(6, 1, "past");
  ExpectRefused(past.status, {kExhausted, "LIMIT_EXCEEDED", 6, 5, false});
  EXPECT_THAT(past.status.error_message(), HasSubstr("row_count is 6, more than the limit of 5"));
}

TEST_F(UploadLimitsTest, Features) {
  ServerOptions options = Options();
  options.max_features = 5;
  Start(options);
  EXPECT_TRUE(UploadZeros(1, 5, "at").status.ok());
  ExpectRefused(UploadZeros(1, 6, "past").status, {kExhausted, "LIMIT_EXCEEDED", 6, 5, false});
}

TEST_F(UploadLimitsTest, LayersOfASnapshot) {
  ServerOptions options = Options();
  options.max_layers = 2;
  Start(options);
  EXPECT_TRUE(UploadZeros(1, 1, "a").status.ok());
  EXPECT_TRUE(UploadZeros(1, 1, "b").status.ok());
  ExpectRefused(UploadZeros(1, 1, "c").status, {kExhausted, "NEVER_FITS", 3, 2, false});
  EXPECT_TRUE(UploadZeros(1, 1, "c", 1).status.ok());
}

TEST_F(UploadLimitsTest, BytesOfAChunk) {
  ServerOptions options = Options();
  options.chunk_bytes = 40;
  Start(options);
  const Activations x = RandomActivations(4, 10, 1);
  EXPECT_TRUE(Upload(Header(x, "at"), CutRows(x, 1)).status.ok());
  const UploadOutcome past = Upload(Header(x, "past"), {Chunk(0, 0, x.bytes().substr(0, 44))});
  ExpectRefused(past.status,
                {grpc::StatusCode::INVALID_ARGUMENT, "CHUNK_TOO_LARGE", 44, 40, false});
}

TEST_F(UploadLimitsTest, BytesOfAMessage) {
  ServerOptions options = Options();
  options.chunk_bytes = 1000;
  options.message_bytes = 1064;
  Start(options);
  const Activations x = RandomActivations(300, 1, 1);
  EXPECT_TRUE(Upload(Header(x, "at"), CutRows(x, 250)).status.ok());
  EXPECT_EQ(Upload(Header(x, "past"), CutRows(x, 300)).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(UploadLimitsTest, BytesOfANameOrShortText) {
  ServerOptions options = Options();
  options.name_bytes = 10;
  Start(options);
  EXPECT_TRUE(UploadZeros(1, 1, std::string(10, 'a')).status.ok());
  EXPECT_EQ(UploadZeros(1, 1, std::string(11, 'a')).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  const Activations x = RandomActivations(1, 1, 1);
  for (const auto& set : std::vector<std::function<void(v1::UploadHeader&, std::string)>>{
           [](v1::UploadHeader&h, std::string text) { h.set_probe_set(text); },
           [](v1::UploadHeader&h, std::string text) { h.set_reduction(text); }}) {
    v1::UploadHeader header = Header(x, "text");
    header.set_on_conflict(v1::ON_CONFLICT_REPLACE);
    set(header, std::string(10, 'a'));
    EXPECT_TRUE(Upload(header, CutRows(x, 1)).status.ok());
    set(header, std::string(11, 'a'));
    EXPECT_EQ(Upload(header, {}).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(UploadLimitsTest, BytesOfTheStoreAndWhatCanNeverFit) {
  ServerOptions options = Options();
  options.store_bytes = 400;
  Start(options);
  ExpectRefused(UploadZeros(101, 1, "never").status, {kExhausted, "NEVER_FITS", 404, 400, false});
  EXPECT_TRUE(UploadZeros(100, 1, "at").status.ok());
  const UploadOutcome past = UploadZeros(1, 1, "past");
  ExpectRefused(past.status, {kExhausted, "MEMORY_PRESSURE", 4, 400, true});

  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName());
  v1::DeleteSnapshotResponse response;
  EXPECT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &response).ok());
  EXPECT_TRUE(UploadZeros(100, 1, "again").status.ok());
}

TEST_F(UploadLimitsTest, OpenUploadsReserveTheirBytesBeforeTheyAreSent) {
  ServerOptions options = Options();
  options.store_bytes = 400;
  Start(options);
  const auto context = Context();
  const auto open = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(Activations{60, 1, {}}, "open");
  open->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(open->Read(&response));
  EXPECT_EQ(UploadZeros(41, 1, "past").status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(UploadZeros(40, 1, "at").status.ok());
  context->TryCancel();
  open->Finish();
}

// Goal: memory that the system does not have costs the one upload that asks for it. Method: the
// limits allow what no machine has.
TEST_F(UploadLimitsTest, MemoryThatTheSystemRefuses) {
  constexpr int64_t kRows = int64_t{1} << 40;
  constexpr int64_t kCols = int64_t{1} << 18;
  ServerOptions options = Options();
  options.max_rows = kRows;
  options.memory_bytes = int64_t{1} << 62;
  options.store_bytes = int64_t{1} << 61;
  Start(options);
  const grpc::Status refused = Upload(Header(Activations{kRows, kCols, {}}, "x"), {}).status;
  ExpectRefused(refused,
                {kExhausted, "MEMORY_PRESSURE", 4 * kRows * kCols, UsableMemoryBytes(), true});
  EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
  EXPECT_EQ(server_->engine().Stats().store.uploads, 0);
  EXPECT_TRUE(UploadZeros(1, 1, "x").status.ok());
}

TEST_F(UploadLimitsTest, OpenUploads) {
  ServerOptions options = Options();
  options.max_uploads = 1;
  Start(options);
  const auto context = Context();
  const auto open = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(Activations{60, 1, {}}, "open");
  open->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(open->Read(&response));
  const UploadOutcome past = UploadZeros(1, 1, "past");
  ExpectRefused(past.status, {grpc::StatusCode::UNAVAILABLE, "TOO_MANY_UPLOADS", 2, 1, true});
  context->TryCancel();
  open->Finish();
  EXPECT_TRUE(Eventually([this] { return UploadZeros(1, 1, "after").status.ok(); }));
  // A client that has its answer finds the place free at once.
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(UploadZeros(1, 1, absl::StrCat("next", i)).status.ok()) << i;
}

// Goal: the limit is one of each project, as its name says. Method: a project that has all of its
// uploads open, and streams that never say what they bring, refuse nobody else; the latter end
// soon.
TEST_F(UploadLimitsTest, OpenUploadsOfOneProjectRefuseNoOther) {
  ServerOptions options = Options();
  options.max_uploads = 1;
  Start(options);
  const auto context = Context();
  const auto open = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(Activations{60, 1, {}}, "open");
  open->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(open->Read(&response));
  const auto mute_context = Context();
  const auto mute = activations_->UploadLayer(mute_context.get());
  const auto muter_context = Context();
  const auto muter = activations_->UploadLayer(muter_context.get());
  v1::UploadHeader header = Header(Activations{1, 1, {}}, "victim");
  header.set_parent("projects/victim/networks/net/snapshots/0");
  const Activations zero{1, 1, {0.0F}};
  EXPECT_TRUE(Upload(header, CutRows(zero, 1)).status.ok());
  EXPECT_EQ(ReasonIn(UploadZeros(1, 1, "past").status), "TOO_MANY_UPLOADS");
  const auto start = std::chrono::steady_clock::now();
  while (mute->Read(&response)) {
  }
  const grpc::Status ended = mute->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ReasonIn(ended), "UPLOAD_IDLE") << ended.error_message();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50));
  muter_context->TryCancel();
  muter->Finish();
  context->TryCancel();
  open->Finish();
}

}  // namespace
}  // namespace gramian::testing
