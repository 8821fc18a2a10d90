// The disk fails under a running server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"
#include "tests/testing/faulty_file_system.h"

namespace gramian::testing {
namespace {

using ::testing::IsEmpty;

// What the file system says, as its header promises.
absl::Status NoSpace() { return DiskFull("no space left on device", 100, 60); }
absl::Status InputOutputError() { return absl::DataLossError("input/output error"); }

// One operation that fails once, after `skip` that succeed.
struct Fault {
  FileOperation operation;
  absl::Status status;
  int64_t skip = 0;
};

// Goal: a failing disk costs the one upload it fails, and of that nothing that was acknowledged.
// Method: a server with a data directory; one of the operations on it fails while a layer is sent
// over a socket; the client then does what the error says.
class DiskFaultTest : public ServerFixture {
 protected:
  DiskFaultTest() {
    Restart();
    MustUpload(kept_, "kept");
  }
  ~DiskFaultTest() override {
    ExpectWell();
    Restart();
    ExpectWell();
    Stop();
  }

  void Restart(int64_t disk_reserve_bytes = 0) {
    Stop();
    ServerOptions options = Options();
    options.data_dir = dir_.path();
    options.disk_reserve_bytes = disk_reserve_bytes;
    Start(options, files_);
  }

  v1::UploadHeader Named(const std::string& layer) const {
    v1::UploadHeader header = Header(x_, layer);
    header.set_upload_id("id");
    return header;
  }

  // What the upload has persisted; nothing if it is not open.
  std::vector<v1::ByteRange> Persisted(const std::string& layer) {
    v1::GetUploadRequest request;
    request.set_name(LayerName(layer));
    request.set_upload_id("id");
    v1::GetUploadResponse response;
    const grpc::Status status = activations_->GetUpload(Context().get(), request, &response);
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::NOT_FOUND);
    return {response.upload().persisted().begin(), response.upload().persisted().end()};
  }

  int64_t PersistedBytes(const std::string& layer) {
    int64_t bytes = 0;
    for (const v1::ByteRange& range : Persisted(layer)) bytes += range.end() - range.begin();
    return bytes;
  }

  UploadEnd Send(const v1::UploadHeader& header, const std::vector<v1::UploadChunk>& chunks) {
    UploadCall call(*activations_);
    call.Send(header);
    call.Send(chunks);
    return call.Finish();
  }

  // Goes on with the upload of a layer: returns how many bytes that took.
  int64_t SendRest(const std::string& layer) {
    UploadCall call(*activations_);
    call.Send(Named(layer));
    int64_t sent = 0;
    if (const auto accepted = call.Accepted(); accepted.has_value()) {
      for (const v1::ByteRange& range : Missing(accepted->persisted(), size_)) {
        call.Send(CutBytes(x_, range.begin(), range.end()));
        sent += range.end() - range.begin();
      }
    }
    const UploadEnd end = call.Finish();
    EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    ExpectHolds(layer, x_);
    return sent;
  }

  void ExpectHolds(const std::string& layer, const Activations& activations) {
    std::string bytes;
    const grpc::Status status = Fetch(LayerName(layer), &bytes);
    EXPECT_TRUE(status.ok()) << layer << ": " << status.error_message();
    EXPECT_TRUE(bytes == activations.bytes()) << layer;
  }

  void ExpectMissing(const std::string& layer) {
    std::string bytes;
    EXPECT_EQ(Fetch(LayerName(layer), &bytes).error_code(), grpc::StatusCode::NOT_FOUND);
  }

  void ExpectReady() {
    EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 200);
    EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
  }

  // Everything committed is there, nothing else is left.
  void ExpectWell() {
    ExpectReady();
    ExpectHolds("kept", kept_);
    EXPECT_EQ(server_->engine().Stats().store.uploads, 0);
    EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
    EXPECT_TRUE(Eventually([this] { return files_.open_files() == 0; }));
  }

  TempDir dir_;
  FaultyFileSystem files_;
  const Activations kept_ = RandomActivations(100, 3, 9);
  const Activations x_ = RandomActivations(100, 7, 1);
  const int64_t size_ = 100 * 7 * 4;
  const std::vector<v1::UploadChunk> chunks_ = CutRows(x_, 10);
};

TEST_F(DiskFaultTest, TheReserveOfTheDiskIsLeftAloneToTheByte) {
  Restart(/*disk_reserve_bytes=*/1000);
  files_.SetFreeBytes(1000 + size_ - 1);
  ExpectRefused(Upload(Header(x_, "x"), chunks_).status,
                {grpc::StatusCode::RESOURCE_EXHAUSTED, "DISK_FULL", size_, size_ - 1, true});
  files_.SetFreeBytes(1000 + size_);
  MustUpload(x_, "x");
}

TEST_F(DiskFaultTest, AFullDiskRefusesAnUploadBeforeAByteIsSentAndTakesItLater) {
  const std::vector<Fault> faults = {{FileOperation::kCreate, NoSpace()},
                                     {FileOperation::kWrite, NoSpace()}};  // Of the header.
  for (const Fault& fault : faults) {
    files_.FailOnce(fault.operation, fault.status, fault.skip);
    const UploadOutcome outcome = Upload(Header(x_, "x"), chunks_);
    ExpectRefused(outcome.status,
                  {grpc::StatusCode::RESOURCE_EXHAUSTED, "DISK_FULL", 100, 60, true});
    EXPECT_FALSE(outcome.accepted);
    EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
    ExpectReady();
  }
  MustUpload(x_, "x");
}

// A write that fails half way, in the midst of an upload.
TEST_F(DiskFaultTest, WhatWasWrittenBeforeAShortWriteIsNotSentAgain) {
  struct Case {
    absl::Status status;
    grpc::StatusCode code;
    const char* reason;
    int64_t retry;
  };
  const std::vector<Case> cases = {
      {NoSpace(), grpc::StatusCode::RESOURCE_EXHAUSTED, "DISK_FULL", 1000},
      {InputOutputError(), grpc::StatusCode::DATA_LOSS, "DATA_LOSS", -1}};
  for (const Case& c : cases) {
    const std::string layer = absl::StrCat("cut_by_", c.reason);
    files_.FailOnce(FileOperation::kWrite, c.status, 5);  // The header and four chunks.
    const UploadEnd end = Send(Named(layer), chunks_);
    EXPECT_EQ(end.status.error_code(), c.code) << end.status.error_message();
    EXPECT_EQ(ReasonIn(end.status), c.reason);
    EXPECT_EQ(RetryMillisecondsIn(end.status), c.retry);
    ASSERT_FALSE(end.progress.empty());
    EXPECT_EQ(end.progress.back().persisted_chunk_count(), 4);
    ExpectMissing(layer);
    ExpectReady();
    Restart();
    EXPECT_EQ(PersistedBytes(layer), 40 * x_.row_bytes());
    EXPECT_EQ(SendRest(layer), 60 * x_.row_bytes());
  }
}

// After a failed fsync nobody knows what is on the disk: the upload begins anew, and is told so.
TEST_F(DiskFaultTest, AnUploadWhoseSyncFailsBeginsAnew) {
  for (const bool partial : {true, false}) {
    v1::UploadHeader header = Named(absl::StrCat("layer", partial));
    ASSERT_EQ(Send(header, {chunks_[0]}).progress.back().persisted_chunk_count(), 1);
    files_.FailOnce(FileOperation::kSync, InputOutputError());
    // The part of a layer is persisted at its end, the whole is committed.
    header.set_partial(partial);
    const UploadEnd end = Send(header, partial ? std::vector{chunks_[1]} : chunks_);
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DATA_LOSS) << end.status.error_message();
    EXPECT_EQ(RetryMillisecondsIn(end.status), -1);
    EXPECT_EQ(server_->engine().Stats().store.uploads, 0);
    EXPECT_TRUE(Eventually([this] { return files_.open_files() == 0; }));
    ExpectMissing(header.module_path());
    ExpectReady();
    EXPECT_EQ(SendRest(header.module_path()), size_);
  }
}

// Goal: a commit that the disk refuses is repeated, and nothing is sent for it. Method: each of its
// steps fails once.
TEST_F(DiskFaultTest, ACommitThatFailsIsRepeatedWithoutSendingAnything) {
  const std::vector<Fault> faults = {
      {FileOperation::kCreateDirectories, NoSpace()},
      {FileOperation::kSyncDirectory, InputOutputError(), 1},
      {FileOperation::kRename, absl::UnavailableError("cannot rename: too many links")},
      {FileOperation::kSyncDirectory, InputOutputError(), 2}};
  for (size_t i = 0; i < faults.size(); ++i) {
    const std::string layer = absl::StrCat("layer", i);
    const Activations x = RandomActivations(100, 7, static_cast<uint32_t>(20 + i));
    Restart();  // No directory of a blob is known to be there.
    files_.FailOnce(faults[i].operation, faults[i].status, faults[i].skip);
    const UploadEnd end = Send(Named(layer), CutRows(x, 10));
    EXPECT_EQ(end.status.error_code(), static_cast<grpc::StatusCode>(faults[i].status.code()))
        << end.status.error_message();
    const bool passes = !absl::IsDataLoss(faults[i].status);
    EXPECT_EQ(RetryMillisecondsIn(end.status), passes ? 1000 : -1);
    ASSERT_FALSE(end.progress.empty());
    EXPECT_EQ(end.progress.back().persisted_chunk_count(), 10);
    ExpectMissing(layer);
    ExpectReady();
    if (i % 2 == 1) Restart();
    EXPECT_EQ(PersistedBytes(layer), size_);
    const UploadEnd repeated = Send(Named(layer), {});
    EXPECT_TRUE(repeated.status.ok()) << repeated.status.error_message();
    ExpectHolds(layer, x);
  }
}

TEST_F(DiskFaultTest, AClientThatChoseNoNameForItsUploadLeavesNothing) {
  files_.FailOnce(FileOperation::kRename, absl::UnavailableError("cannot rename"));
  EXPECT_EQ(ReasonIn(Upload(Header(x_, "x"), chunks_).status), "UNAVAILABLE");
  EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
  MustUpload(x_, "x");
}

TEST_F(DiskFaultTest, ADiskThatCannotBeReadIsToldAndWhatItHasLostIsSentAgain) {
  MustUpload(x_, "x");
  Restart();
  std::string bytes;
  files_.FailOnce(FileOperation::kOpen, absl::UnavailableError("too many open files"));
  const grpc::Status busy = Fetch(LayerName("x"), &bytes);
  EXPECT_EQ(busy.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(RetryMillisecondsIn(busy), 1000);
  ExpectHolds("x", x_);

  Restart();
  files_.FailOnce(FileOperation::kRead, InputOutputError());
  EXPECT_EQ(Fetch(LayerName("x"), &bytes).error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(bytes, IsEmpty());
  ExpectReady();
  MustUpload(x_, "x");
  ExpectHolds("x", x_);
}

}  // namespace
}  // namespace gramian::testing
