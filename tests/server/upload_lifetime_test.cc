#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/resume_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {
namespace {

using UploadLifetimeTest = ResumeFixture;

TEST_P(UploadLifetimeTest, AnotherHeaderCannotJoinAnUpload) {
  Start(DurableOptions());
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  for (const auto& change : std::vector<std::function<void(v1::UploadHeader&)>>{
           [](v1::UploadHeader& h) { h.set_row_count(99); },
           [](v1::UploadHeader& h) { h.set_dtype(v1::DTYPE_FLOAT16); },
           [](v1::UploadHeader& h) { h.set_ordinal(5); },
           [](v1::UploadHeader& h) { h.set_expected_digest(std::string(32, '1')); }}) {
    v1::UploadHeader header = Named("layer");
    change(header);
    const UploadOutcome outcome = Upload(header, {});
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION)
        << outcome.status.error_message();
    EXPECT_EQ(ReasonIn(outcome.status), "UPLOAD_DIFFERS");
  }
  call.Send(chunks_);
  EXPECT_TRUE(call.Finish().status.ok());
}

TEST_P(UploadLifetimeTest, UploadsOfOneLayerWithDifferentIdsDoNotMix) {
  Start(DurableOptions());
  UploadCall a(*activations_);
  UploadCall b(*activations_);
  ASSERT_TRUE(a.Send(Named("layer", "a")) && a.Accepted().has_value());
  ASSERT_TRUE(b.Send(Named("layer", "b")) && b.Accepted().has_value());
  a.Send(std::vector<v1::UploadChunk>(chunks_.begin(), chunks_.begin() + 5));
  b.Send(std::vector<v1::UploadChunk>(chunks_.begin() + 5, chunks_.end()));
  EXPECT_EQ(ReasonIn(a.Finish().status), "ROWS_MISSING");
  EXPECT_EQ(ReasonIn(b.Finish().status), "ROWS_MISSING");
  EXPECT_TRUE(SendRest(Named("layer", "a")).status.ok());
  // The same content: the layer that is there.
  EXPECT_TRUE(SendRest(Named("layer", "b")).status.ok());
  EXPECT_TRUE(ReservedNothing());
}

TEST_P(UploadLifetimeTest, AnAbortedUploadEndsItsStreamsAndFreesItsBytes) {
  Start(DurableOptions());
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  ASSERT_TRUE(call.Send(chunks_[0]));
  ASSERT_TRUE(Abort("layer").ok());
  const UploadEnd end = call.WaitForEnd();
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ABORTED) << end.status.error_message();
  EXPECT_EQ(ReasonIn(end.status), "UPLOAD_ABORTED");
  v1::Upload upload;
  EXPECT_EQ(GetUpload("layer", &upload).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Abort("layer").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(ReservedNothing());
  // The id is free again.
  EXPECT_TRUE(Upload(Named("layer"), chunks_).status.ok());
}

TEST_P(UploadLifetimeTest, AnUploadThatCannotBeCommittedEndsItsOtherStreams) {
  Start(DurableOptions());
  v1::UploadHeader header = Named("layer");
  header.set_expected_digest(std::string(32, '0'));
  UploadCall waiting(*activations_);
  ASSERT_TRUE(waiting.Send(header) && waiting.Accepted().has_value());
  UploadCall whole(*activations_);
  whole.Send(header);
  whole.Send(chunks_);
  EXPECT_EQ(ReasonIn(whole.Finish().status), "DIGEST_MISMATCH");
  const UploadEnd end = waiting.WaitForEnd();
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ABORTED) << end.status.error_message();
  EXPECT_EQ(ReasonIn(end.status), "UPLOAD_ABORTED");
  EXPECT_TRUE(ReservedNothing());
}

TEST_P(UploadLifetimeTest, NamesOfUploadsAreChecked) {
  Start(DurableOptions());
  v1::GetUploadRequest request;
  v1::GetUploadResponse response;
  for (const auto& [name, id] : std::vector<std::pair<std::string, std::string>>{
           {LayerName("a"), ""},
           {LayerName("a"), std::string(256, 'i')},
           {LayerName("a"), "a\nb"},
           {SnapshotName(), "id"},
           {"projects/default/networks/net/snapshots/last/layers/a", "id"}}) {
    request.set_name(name);
    request.set_upload_id(id);
    EXPECT_EQ(activations_->GetUpload(Context().get(), request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name << " " << id;
  }
}

TEST_P(UploadLifetimeTest, AnUploadThatNobodyGoesOnWithIsDropped) {
  ServerOptions options = DurableOptions();
  options.upload_idle_seconds = 1;
  Start(options);
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  call.Send(chunks_[0]);
  call.Cancel();
  call.WaitForEnd();
  v1::Upload upload;
  EXPECT_TRUE(Eventually(
      [&] { return GetUpload("layer", &upload).error_code() == grpc::StatusCode::NOT_FOUND; }));
  EXPECT_TRUE(ReservedNothing());
  EXPECT_EQ(server_->engine().Stats().store.expired_uploads, 1);
}

TEST_P(UploadLifetimeTest, TheLongestIdleTimeIsLong) {
  ServerOptions options = DurableOptions();
  options.upload_idle_seconds = 315'360'000;
  options.stream_stall_seconds = 1;
  Start(options);
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  // Longer than between two looks for silent clients.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  call.Send(chunks_);
  EXPECT_TRUE(call.Finish().status.ok());
}

TEST_P(UploadLifetimeTest, AnUploadWithAnOpenStreamIsNotDropped) {
  ServerOptions options = DurableOptions();
  options.upload_idle_seconds = 1;
  Start(options);
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  ASSERT_TRUE(call.Send(chunks_[0]));
  // The stream falls silent and is ended; its upload is still there for as long again.
  const UploadEnd end = call.WaitForEnd();
  EXPECT_EQ(ReasonIn(end.status), "UPLOAD_IDLE");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const UploadEnd rest = SendRest(Named("layer"));
  EXPECT_TRUE(rest.status.ok()) << rest.status.error_message();
}

TEST_P(UploadLifetimeTest, AnUploadWhoseIdTheServerChoseGoesWithItsStream) {
  Start(DurableOptions());
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Header(x_, "layer")));
  const auto accepted = call.Accepted();
  ASSERT_TRUE(accepted.has_value());
  EXPECT_FALSE(accepted->upload_id().empty());
  call.Send(chunks_[0]);
  call.Cancel();
  call.WaitForEnd();
  EXPECT_TRUE(ReservedNothing());
  v1::Upload upload;
  EXPECT_EQ(GetUpload("layer", &upload, accepted->upload_id()).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_P(UploadLifetimeTest, AnotherStreamMayJoinByTheIdTheServerChose) {
  Start(DurableOptions());
  v1::UploadHeader header = Header(x_, "layer");
  header.set_partial(true);
  UploadCall first(*activations_);
  ASSERT_TRUE(first.Send(header));
  const auto accepted = first.Accepted();
  ASSERT_TRUE(accepted.has_value());
  header.set_upload_id(accepted->upload_id());
  UploadCall second(*activations_);
  ASSERT_TRUE(second.Send(header) && second.Accepted().has_value());
  // The first one breaks; the upload lives on in the second.
  first.Cancel();
  first.WaitForEnd();
  second.Send(chunks_);
  const UploadEnd end = second.Finish();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(end.layer.has_value());
}

TEST_P(UploadLifetimeTest, ADrainTellsOpenStreamsWhereToGoOn) {
  const ServerOptions options = DurableOptions();
  Start(options);
  const std::string digest = Digest();
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")) && call.Accepted().has_value());
  ASSERT_TRUE(call.Send({chunks_[0], chunks_[1]}));
  ASSERT_TRUE(Eventually([this] {
    const auto upload = server_->engine().store().GetUpload({{"default", "net", 0}, "layer"}, "id");
    return upload.ok() && (*upload)->received_bytes() == 20 * x_.row_bytes();
  }));
  // An upload into memory may use the time that is left.
  EXPECT_EQ(server_->Drain(std::chrono::milliseconds(100)), GetParam());
  const UploadEnd end = call.WaitForEnd();
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::UNAVAILABLE) << end.status.error_message();
  EXPECT_EQ(ReasonIn(end.status), "DRAINING");
  ASSERT_TRUE(end.draining.has_value());
  EXPECT_EQ(end.draining->persisted_chunk_count(), 2);
  Stop();
  if (!GetParam()) return;

  Start(options);
  v1::Upload upload;
  ASSERT_TRUE(GetUpload("layer", &upload).ok());
  EXPECT_EQ(SizeOf(upload.persisted()), 20 * x_.row_bytes());
  EXPECT_EQ(upload.stream_count(), 0);
  const UploadEnd rest = SendRest(Named("layer"));
  ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
  EXPECT_EQ(rest.layer->digest(), digest);
}

INSTANTIATE_TEST_SUITE_P(Stores, UploadLifetimeTest, ::testing::Bool(), StoreName);

}  // namespace
}  // namespace gramian::testing
