#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

class UploadTest : public ServerFixture {
 protected:
  void ExpectRefused(const UploadOutcome& outcome, grpc::StatusCode code,
                     const std::string& message) {
    EXPECT_EQ(outcome.status.error_code(), code) << outcome.status.error_message();
    EXPECT_THAT(outcome.status.error_message(), HasSubstr(message));
    EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; }));
  }

  const Activations x_ = RandomActivations(100, 7, 1);
};

TEST_F(UploadTest, CommittedLayerSaysWhatWasSent) {
  Start();
  v1::UploadHeader header = Header(x_, "blocks.0/attn:out");
  header.set_reduction("mean");
  header.set_ordinal(3);
  const UploadOutcome outcome = Upload(header, CutRows(x_, 10));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_TRUE(outcome.accepted);
  EXPECT_EQ(outcome.layer.name(), LayerName("blocks.0%2Fattn%3Aout"));
  EXPECT_EQ(outcome.layer.module_path(), "blocks.0/attn:out");
  EXPECT_EQ(outcome.layer.row_count(), 100);
  EXPECT_EQ(outcome.layer.feature_count(), 7);
  EXPECT_EQ(outcome.layer.dtype(), v1::DTYPE_FLOAT32);
  EXPECT_EQ(outcome.layer.reduction(), "mean");
  EXPECT_EQ(outcome.layer.ordinal(), 3);
  EXPECT_EQ(outcome.layer.probe_set(), "probe");
  EXPECT_EQ(outcome.layer.size_bytes(), 100 * 7 * 4);
  EXPECT_EQ(outcome.layer.digest().size(), 32u);
  EXPECT_GT(outcome.layer.commit_time().seconds(), 0);
}

TEST_F(UploadTest, ContentDoesNotDependOnHowTheRowsWereCutAndOrdered) {
  Start();
  const std::string digest = MustUpload(x_, "a").digest();
  std::mt19937 generator(5);
  for (const int64_t rows_per_chunk : {1, 3, 33, 100}) {
    std::vector<v1::UploadChunk> chunks = CutRows(x_, rows_per_chunk);
    std::shuffle(chunks.begin(), chunks.end(), generator);
    const UploadOutcome outcome = Upload(Header(x_, absl::StrCat("b", rows_per_chunk)), chunks);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.layer.digest(), digest) << rows_per_chunk;
  }
}

TEST_F(UploadTest, ARowMayBeCutIntoPieces) {
  Start();
  const std::string bytes = x_.bytes();
  std::vector<v1::UploadChunk> chunks;
  for (size_t begin = 0; begin < bytes.size(); begin += 20) {
    const auto row = static_cast<int64_t>(begin) / x_.row_bytes();
    chunks.push_back(
        Chunk(row, static_cast<int64_t>(begin) % x_.row_bytes(), bytes.substr(begin, 20)));
  }
  std::reverse(chunks.begin(), chunks.end());
  const UploadOutcome outcome = Upload(Header(x_, "pieces"), chunks);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.layer.digest(), MustUpload(x_, "whole").digest());
}

TEST_F(UploadTest, ARowSentTwiceIsFineIfItIsTheSame) {
  Start();
  std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  chunks.push_back(chunks[4]);
  EXPECT_TRUE(Upload(Header(x_, "twice"), chunks).status.ok());
}

TEST_F(UploadTest, ARowSentTwiceWithOtherBytesIsRefused) {
  Start();
  std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  chunks.push_back(Chunk(40, 0, chunks[5].data()));
  ExpectRefused(Upload(Header(x_, "twice"), chunks), grpc::StatusCode::INVALID_ARGUMENT, "");
}

TEST_F(UploadTest, WrongChecksumIsRefused) {
  Start();
  std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  chunks[2].set_crc32c(chunks[2].crc32c() ^ 1);
  const UploadOutcome outcome = Upload(Header(x_, "crc"), chunks);
  ExpectRefused(outcome, grpc::StatusCode::INVALID_ARGUMENT, "the chunk at row 20");
  EXPECT_EQ(ReasonIn(outcome.status), "CHECKSUM_MISMATCH");
}

TEST_F(UploadTest, MissingRowsAreNamed) {
  Start();
  std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  chunks.erase(chunks.begin() + 3);
  const UploadOutcome outcome = Upload(Header(x_, "gap"), chunks);
  ExpectRefused(outcome, grpc::StatusCode::INVALID_ARGUMENT, "30");
  EXPECT_EQ(ReasonIn(outcome.status), "ROWS_MISSING");
}

TEST_F(UploadTest, NonFiniteValuesAreRefusedWithRowAndColumn) {
  Start();
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Activations x = x_;
    x.values[17 * 7 + 5] = bad;
    const UploadOutcome outcome = Upload(Header(x, "bad"), CutRows(x, 10));
    ExpectRefused(outcome, grpc::StatusCode::INVALID_ARGUMENT, "17");
    EXPECT_THAT(outcome.status.error_message(), HasSubstr("5"));
  }
}

TEST_F(UploadTest, ChunksOutsideTheShapeAreRefused) {
  Start();
  const std::string row(28, '\0');
  for (const v1::UploadChunk& chunk : {Chunk(100, 0, row), Chunk(-1, 0, row), Chunk(99, 4, row),
                                       Chunk(0, 28, row), Chunk(0, -4, row), Chunk(0, 0, "")}) {
    ExpectRefused(Upload(Header(x_, "outside"), {chunk}), grpc::StatusCode::INVALID_ARGUMENT, "");
  }
}

TEST_F(UploadTest, ElementsAreNotCut) {
  Start();
  ExpectRefused(Upload(Header(x_, "cut"), {Chunk(0, 0, "abc")}), grpc::StatusCode::INVALID_ARGUMENT,
                "cuts an element");
  ExpectRefused(Upload(Header(x_, "cut"), {Chunk(0, 2, "abcd")}),
                grpc::StatusCode::INVALID_ARGUMENT, "cuts an element");
}

TEST_F(UploadTest, SameContentAgainIsFineAndOtherContentIsNot) {
  Start();
  const v1::Layer first = MustUpload(x_, "layer");
  EXPECT_EQ(MustUpload(x_, "layer").digest(), first.digest());
  const Activations other = RandomActivations(100, 7, 2);
  const UploadOutcome outcome = Upload(Header(other, "layer"), CutRows(other, 10));
  ExpectRefused(outcome, grpc::StatusCode::ALREADY_EXISTS, "");
  EXPECT_EQ(ReasonIn(outcome.status), "CONTENT_DIFFERS");

  v1::UploadHeader header = Header(other, "layer");
  header.set_on_conflict(v1::ON_CONFLICT_REPLACE);
  const UploadOutcome replaced = Upload(header, CutRows(other, 10));
  ASSERT_TRUE(replaced.status.ok()) << replaced.status.error_message();
  EXPECT_NE(replaced.layer.digest(), first.digest());
}

TEST_F(UploadTest, KnownDigestIsAnsweredBeforeAByteIsSent) {
  Start();
  v1::UploadHeader header = Header(x_, "layer");
  header.set_expected_digest(MustUpload(x_, "layer").digest());
  const UploadOutcome outcome = Upload(header, {});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_FALSE(outcome.accepted);
  EXPECT_EQ(outcome.layer.digest(), header.expected_digest());
}

TEST_F(UploadTest, SameContentDescribedAnewReplacesTheDescriptionOrIsRefused) {
  Start();
  const v1::Layer first = MustUpload(x_, "layer");
  v1::UploadHeader header = Header(x_, "layer");
  header.set_ordinal(first.ordinal() + 5);
  // With and without the digest that makes the bytes superfluous.
  for (const std::string& digest : {std::string(), first.digest()}) {
    header.set_expected_digest(digest);
    header.set_on_conflict(v1::ON_CONFLICT_REJECT);
    header.set_ordinal(header.ordinal() + 1);
    const UploadOutcome refused = Upload(header, CutRows(x_, 10));
    ExpectRefused(refused, grpc::StatusCode::ALREADY_EXISTS,
                  absl::StrCat(", not ", header.ordinal()));
    EXPECT_EQ(ReasonIn(refused.status), "DESCRIPTION_DIFFERS");
    header.set_on_conflict(v1::ON_CONFLICT_REPLACE);
    const UploadOutcome replaced = Upload(header, CutRows(x_, 10));
    ASSERT_TRUE(replaced.status.ok()) << replaced.status.error_message();
    EXPECT_EQ(replaced.layer.ordinal(), header.ordinal());
    EXPECT_EQ(replaced.layer.digest(), first.digest());
  }
  EXPECT_EQ(server_->engine().Stats().store.bytes, first.size_bytes());
}

TEST_F(UploadTest, ContentOtherThanAnnouncedIsRefused) {
  Start();
  v1::UploadHeader header = Header(x_, "layer");
  header.set_expected_digest(std::string(32, '0'));
  const UploadOutcome outcome = Upload(header, CutRows(x_, 10));
  ExpectRefused(outcome, grpc::StatusCode::INVALID_ARGUMENT, "digest");
  EXPECT_EQ(ReasonIn(outcome.status), "DIGEST_MISMATCH");
}

TEST_F(UploadTest, MalformedHeadersAreRefused) {
  Start();
  const std::vector<std::function<void(v1::UploadHeader&)>> faults = {
      [](v1::UploadHeader& h) { h.set_parent("net"); },
      [](v1::UploadHeader& h) { h.set_parent("projects/p/networks/n/snapshots/last"); },
      [](v1::UploadHeader& h) { h.clear_module_path(); },
      [](v1::UploadHeader& h) { h.set_module_path("a\nb"); },
      [](v1::UploadHeader& h) { h.set_row_count(0); },
      [](v1::UploadHeader& h) { h.set_row_count(-1); },
      [](v1::UploadHeader& h) { h.set_feature_count(0); },
      [](v1::UploadHeader& h) { h.clear_dtype(); },
      [](v1::UploadHeader& h) { h.set_dtype(static_cast<v1::Dtype>(99)); },
      [](v1::UploadHeader& h) { h.set_ordinal(-1); },
      [](v1::UploadHeader& h) { h.set_expected_digest("abc"); },
      [](v1::UploadHeader& h) { h.set_on_conflict(static_cast<v1::OnConflict>(99)); },
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    v1::UploadHeader header = Header(x_, "layer");
    faults[i](header);
    const UploadOutcome outcome = Upload(header, {});
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << i;
    EXPECT_FALSE(outcome.accepted);
  }
}

TEST_F(UploadTest, MessagesOutOfOrderAreRefused) {
  Start();
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_chunk() = Chunk(0, 0, "abcd");
  stream->Write(request);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  const auto second_context = Context();
  const auto second = activations_->UploadLayer(second_context.get());
  *request.mutable_header() = Header(x_, "layer");
  second->Write(request);
  second->Write(request);
  v1::UploadLayerResponse response;
  while (second->Read(&response)) {
  }
  EXPECT_THAT(second->Finish().error_message(), HasSubstr("second header"));
}

TEST_F(UploadTest, AStreamWithoutAMessageIsRefused) {
  Start();
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  stream->WritesDone();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto second_context = Context();
  const auto second = activations_->UploadLayer(second_context.get());
  second->Write(v1::UploadLayerRequest());
  EXPECT_EQ(second->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(UploadTest, NothingIsKeptOfACancelledUpload) {
  Start();
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(x_, "layer");
  stream->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 100 * 7 * 4);
  context->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; }));
  EXPECT_EQ(server_->engine().Stats().store.layers, 0);
}

TEST_F(UploadTest, AClientThatFallsSilentIsEnded) {
  ServerOptions options = Options();
  options.upload_idle_seconds = 1;
  Start(options);
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(x_, "layer");
  stream->Write(request);
  v1::UploadLayerResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ReasonIn(status), "UPLOAD_IDLE");
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; }));
}

TEST_F(UploadTest, LargeUploadsReportProgress) {
  Start();
  const Activations large = RandomActivations(20'000, 512, 3);
  const UploadOutcome outcome = Upload(Header(large, "large"), CutRows(large, 512));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_GE(outcome.progress_count, 1);
}

TEST_F(UploadTest, EveryDtypeIsAccepted) {
  Start();
  struct Case {
    v1::Dtype dtype;
    int64_t element_bytes;
  };
  for (const Case& c : {Case{v1::DTYPE_FLOAT16, 2}, Case{v1::DTYPE_BFLOAT16, 2},
                        Case{v1::DTYPE_FLOAT32, 4}, Case{v1::DTYPE_FLOAT64, 8}}) {
    v1::UploadHeader header = Header(x_, v1::Dtype_Name(c.dtype));
    header.set_dtype(c.dtype);
    const std::string bytes(static_cast<size_t>(100 * 7 * c.element_bytes), '\0');
    const UploadOutcome outcome = Upload(header, {Chunk(0, 0, bytes)});
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    EXPECT_EQ(outcome.layer.dtype(), c.dtype);
    EXPECT_EQ(outcome.layer.size_bytes(), 100 * 7 * c.element_bytes);
  }
}

}  // namespace
}  // namespace gramian::testing
