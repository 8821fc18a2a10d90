#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/resume_fixture.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"
#include "tests/testing/cutting_proxy.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::TestWithParam;

constexpr int64_t kMib = int64_t{1} << 20;

using ResumeTest = ResumeFixture;

// Goal: wherever the connection breaks, what arrived is not sent again and nothing is lost. Method:
// a relay is cut after each of the messages of an upload.
TEST_P(ResumeTest, AConnectionCutAfterAnyMessageIsResumed) {
  Start(DurableOptions());
  const std::string digest = Digest();
  for (size_t sent = 0; sent <= chunks_.size(); ++sent) {
    const std::string layer = absl::StrCat("cut", sent);
    CuttingProxy proxy(server_->grpc_address());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::ActivationService::NewStub(
        grpc::CreateCustomChannel(proxy.address(), grpc::InsecureChannelCredentials(), arguments));
    UploadCall call(*stub);
    ASSERT_TRUE(call.Send(Named(layer)));
    ASSERT_TRUE(call.Accepted().has_value());
    for (size_t i = 0; i < sent; ++i) ASSERT_TRUE(call.Send(chunks_[i]));
    proxy.Cut();
    EXPECT_FALSE(call.WaitForEnd().status.ok());

    const v1::Upload upload = Parked(layer);
    EXPECT_LE(SizeOf(upload.persisted()), static_cast<int64_t>(sent) * 10 * x_.row_bytes());
    const UploadEnd end = SendRest(Named(layer));
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.layer->digest(), digest) << sent;
  }
  EXPECT_TRUE(ReservedNothing());
}

TEST_P(ResumeTest, GetUploadSaysWhatIsThereAndTheNextStreamIsToldSo) {
  Start(DurableOptions());
  const std::string digest = Digest();
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Named("layer")));
  const auto accepted = call.Accepted();
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->name(), LayerName("layer"));
  EXPECT_EQ(accepted->upload_id(), "id");
  EXPECT_THAT(accepted->persisted(), IsEmpty());
  v1::Upload upload;
  ASSERT_TRUE(GetUpload("layer", &upload).ok());
  EXPECT_EQ(upload.stream_count(), 1);
  ASSERT_TRUE(call.Send({chunks_[0], chunks_[1], chunks_[4]}));
  // With a half-closed stream the server has seen every chunk: rows are missing.
  const UploadEnd end = call.Finish();
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonIn(end.status), "ROWS_MISSING");
  EXPECT_THAT(end.status.error_message(), HasSubstr("20"));
  ASSERT_THAT(end.progress, SizeIs(1));
  EXPECT_EQ(end.progress[0].persisted_chunk_count(), 3);
  EXPECT_EQ(end.progress[0].persisted_bytes(), 30 * x_.row_bytes());
  EXPECT_EQ(end.progress[0].received_row_count(), 30);

  upload = Parked("layer");
  EXPECT_EQ(upload.name(), LayerName("layer"));
  EXPECT_EQ(upload.upload_id(), "id");
  EXPECT_EQ(upload.row_count(), 100);
  EXPECT_EQ(upload.feature_count(), 7);
  EXPECT_EQ(upload.dtype(), v1::DTYPE_FLOAT32);
  EXPECT_GT(upload.expire_time().seconds(), 0);
  ASSERT_THAT(upload.persisted(), SizeIs(2));
  EXPECT_EQ(upload.persisted(0).begin(), 0);
  EXPECT_EQ(upload.persisted(0).end(), 20 * x_.row_bytes());
  EXPECT_EQ(upload.persisted(1).begin(), 40 * x_.row_bytes());
  EXPECT_EQ(upload.persisted(1).end(), 50 * x_.row_bytes());

  const UploadEnd rest = SendRest(Named("layer"));
  ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
  EXPECT_EQ(rest.layer->digest(), digest);
  EXPECT_EQ(GetUpload("layer", &upload).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_P(ResumeTest, TwoStreamsFillOneLayer) {
  Start(DurableOptions());
  v1::UploadHeader header = Named("layer");
  header.set_partial(true);
  UploadCall even(*activations_);
  UploadCall odd(*activations_);
  ASSERT_TRUE(even.Send(header) && even.Accepted().has_value());
  ASSERT_TRUE(odd.Send(header) && odd.Accepted().has_value());
  v1::Upload upload;
  ASSERT_TRUE(GetUpload("layer", &upload).ok());
  EXPECT_EQ(upload.stream_count(), 2);
  for (size_t i = 0; i < chunks_.size(); i += 2) {
    ASSERT_TRUE(even.Send(chunks_[i]));
    ASSERT_TRUE(odd.Send(chunks_[i + 1]));
  }
  const UploadEnd first = even.Finish();
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  const UploadEnd second = odd.Finish();
  ASSERT_TRUE(second.status.ok()) << second.status.error_message();
  ASSERT_TRUE(second.layer.has_value());
  EXPECT_EQ(second.layer->digest(), Digest());
  EXPECT_TRUE(ReservedNothing());
}

TEST_P(ResumeTest, APartialStreamSaysWhatItsPartIs) {
  Start(DurableOptions());
  v1::UploadHeader header = Named("layer");
  header.set_partial(true);
  UploadCall call(*activations_);
  call.Send(header);
  call.Send({chunks_[3], chunks_[2]});
  const UploadEnd end = call.Finish();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_FALSE(end.layer.has_value());
  ASSERT_THAT(end.progress, SizeIs(1));
  EXPECT_EQ(end.progress[0].persisted_chunk_count(), 2);
  EXPECT_EQ(end.progress[0].persisted_bytes(), 20 * x_.row_bytes());
}

// Goal: any number of streams, any order, every row twice: the same layer, and every stream is told
// so. Method: eight threads send shuffled chunks, each half of them, every chunk by four streams.
TEST_P(ResumeTest, ManyStreamsWithDuplicatedAndReorderedChunksBringTheSameLayer) {
  Start(DurableOptions());
  const Activations x = RandomActivations(4000, 33, 3);
  const std::vector<v1::UploadChunk> all = CutRows(x, 50);
  const std::string digest = MustUpload(x, "whole").digest();
  for (int round = 0; round < 5; ++round) {
    v1::UploadHeader header = Header(x, absl::StrCat("many", round));
    header.set_upload_id("shared");
    header.set_partial(true);
    std::vector<std::future<UploadEnd>> streams;
    for (size_t stream = 0; stream < 8; ++stream) {
      streams.push_back(std::async(std::launch::async, [&, stream] {
        std::vector<v1::UploadChunk> mine;
        for (size_t i = 0; i < all.size(); ++i) {
          if ((i + stream) % 2 == 0) mine.push_back(all[i]);
        }
        mine.push_back(mine.front());
        std::mt19937 generator(static_cast<uint32_t>(stream));
        std::shuffle(mine.begin(), mine.end(), generator);
        UploadCall call(*activations_);
        call.Send(header);
        call.Send(mine);
        return call.Finish();
      }));
    }
    int committed = 0;
    for (std::future<UploadEnd>& stream : streams) {
      const UploadEnd end = stream.get();
      EXPECT_TRUE(end.status.ok()) << end.status.error_message();
      if (!end.layer.has_value()) continue;
      ++committed;
      EXPECT_EQ(end.layer->digest(), digest);
    }
    EXPECT_GE(committed, 1);
    // A stream that came after the commit may have begun the upload again.
    Abort(absl::StrCat("many", round), "shared");
  }
  EXPECT_TRUE(ReservedNothing());
}

TEST_P(ResumeTest, ProgressSaysWhichChunksNeedNotBeKept) {
  ServerOptions options = DurableOptions();
  Start(options);
  const Activations x = RandomActivations(10'240, 1024, 3);  // 40 MiB
  const std::vector<v1::UploadChunk> chunks = CutRows(x, 256);
  ASSERT_THAT(chunks, SizeIs(40));
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(Header(x, "large")));
  ASSERT_TRUE(call.Accepted().has_value());
  for (size_t i = 0; i < 16; ++i) ASSERT_TRUE(call.Send(chunks[i]));
  const auto progress = call.Progress();
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->persisted_chunk_count(), 16);
  EXPECT_EQ(progress->persisted_bytes(), 16 * kMib);
  EXPECT_EQ(progress->received_bytes(), 16 * kMib);
  EXPECT_EQ(progress->received_row_count(), 16 * 256);
  for (size_t i = 16; i < 40; ++i) ASSERT_TRUE(call.Send(chunks[i]));
  const UploadEnd end = call.Finish();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  for (const v1::UploadProgress& news : end.progress)
    EXPECT_EQ(news.persisted_bytes(), news.persisted_chunk_count() * kMib);
}

TEST_P(ResumeTest, AChunkDamagedOnItsWayDoesNotSpoilTheUpload) {
  Start(DurableOptions());
  UploadCall call(*activations_);
  call.Send(Named("layer"));
  call.Send(chunks_[0]);
  v1::UploadChunk damaged = chunks_[1];
  damaged.set_crc32c(damaged.crc32c() ^ 1);
  call.Send(damaged);
  const UploadEnd end = call.WaitForEnd();
  EXPECT_EQ(ReasonIn(end.status), "CHECKSUM_MISMATCH");
  ASSERT_THAT(end.progress, SizeIs(1));
  EXPECT_EQ(end.progress[0].persisted_chunk_count(), 1);
  EXPECT_EQ(SizeOf(Parked("layer").persisted()), 10 * x_.row_bytes());
  EXPECT_TRUE(SendRest(Named("layer")).status.ok());
}

TEST_P(ResumeTest, KnownContentIsCommittedWithoutAByte) {
  Start(DurableOptions());
  const std::string digest = Digest();
  for (const std::string layer : {"whole", "other"}) {
    v1::UploadHeader header = Header(x_, layer);
    header.set_expected_digest(digest);
    const UploadOutcome outcome = Upload(header, {});
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_FALSE(outcome.accepted);
    EXPECT_EQ(outcome.layer.digest(), digest);
    EXPECT_EQ(outcome.layer.name(), LayerName(layer));
  }
  EXPECT_EQ(server_->engine().Stats().store.bytes, size_);
  // What another project has is nobody else's business.
  v1::UploadHeader header = Header(x_, "layer");
  header.set_parent("projects/other/networks/net/snapshots/0");
  header.set_expected_digest(digest);
  EXPECT_EQ(ReasonIn(Upload(header, {}).status), "ROWS_MISSING");
  EXPECT_TRUE(Upload(header, chunks_).status.ok());
}

INSTANTIATE_TEST_SUITE_P(Stores, ResumeTest, ::testing::Bool(), StoreName);

}  // namespace
}  // namespace gramian::testing
