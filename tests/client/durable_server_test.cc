// The client library against a real gramiand that keeps what it acknowledged, and is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/client/client.h"
#include "gramian/client/digest.h"
#include "gramian/client/resource_name.h"
#include "tests/integration/gramiand_process.h"

namespace gramian::client {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kColumns = 256;
constexpr int64_t kRows = 96 * 1024;  // 96 MiB: more than a server takes before it persists

std::vector<float> RandomValues(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

// Keeps what comes.
class StringSink : public DownloadSink {
 public:
  absl::Status Begin(const LayerInfo& /*layer*/) override { return absl::OkStatus(); }
  absl::Status Append(std::span<const std::byte> data) override {
    content.append(reinterpret_cast<const char*>(data.data()), data.size());
    return absl::OkStatus();
  }
  std::string content;
};

class DurableServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    fs::remove_all(folder_);
  }

  // With a data directory, unless `in_memory`; again at the same address when it ran before.
  void StartServer(bool in_memory = false) {
    std::vector<std::string> arguments = {
        "--listen", address_, "--metrics-listen", "127.0.0.1:0", "--disk-reserve-bytes", "0"};
    if (!in_memory) arguments.insert(arguments.end(), {"--data-dir", folder_ / "data"});
    server_ = std::make_unique<testing::GramiandProcess>(arguments);
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
    address_ = server_->grpc_address();
    if (client_ == nullptr) client_ = Client::Connect(address_).value();
  }

  void KillServer() {
    server_->Signal(SIGKILL);
    server_->Wait();
  }

  static LayerHeader Header(const std::string& network = "n", int64_t rows = kRows) {
    LayerHeader header;
    header.snapshot = SnapshotName("p", network, 1);
    header.module_path = "x";
    header.row_count = rows;
    header.feature_count = kColumns;
    return header;
  }

  std::string address_ = "127.0.0.1:0";
  fs::path folder_;
  std::unique_ptr<testing::GramiandProcess> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(DurableServerTest, DigestsAreThoseOfTheServer) {
  StartServer(/*in_memory=*/true);
  const std::vector<uint64_t> zeros(100);
  int64_t network = 0;
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    LayerHeader header = Header(absl::StrCat("n", network++), 10);
    header.feature_count = 7;
    header.dtype = dtype;
    auto writer = client_->OpenLayer(header);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->Write(0, {zeros.data(), 10}).ok());
    const auto layer = writer->Finish();
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->digest, ComputeLayerDigest(dtype, 10, 7, zeros.data()));
  }
  NewProbeSet probe_set;
  probe_set.id = "val";
  probe_set.input_ids = {"a", "b c", "\xc3\xa9"};
  const auto created = client_->CreateProbeSet(ProjectName("p"), probe_set);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->input_ids_digest, ComputeInputIdsDigest(probe_set.input_ids));
}

// Goal: a writer goes on after its server was killed and started again, and what it acknowledged is
// not sent again. Method: kill -9 at the middle of an upload, twice.
TEST_F(DurableServerTest, AnUploadOutlivesAKilledServer) {
  StartServer();
  const std::vector<float> values = RandomValues(kRows * kColumns, 1);
  auto writer = client_->OpenLayer(Header());
  ASSERT_TRUE(writer.ok()) << writer.status();
  constexpr int64_t kBlock = kRows / 24;
  for (int64_t row = 0; row < kRows; row += kBlock) {
    if (row == 8 * kBlock || row == 16 * kBlock) {
      KillServer();
      StartServer();
    }
    const std::vector<float> block(values.begin() + row * kColumns,
                                   values.begin() + (row + kBlock) * kColumns);
    ASSERT_TRUE(writer->Write(row, {block.data(), kBlock}).ok());
  }
  const auto layer = writer->Finish();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_GE(writer->reconnect_count(), 2);
  EXPECT_EQ(layer->digest, ComputeLayerDigest(DType::kFloat32, kRows, kColumns, values.data()));

  KillServer();
  StartServer();
  StringSink sink;
  const auto downloaded = client_->DownloadLayer(layer->name, sink);
  ASSERT_TRUE(downloaded.ok()) << downloaded.status();
  EXPECT_TRUE(sink.content.size() == values.size() * sizeof(float) &&
              std::memcmp(sink.content.data(), values.data(), sink.content.size()) == 0);
}

TEST_F(DurableServerTest, AServerWithoutADirectoryForgetsAndThatIsSaid) {
  StartServer(/*in_memory=*/true);
  const std::vector<float> values = RandomValues(kRows * kColumns, 1);
  auto writer = client_->OpenLayer(Header());
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write(0, {values.data(), kRows / 2}).ok());
  KillServer();
  StartServer(/*in_memory=*/true);
  absl::Status status = writer->Write(kRows / 2, {values.data() + kRows / 2 * kColumns, kRows / 2});
  if (status.ok()) status = writer->Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the server lost"));
}

TEST_F(DurableServerTest, RanksFillOneLayerAtTheSameTime) {
  StartServer();
  const std::vector<float> values = RandomValues(kRows * kColumns, 1);
  constexpr int64_t kRanks = 4;
  std::vector<absl::StatusOr<std::optional<LayerInfo>>> results(kRanks, std::nullopt);
  {
    std::vector<std::jthread> ranks;
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      ranks.emplace_back([&, rank] {
        auto client = Client::Connect(address_);
        LayerHeader header = Header();
        header.upload_id = "epoch-3";
        header.partial = true;
        auto writer = (*client)->OpenLayer(header);
        if (!writer.ok()) {
          results[static_cast<size_t>(rank)] = writer.status();
          return;
        }
        // Every rank has each fourth block of rows.
        absl::Status status;
        for (int64_t row = rank * 1024; row < kRows && status.ok(); row += kRanks * 1024)
          status = writer->Write(row, {values.data() + row * kColumns, 1024});
        results[static_cast<size_t>(rank)] =
            status.ok() ? writer->FinishPart() : absl::StatusOr<std::optional<LayerInfo>>(status);
      });
    }
  }
  int64_t layer_count = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    layer_count += result->has_value() ? 1 : 0;
  }
  EXPECT_GE(layer_count, 1) << "who came last got the layer";
  EXPECT_EQ(client_->GetLayer(LayerName(SnapshotName("p", "n", 1), "x"))->digest,
            ComputeLayerDigest(DType::kFloat32, kRows, kColumns, values.data()));
}

TEST_F(DurableServerTest, AnOpenUploadCanBeLookedAtAndDropped) {
  StartServer();
  const std::vector<float> values = RandomValues(kRows * kColumns, 1);
  LayerHeader header = Header();
  header.upload_id = "mine";
  const std::string name = LayerName(header.snapshot, header.module_path);
  auto writer = client_->OpenLayer(header);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write(0, {values.data(), kRows / 2}).ok());
  const auto upload = client_->GetUpload(name, "mine");
  ASSERT_TRUE(upload.ok()) << upload.status();
  EXPECT_EQ(upload->upload_id, "mine");
  EXPECT_EQ(upload->row_count, kRows);
  EXPECT_EQ(upload->stream_count, 1);
  ASSERT_TRUE(client_->AbortUpload(name, "mine").ok());
  EXPECT_EQ(writer->Finish().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(client_->GetUpload(name, "mine").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DurableServerTest, OnlyWhatIsMissingIsNamed) {
  StartServer();
  const std::vector<float> values = RandomValues(10 * kColumns, 1);
  const std::string digest = ComputeLayerDigest(DType::kFloat32, 10, kColumns, values.data());
  const std::vector<LayerCandidate> candidates = {{"x", digest}, {"y", digest}};
  const std::string snapshot = SnapshotName("p", "n", 1);
  EXPECT_THAT(client_->FindMissingLayers(snapshot, candidates).value(), ElementsAre("x", "y"));
  auto writer = client_->OpenLayer(Header("n", 10));
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write(0, {values.data(), 10}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(client_->FindMissingLayers(snapshot, candidates).value(), ElementsAre("y"));
  EXPECT_THAT(client_->FindMissingLayers(snapshot, {{"x", std::string(32, '0')}}).value(),
              ElementsAre("x"))
      << "other content";
}

TEST_F(DurableServerTest, SnapshotsArePinnedAndNetworksDeleted) {
  StartServer();
  const std::vector<float> values = RandomValues(10 * kColumns, 1);
  auto writer = client_->OpenLayer(Header("n", 10));
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write(0, {values.data(), 10}).ok());
  ASSERT_TRUE(writer->Finish().ok());
  const std::string network = NetworkName("p", "n");
  EXPECT_TRUE(client_->PinSnapshot(SnapshotName("p", "n", 1), true)->pinned);
  EXPECT_TRUE(client_->ListSnapshots(network)->front().pinned);
  EXPECT_FALSE(client_->PinSnapshot(LastSnapshotName("p", "n"), false)->pinned);
  const auto deleted = client_->DeleteNetwork(network);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->snapshot_count, 1);
  EXPECT_EQ(deleted->layer_count, 1);
  EXPECT_EQ(deleted->size_bytes, 10 * kColumns * 4);
  EXPECT_EQ(client_->DeleteNetwork(network).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DurableServerTest, ProbeSetsComeBackWithTheirIds) {
  StartServer();
  NewProbeSet probe_set;
  probe_set.id = "val/2 %";
  probe_set.input_ids = {"a", "b", "c"};
  ASSERT_TRUE(client_->CreateProbeSet(ProjectName("p"), probe_set).ok());
  EXPECT_TRUE(client_->CreateProbeSet(ProjectName("p"), probe_set).ok()) << "the same again";
  probe_set.input_ids = {"a", "c", "b"};
  const absl::Status other = client_->CreateProbeSet(ProjectName("p"), probe_set).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kAlreadyExists);
  const std::string name = ProbeSetName("p", probe_set.id);
  EXPECT_THAT(client_->GetProbeSet(name)->input_ids, ElementsAre("a", "b", "c"));
  EXPECT_EQ(client_->ListProbeSets(ProjectName("p"))->front().display_name, "val/2 %");
  EXPECT_TRUE(client_->DeleteProbeSet(name).ok());
  EXPECT_THAT(client_->ListProbeSets(ProjectName("p")).value(), IsEmpty());
}

}  // namespace
}  // namespace gramian::client
