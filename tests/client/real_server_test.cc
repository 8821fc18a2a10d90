// The client library against a real gramiand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/client/client.h"
#include "gramian/client/resource_name.h"
#include "tests/integration/gramiand_process.h"

namespace gramian::client {
namespace {

using ::testing::HasSubstr;

struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;
};

Matrix RandomMatrix(int64_t rows, int64_t columns, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix matrix = {rows, columns, std::vector<float>(static_cast<size_t>(rows * columns))};
  for (float& value : matrix.values) value = normal(random);
  return matrix;
}

class RealServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<testing::GramiandProcess>(
        std::vector<std::string>{"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    client_ = Client::Connect(server_->grpc_address()).value();
    project_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }

  std::string Snapshot(const std::string& network, int64_t step = 0) const {
    return SnapshotName(project_, network, step);
  }

  // Uploads in chunks of `chunk_rows` rows, in an order drawn with `seed`.
  absl::StatusOr<LayerInfo> Upload(const std::string& network, const std::string& layer,
                                   const Matrix& matrix, int64_t chunk_rows, uint32_t seed) const {
    LayerHeader header;
    header.snapshot = Snapshot(network);
    header.module_path = layer;
    header.row_count = matrix.rows;
    header.feature_count = matrix.columns;
    absl::StatusOr<ActivationWriter> writer = client_->OpenLayer(header);
    if (!writer.ok()) return writer.status();
    std::vector<int64_t> starts;
    for (int64_t row = 0; row < matrix.rows; row += chunk_rows) starts.push_back(row);
    std::shuffle(starts.begin(), starts.end(), std::mt19937(seed));
    for (const int64_t row : starts) {
      const RowsView rows = {matrix.values.data() + row * matrix.columns,
                             std::min(chunk_rows, matrix.rows - row)};
      if (absl::Status status = writer->Write(row, rows); !status.ok()) return status;
    }
    return writer->Finish();
  }

  static std::unique_ptr<testing::GramiandProcess> server_;
  std::unique_ptr<Client> client_;
  std::string project_;
};

std::unique_ptr<testing::GramiandProcess> RealServerTest::server_;

TEST_F(RealServerTest, NamesWithAnyCharacterSurviveTheJourney) {
  const std::string network = "res net/α@50%";
  const std::string layer = "encoder/0:relu.1 \"x\"";
  const absl::StatusOr<LayerInfo> info = Upload(network, layer, RandomMatrix(10, 3, 1), 4, 1);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->module_path, layer);
  EXPECT_EQ(info->name, LayerName(Snapshot(network), layer));
  EXPECT_EQ(client_->GetLayer(info->name)->digest, info->digest);
  EXPECT_EQ(client_->ListNetworks(ProjectName(project_))->front().display_name, network);
  EXPECT_EQ(client_->ListLayers(LastSnapshotName(project_, network))->front().module_path, layer);
}

// Goal: content and scores do not depend on how rows were cut and ordered. Method: one matrix
// uploaded in five ways by five threads of one client; digests and scores must be equal to the last
// bit.
TEST_F(RealServerTest, ChunksAndTheirOrderDoNotMatter) {
  const Matrix x = RandomMatrix(1000, 33, 1);
  ASSERT_TRUE(Upload("reference", "y", RandomMatrix(1000, 20, 2), 1000, 0).ok());
  const std::vector<int64_t> chunk_rows = {1, 7, 64, 999, 1000};
  std::vector<absl::StatusOr<LayerInfo>> layers(chunk_rows.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < chunk_rows.size(); ++i) {
      threads.emplace_back([&, i] {
        layers[i] = Upload(absl::StrCat("n", i), "x", x, chunk_rows[i], static_cast<uint32_t>(i));
      });
    }
  }
  std::vector<double> values;
  for (const absl::StatusOr<LayerInfo>& layer : layers) {
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->digest, layers[0]->digest);
    const auto scores = client_->CompareLayers(layer->name, LayerName(Snapshot("reference"), "y"),
                                               {"cka", "distcorr"});
    ASSERT_TRUE(scores.ok()) << scores.status();
    for (const Score& score : *scores) values.push_back(score.value.value());
  }
  for (size_t i = 2; i < values.size(); ++i) EXPECT_EQ(values[i], values[i % 2]);
}

TEST_F(RealServerTest, ARowWiderThanAChunkIsTakenInPieces) {
  const Matrix wide = RandomMatrix(3, 300'000, 3);
  const absl::StatusOr<LayerInfo> layer = Upload("wide", "x", wide, 2, 1);
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->size_bytes, 3 * 300'000 * 4);
}

TEST_F(RealServerTest, AnExpectedDigestSavesSendingTheRows) {
  const absl::StatusOr<LayerInfo> layer = Upload("n", "x", RandomMatrix(10, 3, 1), 10, 1);
  ASSERT_TRUE(layer.ok()) << layer.status();
  LayerHeader header;
  header.snapshot = Snapshot("n");
  header.module_path = "x";
  header.row_count = 10;
  header.feature_count = 3;
  header.expected_digest = layer->digest;
  absl::StatusOr<ActivationWriter> writer = client_->OpenLayer(header);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE(writer->is_already_there());
  EXPECT_EQ(writer->Finish()->digest, layer->digest);
}

TEST_F(RealServerTest, MissingRowsAndBadNumbersAreRefusedWithTheirPlace) {
  LayerHeader header;
  header.snapshot = Snapshot("n");
  header.module_path = "x";
  header.row_count = 10;
  header.feature_count = 3;
  Matrix matrix = RandomMatrix(10, 3, 1);
  absl::StatusOr<ActivationWriter> incomplete = client_->OpenLayer(header);
  ASSERT_TRUE(incomplete.ok()) << incomplete.status();
  ASSERT_TRUE(incomplete->Write(0, {matrix.values.data(), 9}).ok());
  const absl::Status missing = incomplete->Finish().status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(missing), "ROWS_MISSING") << missing;

  matrix.values[3 * 4 + 2] = std::numeric_limits<float>::infinity();
  const absl::Status infinite = Upload("n", "x", matrix, 10, 1).status();
  EXPECT_EQ(infinite.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(infinite.message()), HasSubstr("4"));
  EXPECT_EQ(client_->GetLayer(LayerName(Snapshot("n"), "x")).status().code(),
            absl::StatusCode::kNotFound)
      << "nothing is kept of a failed upload";
}

TEST_F(RealServerTest, ADroppedUploadLeavesNothing) {
  LayerHeader header;
  header.snapshot = Snapshot("n");
  header.module_path = "x";
  header.row_count = 10;
  header.feature_count = 3;
  { ASSERT_TRUE(client_->OpenLayer(header).ok()); }
  EXPECT_EQ(client_->ListLayers(Snapshot("n")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RealServerTest, LayersOfDifferentInputsAreNotComparable) {
  ASSERT_TRUE(Upload("a", "x", RandomMatrix(10, 3, 1), 10, 1).ok());
  ASSERT_TRUE(Upload("b", "x", RandomMatrix(11, 3, 1), 11, 1).ok());
  const auto scores =
      client_->CompareLayers(LayerName(Snapshot("a"), "x"), LayerName(Snapshot("b"), "x"), {"cka"});
  EXPECT_EQ(scores.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(scores.status()), "INPUTS_DIFFER") << scores.status();
}

// Goal: a deadline and a stop request end a computation that takes seconds. Method: distance
// correlation of 20,000 inputs.
TEST_F(RealServerTest, ALongComparisonCanBeLimitedAndStopped) {
  for (const char* network : {"a", "b"}) {
    const auto seed = static_cast<uint32_t>(network[0]);
    ASSERT_TRUE(Upload(network, "x", RandomMatrix(20'000, 64, seed), 4096, 1).ok());
  }
  CallOptions limited;
  limited.timeout = absl::Milliseconds(50);
  const auto late =
      client_->CompareSnapshots(Snapshot("a"), Snapshot("b"), "distcorr", nullptr, limited);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);

  std::stop_source stop;
  CallOptions stoppable;
  stoppable.stop = stop.get_token();
  std::jthread impatient([&] { stop.request_stop(); });
  const auto stopped =
      client_->CompareSnapshots(Snapshot("a"), Snapshot("b"), "distcorr", nullptr, stoppable);
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(RealServerTest, EveryMethodAnswers) {
  for (const char* network : {"a", "b"}) {
    const auto seed = static_cast<uint32_t>(network[0]);
    ASSERT_TRUE(Upload(network, "x", RandomMatrix(50, 5, seed), 50, 1).ok());
    ASSERT_TRUE(Upload(network, "y", RandomMatrix(50, 7, seed + 10), 50, 1).ok());
  }
  EXPECT_EQ(client_->ListSnapshots(NetworkName(project_, "a"))->front().layer_count, 2);
  std::vector<MatrixProgress> progress;
  const auto layers =
      client_->CompareSnapshots(Snapshot("a"), Snapshot("b"), "cka",
                                [&](const MatrixProgress& step) { progress.push_back(step); });
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_EQ(layers->cells.size(), 4U);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back().done_count, 4);
  Fusion fusion;
  fusion.order = FusionOrder::kProduct;
  fusion.power = 2;
  fusion.layers = {"y", "x"};
  const auto networks =
      client_->CompareNetworks({Snapshot("a"), Snapshot("b")}, "ms-cka-t=4", fusion);
  ASSERT_TRUE(networks.ok()) << networks.status();
  EXPECT_NEAR(networks->at(0, 0).value.value(), 1, 1e3 * std::numeric_limits<double>::epsilon());
  OperatorQuery query;
  query.source = Snapshot("a");
  query.kind = OperatorQuery::Kind::kCoordinates;
  query.count = 2;
  const auto view = client_->GetOperator(query);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->row_count, 50);
  EXPECT_EQ(view->layers.size(), 2U);
  const auto measures = client_->ListMeasures();
  ASSERT_TRUE(measures.ok()) << measures.status();
  EXPECT_FALSE(measures->empty());
  EXPECT_EQ(client_->GetServerInfo()->limits.chunk_bytes, 1 << 20);
  EXPECT_EQ(client_->DeleteSnapshot(Snapshot("b"))->layer_count, 2);
}

}  // namespace
}  // namespace gramian::client
