#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A matrix put together from its stream.
struct Received {
  grpc::Status status;
  std::optional<v1::MatrixHeader> header;
  std::vector<double> values;
  std::vector<v1::ScoreStatus> statuses;
  std::vector<int> times_seen;
  int64_t last_done = 0;
  int64_t cached = 0;
  bool done_never_falls = true;

  double at(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * header->column_names_size() + column)];
  }
};

template <typename Response>
void Take(const Response& response, Received& received) {
  if (response.has_header()) {
    received.header = response.header();
    const auto count = static_cast<size_t>(response.header().cell_count());
    received.values.resize(count);
    received.statuses.resize(count);
    received.times_seen.resize(count);
    return;
  }
  const v1::MatrixBlock& block = response.block();
  received.done_never_falls = received.done_never_falls && block.done_count() >= received.last_done;
  received.last_done = block.done_count();
  received.cached += block.cached_count();
  int k = 0;
  for (int64_t i = 0; i < block.row_count(); ++i) {
    for (int64_t j = 0; j < block.column_count(); ++j, ++k) {
      const auto cell =
          static_cast<size_t>((block.first_row() + i) * received.header->column_names_size() +
                              block.first_column() + j);
      received.values[cell] = block.values(k);
      received.statuses[cell] = block.statuses().empty() ? v1::SCORE_STATUS_OK : block.statuses(k);
      ++received.times_seen[cell];
    }
  }
}

class MatrixTest : public ServerFixture {
 protected:
  Received CompareSnapshots(const v1::CompareSnapshotsRequest& request) {
    const auto context = Context();
    const auto stream = similarity_->CompareSnapshots(context.get(), request);
    Received received;
    v1::CompareSnapshotsResponse response;
    while (stream->Read(&response)) Take(response, received);
    received.status = stream->Finish();
    return received;
  }

  Received CompareNetworks(const v1::CompareNetworksRequest& request) {
    const auto context = Context();
    const auto stream = similarity_->CompareNetworks(context.get(), request);
    Received received;
    v1::CompareNetworksResponse response;
    while (stream->Read(&response)) Take(response, received);
    received.status = stream->Finish();
    return received;
  }

  static void ExpectComplete(const Received& received) {
    ASSERT_TRUE(received.status.ok()) << received.status.error_message();
    ASSERT_TRUE(received.header.has_value());
    EXPECT_THAT(received.times_seen, ::testing::Each(1));
    EXPECT_EQ(received.last_done, received.header->cell_count());
    EXPECT_TRUE(received.done_never_falls);
  }

  // Layers l0, l1, ... of different widths.
  std::vector<Activations> UploadNetwork(const std::string& network, int layers, uint32_t seed) {
    std::vector<Activations> all;
    for (int i = 0; i < layers; ++i) {
      all.push_back(RandomActivations(80, 3 + 2 * i, seed + static_cast<uint32_t>(i)));
      v1::UploadHeader header = Header(all.back(), absl::StrCat("l", i), 0, network);
      header.set_ordinal(i);
      EXPECT_TRUE(Upload(header, CutRows(all.back(), 16)).status.ok());
    }
    return all;
  }

  static v1::CompareSnapshotsRequest Pair(const std::string& a, const std::string& b,
                                          const std::string& measure) {
    v1::CompareSnapshotsRequest request;
    request.set_snapshot_a(SnapshotName(0, a));
    request.set_snapshot_b(SnapshotName(0, b));
    request.set_measure(measure);
    return request;
  }
};

TEST_F(MatrixTest, CompareSnapshotsIsTheMatrixOfItsPairs) {
  Start();
  const std::vector<Activations> a = UploadNetwork("a", 3, 10);
  const std::vector<Activations> b = UploadNetwork("b", 5, 20);
  const Received received = CompareSnapshots(Pair("a", "b", "cka"));
  ExpectComplete(received);
  EXPECT_EQ(received.header->measure(), "cka-kernel=linear-hsic=gretton-score");
  EXPECT_EQ(received.header->input_count(), 80);
  EXPECT_EQ(received.header->cell_count(), 15);
  EXPECT_THAT(received.header->row_labels(), ElementsAre("l0", "l1", "l2"));
  EXPECT_EQ(received.header->column_names(4), LayerName("l4", 0, "b"));
  EXPECT_THAT(received.header->row_feature_counts(), ElementsAre(3, 5, 7));
  EXPECT_TRUE(received.header->larger_is_more_similar());
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      EXPECT_NEAR(received.at(i, j),
                  ReferenceCka(a[static_cast<size_t>(i)], b[static_cast<size_t>(j)]),
                  100 * std::numeric_limits<float>::epsilon());
    }
  }
}

TEST_F(MatrixTest, AskedAgainEveryCellIsKnownAndTheSame) {
  Start();
  UploadNetwork("a", 3, 10);
  const Received first = CompareSnapshots(Pair("a", "a", "ms-cka-t=4"));
  ExpectComplete(first);
  const Received second = CompareSnapshots(Pair("a", "a", "ms-cka-t=4"));
  ExpectComplete(second);
  EXPECT_EQ(second.cached, 9);
  EXPECT_EQ(second.values, first.values);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(first.at(i, i), 1, 100 * std::numeric_limits<float>::epsilon());
  }
}

TEST_F(MatrixTest, LayersCanBeChosenInAnyOrder) {
  Start();
  UploadNetwork("a", 4, 10);
  UploadNetwork("b", 2, 20);
  v1::CompareSnapshotsRequest request = Pair("a", "b", "cka");
  const Received all = CompareSnapshots(request);
  ExpectComplete(all);
  request.add_layers_a("l3");
  request.add_layers_a("l1");
  request.add_layers_b("l1");
  const Received some = CompareSnapshots(request);
  ExpectComplete(some);
  EXPECT_THAT(some.header->row_labels(), ElementsAre("l3", "l1"));
  EXPECT_EQ(some.at(0, 0), all.at(3, 1));
  EXPECT_EQ(some.at(1, 0), all.at(1, 1));
  request.add_layers_b("l9");
  EXPECT_EQ(CompareSnapshots(request).status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(MatrixTest, ADegenerateLayerLeavesTheOtherCellsAlone) {
  Start();
  UploadNetwork("a", 2, 10);
  MustUpload(Activations{80, 4, std::vector<float>(320, 1.0F)}, "zz-dead", 0, "a");
  const Received received = CompareSnapshots(Pair("a", "a", "cka"));
  ExpectComplete(received);
  int degenerate = 0;
  for (size_t k = 0; k < received.statuses.size(); ++k) {
    if (received.statuses[k] == v1::SCORE_STATUS_OK) {
      EXPECT_GT(received.values[k], 0);
      continue;
    }
    EXPECT_EQ(received.statuses[k], v1::SCORE_STATUS_DEGENERATE_CONSTANT);
    EXPECT_EQ(received.values[k], 0);
    ++degenerate;
  }
  EXPECT_EQ(degenerate, 5);
}

TEST_F(MatrixTest, CompareNetworksTakesDepthsAndWidthsAsTheyCome) {
  Start();
  UploadNetwork("a", 2, 10);
  UploadNetwork("b", 5, 20);
  UploadNetwork("c", 1, 30);
  v1::CompareNetworksRequest request;
  for (const std::string network : {"a", "b", "c"}) request.add_snapshots(SnapshotName(0, network));
  request.set_measure("ms-cka-t=4");
  const Received received = CompareNetworks(request);
  ExpectComplete(received);
  EXPECT_THAT(received.header->row_labels(), ElementsAre("a@0", "b@0", "c@0"));
  EXPECT_THAT(received.header->row_feature_counts(), ElementsAre(5, 11, 3));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(received.at(i, i), 1, 100 * std::numeric_limits<float>::epsilon());
    for (int64_t j = 0; j < 3; ++j) {
      EXPECT_EQ(received.at(i, j), received.at(j, i));
      EXPECT_GE(received.at(i, j), 0);
    }
  }
}

TEST_F(MatrixTest, ANetworkOfOneLayerIsThatLayer) {
  Start();
  UploadNetwork("a", 1, 10);
  UploadNetwork("b", 1, 20);
  v1::CompareNetworksRequest request;
  request.add_snapshots(SnapshotName(0, "a"));
  request.add_snapshots(SnapshotName(0, "b"));
  request.set_measure("ms-cka-t=2");
  request.mutable_fusion()->set_order(v1::FUSION_ORDER_PRODUCT);
  const Received networks = CompareNetworks(request);
  ExpectComplete(networks);
  const Received layers = CompareSnapshots(Pair("a", "b", "ms-cka-t=2"));
  ExpectComplete(layers);
  EXPECT_NEAR(networks.at(0, 1), layers.at(0, 0), 1000 * std::numeric_limits<float>::epsilon());
}

TEST_F(MatrixTest, FusionOptionsChangeTheAnswerAndBadOnesAreRefused) {
  Start();
  UploadNetwork("a", 3, 10);
  UploadNetwork("b", 3, 20);
  v1::CompareNetworksRequest request;
  request.add_snapshots(SnapshotName(0, "a"));
  request.add_snapshots(SnapshotName(0, "b"));
  request.set_measure("ms-cka-t=1");
  const Received plain = CompareNetworks(request);
  ExpectComplete(plain);
  for (const v1::FusionOrder order : {v1::FUSION_ORDER_PRODUCT, v1::FUSION_ORDER_REVERSED}) {
    request.mutable_fusion()->set_order(order);
    const Received other = CompareNetworks(request);
    ExpectComplete(other);
    EXPECT_NE(other.at(0, 1), plain.at(0, 1));
  }
  request.mutable_fusion()->set_order(v1::FUSION_ORDER_SYMMETRIZED);
  request.mutable_fusion()->add_layers("l0");
  const Received one_layer = CompareNetworks(request);
  ExpectComplete(one_layer);
  EXPECT_NE(one_layer.at(0, 1), plain.at(0, 1));

  for (const double power : {-1.0, 65.0, std::numeric_limits<double>::quiet_NaN()}) {
    request.mutable_fusion()->set_power(power);
    EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << power;
  }
  request.mutable_fusion()->set_power(64);
  ExpectComplete(CompareNetworks(request));
  request.mutable_fusion()->set_power(1.5);
  request.mutable_fusion()->set_order(v1::FUSION_ORDER_PRODUCT);
  EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_fusion()->set_order(static_cast<v1::FusionOrder>(99));
  EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(MatrixTest, RequestsThatMakeNoSenseAreRefused) {
  ServerOptions options = Options();
  options.max_networks = 2;
  Start(options);
  UploadNetwork("a", 1, 10);
  EXPECT_EQ(CompareSnapshots(Pair("a", "a", "no-measure")).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CompareSnapshots(Pair("a", "nobody", "cka")).status.error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::CompareNetworksRequest request;
  request.set_measure("ms-cka-t=2");
  EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.add_snapshots(SnapshotName(0, "a"));
  request.add_snapshots(SnapshotName(0, "a"));
  ExpectComplete(CompareNetworks(request));
  request.add_snapshots(SnapshotName(0, "a"));
  EXPECT_THAT(CompareNetworks(request).status.error_message(), HasSubstr("must be from 1 to 2"));
  request.mutable_snapshots()->RemoveLast();
  // Angular debiased CKA is for layers.
  request.set_measure("hsic");
  EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(MatrixTest, NetworksThatSawOtherInputsAreRefused) {
  Start();
  UploadNetwork("a", 2, 10);
  MustUpload(RandomActivations(79, 3, 1), "l0", 0, "b");
  EXPECT_EQ(CompareSnapshots(Pair("a", "b", "cka")).status.error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  v1::CompareNetworksRequest request;
  request.add_snapshots(SnapshotName(0, "a"));
  request.add_snapshots(SnapshotName(0, "b"));
  request.set_measure("ms-cka-t=2");
  EXPECT_EQ(CompareNetworks(request).status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(MatrixTest, CancellingAStreamStopsTheComputation) {
  Start();
  for (uint32_t i = 0; i < 4; ++i)
    MustUpload(RandomActivations(60'000, 4, i), absl::StrCat("l", i));
  const auto context = Context();
  v1::CompareSnapshotsRequest request = Pair("net", "net", "distcorr");
  const auto stream = similarity_->CompareSnapshots(context.get(), request);
  v1::CompareSnapshotsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(Eventually([this] { return server_->engine().Stats().running >= 1; }));
  context->TryCancel();
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().running == 0; }));
  EXPECT_LT(server_->engine().Stats().completed, 16);
}

TEST_F(MatrixTest, NoMoreAreComputedThanTheLimit) {
  ServerOptions options = Options();
  options.queue = 0;  // As many as the batch lane has threads.
  Start(options);
  for (uint32_t i = 0; i < 3; ++i)
    MustUpload(RandomActivations(60'000, 4, i), absl::StrCat("l", i));
  const v1::CompareSnapshotsRequest request = Pair("net", "net", "distcorr");
  const auto first_context = Context();
  const auto second_context = Context();
  const auto first = similarity_->CompareSnapshots(first_context.get(), request);
  const auto second = similarity_->CompareSnapshots(second_context.get(), request);
  v1::CompareSnapshotsResponse header;
  ASSERT_TRUE(first->Read(&header) && second->Read(&header));
  ExpectRefused(CompareSnapshots(request).status,
                {grpc::StatusCode::UNAVAILABLE, "QUEUE_FULL", 3, 2, true});
  first_context->TryCancel();
  second_context->TryCancel();
  first->Finish();
  second->Finish();
}

}  // namespace
}  // namespace gramian::testing
