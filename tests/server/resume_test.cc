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
#include "tests/server/cut_proxy.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::TestWithParam;

constexpr int64_t kMib = int64_t{1} << 20;

// All of it with a data directory and without.
class ResumeTest : public ServerFixture, public ::testing::WithParamInterface<bool> {
 protected:
  ServerOptions DurableOptions() {
    ServerOptions options = Options();
    if (GetParam()) options.data_dir = dir_.path();
    options.disk_reserve_bytes = 0;
    return options;
  }

  v1::UploadHeader Named(const std::string& layer, const std::string& id = "id") const {
    v1::UploadHeader header = Header(x_, layer);
    header.set_upload_id(id);
    return header;
  }

  grpc::Status GetUpload(const std::string& layer, v1::Upload* upload,
                         const std::string& id = "id") {
    v1::GetUploadRequest request;
    request.set_name(LayerName(layer));
    request.set_upload_id(id);
    v1::GetUploadResponse response;
    const grpc::Status status = activations_->GetUpload(Context().get(), request, &response);
    *upload = response.upload();
    return status;
  }

  grpc::Status Abort(const std::string& layer, const std::string& id = "id") {
    v1::AbortUploadRequest request;
    request.set_name(LayerName(layer));
    request.set_upload_id(id);
    v1::AbortUploadResponse response;
    return activations_->AbortUpload(Context().get(), request, &response);
  }

  // The upload once no stream fills it any more.
  v1::Upload Parked(const std::string& layer) {
    v1::Upload upload;
    EXPECT_TRUE(
        Eventually([&] { return GetUpload(layer, &upload).ok() && upload.stream_count() == 0; }));
    return upload;
  }

  static int64_t SizeOf(const google::protobuf::RepeatedPtrField<v1::ByteRange>& ranges) {
    int64_t size = 0;
    for (const v1::ByteRange& range : ranges) size += range.end() - range.begin();
    return size;
  }

  // Goes on with an upload of x_ and sends only what is missing.
  UploadEnd SendRest(const v1::UploadHeader& header) {
    UploadCall call(*activations_);
    call.Send(header);
    const auto accepted = call.Accepted();
    if (accepted.has_value()) {
      for (const v1::ByteRange& range : Missing(accepted->persisted(), size_))
        call.Send(CutBytes(x_, range.begin(), range.end()));
    }
    return call.Finish();
  }

  // The digest x_ has.
  std::string Digest() { return MustUpload(x_, "whole").digest(); }

  bool ReservedNothing() {
    return Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; });
  }

  TempDir dir_;
  const Activations x_ = RandomActivations(100, 7, 1);
  const int64_t size_ = 100 * 7 * 4;
  const std::vector<v1::UploadChunk> chunks_ = CutRows(x_, 10);
};

// Goal: wherever the connection breaks, what arrived is not sent again and nothing is lost. Method:
// a relay is cut after each of the messages of an upload.
TEST_P(ResumeTest, AConnectionCutAfterAnyMessageIsResumed) {
  Start(DurableOptions());
  const std::string digest = Digest();
  for (size_t sent = 0; sent <= chunks_.size(); ++sent) {
    const std::string layer = absl::StrCat("cut", sent);
    CutProxy proxy(server_->grpc_address());
    ASSERT_FALSE(proxy.address().empty());
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

TEST_P(ResumeTest, AnotherHeaderCannotJoinAnUpload) {
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

TEST_P(ResumeTest, UploadsOfOneLayerWithDifferentIdsDoNotMix) {
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

TEST_P(ResumeTest, AnAbortedUploadEndsItsStreamsAndFreesItsBytes) {
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

TEST_P(ResumeTest, NamesOfUploadsAreChecked) {
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

TEST_P(ResumeTest, AnUploadThatNobodyGoesOnWithIsDropped) {
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

TEST_P(ResumeTest, AnUploadWithAnOpenStreamIsNotDropped) {
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

TEST_P(ResumeTest, AnUploadWhoseIdTheServerChoseGoesWithItsStream) {
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

TEST_P(ResumeTest, AnotherStreamMayJoinByTheIdTheServerChose) {
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

TEST_P(ResumeTest, ADrainTellsOpenStreamsWhereToGoOn) {
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

INSTANTIATE_TEST_SUITE_P(Stores, ResumeTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& directory) {
                           return directory.param ? "Directory" : "Memory";
                         });

}  // namespace
}  // namespace gramian::testing
