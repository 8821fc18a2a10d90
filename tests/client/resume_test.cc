// An ActivationWriter against a server that loses connections, restarts, drains and forgets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "gramian/client/digest.h"
#include "gramian/rpc/byte_ranges.h"
#include "tests/client/error_details.h"
#include "tests/client/fake_server.h"

namespace gramian::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRows = 24;
constexpr int64_t kFeatures = 8;
constexpr int64_t kRowBytes = kFeatures * 4;

grpc::Status Unavailable() { return {grpc::StatusCode::UNAVAILABLE, "cut"}; }

// What one stream does.
struct Script {
  int64_t persist_every = 3;                                // chunks
  int64_t cut_after = std::numeric_limits<int64_t>::max();  // chunks; then the stream ends
  grpc::Status cut = Unavailable();
  bool refuses_header = false;  // ends with `cut` instead of accepting
  bool forgets = false;         // what was persisted is gone
  bool drains = false;          // says so when it is cut
  bool loses_answer = false;    // commits, and ends with `cut` instead of saying so
};

// Keeps uploads as a server with a data directory does: what was persisted outlives streams. Every
// stream follows the next script; the last ones just work.
class KeepingServer {
 public:
  KeepingServer() {
    server.activations.upload = [this](UploadStream& stream) { return Serve(stream); };
    server.activations.get_layer = [this](const v1::GetLayerRequest&, v1::GetLayerResponse& layer) {
      const std::lock_guard lock(mutex_);
      if (committed_digest_.empty()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no layer");
      layer.mutable_layer()->set_digest(committed_digest_);
      return grpc::Status::OK;
    };
    server.activations.abort_upload = [this](const v1::AbortUploadRequest& request) {
      const std::lock_guard lock(mutex_);
      aborted.insert(request.upload_id());
      return grpc::Status::OK;
    };
  }

  std::deque<Script> scripts;  // to be set before streams run
  // To be read when no stream runs.
  std::string matrix = std::string(kRows * kRowBytes, '?');
  std::vector<v1::UploadHeader> headers;
  std::vector<int64_t> chunk_counts;  // received by each stream
  int64_t largest_unconfirmed_bytes = 0;
  std::set<std::string> aborted;

 private:
  Script NextScript() {
    if (scripts.empty()) return {};
    Script script = scripts.front();
    scripts.pop_front();
    return script;
  }

  void SendAccepted(UploadStream& stream, int64_t chunk_bytes) {
    v1::UploadLayerResponse response;
    response.mutable_accepted()->set_chunk_bytes(chunk_bytes);
    for (const ByteRange& range : persisted_.ranges()) {
      v1::ByteRange& there = *response.mutable_accepted()->add_persisted();
      there.set_begin(range.begin);
      there.set_end(range.end);
    }
    stream.Write(response);
  }

  grpc::Status Serve(UploadStream& stream) {
    v1::UploadLayerRequest request;
    stream.Read(&request);
    const std::lock_guard lock(mutex_);
    const Script script = NextScript();
    headers.push_back(request.header());
    chunk_counts.push_back(0);
    if (script.refuses_header) return script.cut;
    if (script.forgets) persisted_ = {};
    const int64_t row_bytes = request.header().feature_count() * 4;
    const int64_t size = request.header().row_count() * row_bytes;
    matrix.resize(static_cast<size_t>(size), '?');
    // Small matrices row by row.
    SendAccepted(stream, size < (1 << 20) ? row_bytes : int64_t{1} << 20);
    return Take(stream, script, row_bytes, size);
  }

  grpc::Status Take(UploadStream& stream, const Script& script, int64_t row_bytes, int64_t size) {
    int64_t& chunk_count = chunk_counts.back();
    int64_t unconfirmed_bytes = 0;
    std::vector<ByteRange> pending;
    const auto persist = [&] {
      for (const ByteRange& range : pending) persisted_.Add(range);
      pending.clear();
      unconfirmed_bytes = 0;
    };
    v1::UploadLayerRequest request;
    while (chunk_count < script.cut_after && stream.Read(&request)) {
      const v1::UploadChunk& chunk = request.chunk();
      const int64_t begin = chunk.first_row() * row_bytes + chunk.byte_offset();
      const auto chunk_bytes = static_cast<int64_t>(chunk.data().size());
      matrix.replace(static_cast<size_t>(begin), chunk.data().size(), chunk.data());
      pending.push_back({begin, begin + chunk_bytes});
      unconfirmed_bytes += chunk_bytes;
      largest_unconfirmed_bytes = std::max(largest_unconfirmed_bytes, unconfirmed_bytes);
      if (++chunk_count % script.persist_every != 0) continue;
      persist();
      v1::UploadLayerResponse response;
      response.mutable_progress()->set_persisted_chunk_count(chunk_count);
      stream.Write(response);
    }
    if (chunk_count == script.cut_after) {
      if (!script.drains) return script.cut;
      persist();
      v1::UploadLayerResponse response;
      response.mutable_draining()->set_persisted_chunk_count(chunk_count);
      stream.Write(response);
      return script.cut;
    }
    persist();
    if (!persisted_.Contains({0, size})) {
      if (headers.back().partial()) return grpc::Status::OK;
      return {grpc::StatusCode::INVALID_ARGUMENT, "rows are missing"};
    }
    committed_digest_ = ComputeLayerDigest(DType::kFloat32, headers.back().row_count(),
                                           headers.back().feature_count(), matrix.data());
    persisted_ = {};
    if (script.loses_answer) return script.cut;
    v1::UploadLayerResponse response;
    response.mutable_committed()->set_digest(committed_digest_);
    stream.Write(response);
    return grpc::Status::OK;
  }

  std::mutex mutex_;  // one stream at a time
  ByteRanges persisted_;
  std::string committed_digest_;

 public:
  // Last, so that its streams end before what they use is gone.
  FakeServer server;
};

LayerHeader Header(int64_t rows = kRows, int64_t features = kFeatures) {
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

// Writes the whole matrix, row by row; `Finish`es.
absl::StatusOr<LayerInfo> Upload(Client& client, const LayerHeader& header,
                                 const UploadOptions& options = {}) {
  const std::vector<float> values = Values(header.row_count * header.feature_count);
  absl::StatusOr<ActivationWriter> writer = client.OpenLayer(header, options);
  if (!writer.ok()) return writer.status();
  for (int64_t row = 0; row < header.row_count; ++row) {
    const RowsView view = {values.data() + row * header.feature_count, 1};
    if (absl::Status status = writer->Write(row, view); !status.ok()) return status;
  }
  return writer->Finish();
}

// Goal: wherever the connection breaks, the matrix arrives whole, and what was persisted is not
// sent again. Method: a break after every number of chunks, twice in a row.
TEST(ResumeTest, AConnectionMayBreakAfterAnyChunk) {
  for (int64_t cut = 0; cut <= kRows; ++cut) {
    KeepingServer keeping;
    keeping.scripts = {{.cut_after = cut}, {.cut_after = 5}};
    const auto layer = Upload(*keeping.server.Connect(), Header());
    ASSERT_TRUE(layer.ok()) << cut << ": " << layer.status();
    ASSERT_EQ(keeping.matrix, Bytes(Values(kRows * kFeatures))) << cut;
    const int64_t persisted = cut - cut % 3;
    ASSERT_EQ(keeping.chunk_counts[1], std::min<int64_t>(5, kRows - persisted)) << cut;
    for (const v1::UploadHeader& header : keeping.headers) {
      ASSERT_FALSE(header.upload_id().empty());
      ASSERT_EQ(header.upload_id(), keeping.headers[0].upload_id());
    }
  }
}

TEST(ResumeTest, ADrainingServerSaysWhatItKeeps) {
  KeepingServer keeping;
  keeping.scripts = {{.persist_every = 1000, .cut_after = 20, .drains = true}};
  const auto layer = Upload(*keeping.server.Connect(), Header());
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(keeping.matrix, Bytes(Values(kRows * kFeatures)));
  EXPECT_THAT(keeping.chunk_counts, ElementsAre(20, kRows - 20));
}

TEST(ResumeTest, AServerThatIsBusyAtFirstIsAskedAgain) {
  KeepingServer keeping;
  keeping.scripts = {{.refuses_header = true},
                     {.cut = WithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "MEMORY_PRESSURE",
                                         absl::Milliseconds(10)),
                      .refuses_header = true}};
  const auto layer = Upload(*keeping.server.Connect(), Header());
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(keeping.headers.size(), 3U);
}

TEST(ResumeTest, WhatCannotSucceedLaterIsNotTriedAgain) {
  for (const grpc::Status& end :
       {WithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "NEVER_FITS", absl::ZeroDuration()),
        grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "NaN"),
        grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "too late")}) {
    KeepingServer keeping;
    keeping.scripts = {{.cut_after = 4, .cut = end}};
    const auto layer = Upload(*keeping.server.Connect(), Header());
    EXPECT_EQ(static_cast<int>(layer.status().code()), static_cast<int>(end.error_code()));
    EXPECT_EQ(keeping.headers.size(), 1U);
  }
}

TEST(ResumeTest, AStreamThatWasIdleForTooLongIsFollowedByAnother) {
  KeepingServer keeping;
  keeping.scripts = {{.cut_after = 4,
                      .cut = WithDetails(grpc::StatusCode::DEADLINE_EXCEEDED, "UPLOAD_IDLE",
                                         absl::ZeroDuration())}};
  const auto layer = Upload(*keeping.server.Connect(), Header());
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(keeping.matrix, Bytes(Values(kRows * kFeatures)));
}

TEST(ResumeTest, AServerThatLostWhatItAcknowledgedIsAClearError) {
  KeepingServer keeping;
  keeping.scripts = {{.cut_after = 10}, {.forgets = true}};
  const auto layer = Upload(*keeping.server.Connect(), Header());
  EXPECT_EQ(layer.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(layer.status().message()), HasSubstr("the server lost 288 bytes"));
}

TEST(ResumeTest, AServerThatLostWhatItNeverAcknowledgedIsFine) {
  KeepingServer keeping;
  keeping.scripts = {{.persist_every = 1000, .cut_after = 10}, {.forgets = true}};
  const auto layer = Upload(*keeping.server.Connect(), Header());
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(keeping.matrix, Bytes(Values(kRows * kFeatures)));
}

TEST(ResumeTest, ACommitWhoseAnswerWasLostIsFound) {
  const std::vector<float> values = Values(kRows * kFeatures);
  for (const bool rows_stay : {false, true}) {
    KeepingServer keeping;
    keeping.scripts = {{.loses_answer = true}};
    UploadOptions options;
    options.rows_stay = rows_stay;
    const auto client = keeping.server.Connect();
    auto upload = client->OpenLayer(Header(), options);
    ASSERT_TRUE(upload.ok()) << upload.status();
    ASSERT_TRUE(upload->Write(0, {values.data(), kRows}).ok());
    const auto layer = upload->Finish();
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->digest, ComputeLayerDigest(DType::kFloat32, kRows, kFeatures, values.data()));
    EXPECT_TRUE(keeping.aborted.contains(keeping.headers[1].upload_id()))
        << "the upload that was opened again is given up";
  }
}

TEST(ResumeTest, AnotherContentInItsPlaceIsNotTakenForTheUpload) {
  KeepingServer keeping;
  keeping.scripts = {{.loses_answer = true}};
  keeping.server.activations.get_layer = [](const v1::GetLayerRequest&,
                                            v1::GetLayerResponse& response) {
    response.mutable_layer()->set_digest("of other content");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Upload(*keeping.server.Connect(), Header()).status().code(),
            absl::StatusCode::kAborted);
}

TEST(ResumeTest, WithoutPatienceTheFirstBreakIsTheEnd) {
  KeepingServer keeping;
  keeping.scripts = {{.cut_after = 10}};
  UploadOptions options;
  options.reconnect_timeout = absl::ZeroDuration();
  const auto layer = Upload(*keeping.server.Connect(), Header(), options);
  EXPECT_EQ(layer.status(), absl::UnavailableError("cut"));
  EXPECT_EQ(keeping.headers.size(), 1U);
}

TEST(ResumeTest, PatienceEnds) {
  KeepingServer keeping;
  keeping.scripts = std::deque<Script>(1000, {.refuses_header = true});
  UploadOptions options;
  options.reconnect_timeout = absl::Seconds(1);
  EXPECT_EQ(Upload(*keeping.server.Connect(), Header(), options).status(),
            absl::UnavailableError("cut"));
  EXPECT_GE(keeping.headers.size(), 2U);
  EXPECT_LE(keeping.headers.size(), 20U) << "pauses grow";
}

TEST(ResumeTest, AStopRequestEndsTheWaiting) {
  KeepingServer keeping;
  keeping.scripts = {
      {.cut = WithDetails(grpc::StatusCode::UNAVAILABLE, "DRAINING", absl::Milliseconds(900)),
       .refuses_header = true}};
  std::stop_source stop;
  UploadOptions options;
  options.stop = stop.get_token();
  const auto client = keeping.server.Connect();
  auto layer = std::async(std::launch::async, [&] { return Upload(*client, Header(), options); });
  stop.request_stop();
  EXPECT_EQ(layer.get().status().code(), absl::StatusCode::kCancelled);
}

// Goal: what a server does not confirm is not sent without bounds. Method: 100 MiB to a server that
// confirms every 30 MiB, with room for 32.
TEST(ResumeTest, WhatIsNotConfirmedIsBounded) {
  constexpr int64_t kMiB = 1 << 20;
  KeepingServer keeping;
  keeping.scripts = {{.persist_every = 30}};
  const auto client = keeping.server.Connect();
  UploadOptions options;
  options.unconfirmed_bytes = 32 * kMiB;
  auto writer = client->OpenLayer(Header(100, kMiB / 4), options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> row = Values(kMiB / 4);
  for (int64_t i = 0; i < 100; ++i) ASSERT_TRUE(writer->Write(i, {row.data(), 1}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_LE(keeping.largest_unconfirmed_bytes, 33 * kMiB);
  UploadOptions too_little;
  too_little.unconfirmed_bytes = kMiB;
  EXPECT_EQ(client->OpenLayer(Header(), too_little).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Goal: rows that were lent to the socket are sent again as they were, though the caller's memory
// has changed. Method: long runs, the memory overwritten after each Write, the connection cut in
// the middle.
TEST(ResumeTest, RowsMayChangeAfterWriteAlsoWhenTheyAreSentAgain) {
  constexpr int64_t kMiB = 1 << 20;
  for (const int64_t cut : {3, 9, 17}) {
    KeepingServer keeping;
    keeping.scripts = {{.cut_after = cut}};
    const auto client = keeping.server.Connect();
    auto writer = client->OpenLayer(Header(24, kMiB / 4));
    ASSERT_TRUE(writer.ok()) << writer.status();
    const std::vector<float> values = Values(24 * kMiB / 4);
    for (int64_t row = 0; row < 24; row += 8) {
      std::vector<float> block(values.begin() + row * kMiB / 4,
                               values.begin() + (row + 8) * kMiB / 4);
      ASSERT_TRUE(writer->Write(row, {block.data(), 8}).ok());
      std::fill(block.begin(), block.end(), -1.0F);
    }
    ASSERT_TRUE(writer->Finish().ok());
    EXPECT_EQ(writer->reconnect_count(), 1);
    EXPECT_TRUE(keeping.matrix == Bytes(values)) << "cut after " << cut;
  }
}

TEST(ResumeTest, RowsThatStayAreNotCopiedAndSentAgainFromWhereTheyAre) {
  constexpr int64_t kMiB = 1 << 20;
  KeepingServer keeping;
  keeping.scripts = {{.cut_after = 9}};
  const auto client = keeping.server.Connect();
  UploadOptions options;
  options.rows_stay = true;
  const std::vector<float> values = Values(24 * kMiB / 4);
  auto writer = client->OpenLayer(Header(24, kMiB / 4), options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int64_t row = 0; row < 24; ++row)
    ASSERT_TRUE(writer->Write(row, {values.data() + row * kMiB / 4, 1}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_TRUE(keeping.matrix == Bytes(values));
}

TEST(ResumeTest, AnotherProcessGoesOnUnderTheSameId) {
  KeepingServer keeping;
  keeping.scripts = {{.cut_after = 10}};
  const auto client = keeping.server.Connect();
  LayerHeader header = Header();
  header.upload_id = "run-7";
  UploadOptions impatient;
  impatient.reconnect_timeout = absl::ZeroDuration();
  EXPECT_EQ(Upload(*client, header, impatient).status().code(), absl::StatusCode::kUnavailable);

  UploadProgress last;
  UploadOptions options;
  options.progress = [&](const UploadProgress& progress) { last = progress; };
  auto writer = client->OpenLayer(header, options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_THAT(writer->persisted(), ElementsAre(ByteRange{0, 9 * kRowBytes}));
  const std::vector<float> values = Values(kRows * kFeatures);
  ASSERT_TRUE(writer->Write(0, {values.data(), kRows}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(keeping.matrix, Bytes(values));
  EXPECT_THAT(keeping.chunk_counts, ElementsAre(10, kRows - 9));
  EXPECT_EQ(last.skipped_bytes, 9 * kRowBytes);
  EXPECT_EQ(last.sent_bytes, (kRows - 9) * kRowBytes);
}

TEST(ResumeTest, SeveralWritersFillOneLayer) {
  KeepingServer keeping;
  const auto client = keeping.server.Connect();
  LayerHeader header = Header();
  header.upload_id = "ranks";
  header.partial = true;
  const std::vector<float> values = Values(kRows * kFeatures);
  for (int rank = 0; rank < 2; ++rank) {
    auto writer = client->OpenLayer(header);
    ASSERT_TRUE(writer.ok()) << writer.status();
    const int64_t first = rank * kRows / 2;
    ASSERT_TRUE(writer->Write(first, {values.data() + first * kFeatures, kRows / 2}).ok());
    const absl::StatusOr<std::optional<LayerInfo>> layer = writer->FinishPart();
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->has_value(), rank == 1);
  }
  EXPECT_EQ(keeping.matrix, Bytes(values));
}

TEST(ResumeTest, APartialWriterThatExpectsTheLayerIsToldOfTheOthers) {
  KeepingServer keeping;
  const auto client = keeping.server.Connect();
  LayerHeader header = Header();
  header.partial = true;
  EXPECT_EQ(client->OpenLayer(header).status().code(), absl::StatusCode::kInvalidArgument)
      << "nobody could join it";
  header.upload_id = "ranks";
  auto writer = client->OpenLayer(header);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<float> values = Values(kFeatures);
  ASSERT_TRUE(writer->Write(0, {values.data(), 1}).ok());
  const absl::Status status = writer->Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("FinishPart"));
}

TEST(ResumeTest, OnlyAnUploadThatNobodyCanGoOnWithIsDroppedWithItsWriter) {
  for (const bool is_named : {false, true}) {
    KeepingServer keeping;
    const auto client = keeping.server.Connect();
    LayerHeader header = Header();
    if (is_named) header.upload_id = "run-7";
    { ASSERT_TRUE(client->OpenLayer(header).ok()); }
    EXPECT_EQ(keeping.aborted.empty(), is_named);
  }
}

}  // namespace
}  // namespace gramian::client
