#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ActivationServiceTest : public ServerFixture {
 protected:
  // Layers of one row; ordinal as given.
  void Add(const std::string& network, int64_t step, const std::string& layer,
           int64_t ordinal = 0) {
    const Activations x = RandomActivations(3, 2, 1);
    v1::UploadHeader header = Header(x, layer, step, network);
    header.set_ordinal(ordinal);
    ASSERT_TRUE(Upload(header, CutRows(x, 3)).status.ok());
  }

  grpc::Status Get(const std::string& name, v1::Layer* layer) {
    v1::GetLayerRequest request;
    request.set_name(name);
    v1::GetLayerResponse response;
    const grpc::Status status = activations_->GetLayer(Context().get(), request, &response);
    *layer = response.layer();
    return status;
  }

  grpc::Status Delete(const std::string& name, v1::DeleteSnapshotResponse* response) {
    v1::DeleteSnapshotRequest request;
    request.set_name(name);
    return activations_->DeleteSnapshot(Context().get(), request, response);
  }
};

TEST_F(ActivationServiceTest, GetLayerReturnsWhatWasCommitted) {
  Start();
  const v1::Layer committed = MustUpload(RandomActivations(10, 3, 1), "layer");
  v1::Layer layer;
  ASSERT_TRUE(Get(committed.name(), &layer).ok());
  EXPECT_EQ(layer.SerializeAsString(), committed.SerializeAsString());
}

TEST_F(ActivationServiceTest, GetLayerNamesThePartThatIsMissing) {
  Start();
  Add("net", 1, "a");
  v1::Layer layer;
  for (const std::string& name :
       {LayerName("a", 1, "nobody"), LayerName("a", 2), LayerName("b", 1), LayerName("a", 0),
        std::string("projects/default/networks/nobody/snapshots/last/layers/a")}) {
    EXPECT_EQ(Get(name, &layer).error_code(), grpc::StatusCode::NOT_FOUND) << name;
  }
  EXPECT_THAT(Get(LayerName("a", 1, "nobody"), &layer).error_message(), HasSubstr("nobody"));
  EXPECT_EQ(Get("layers/a", &layer).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ActivationServiceTest, LastIsTheGreatestStepWhateverCameLast) {
  Start();
  Add("net", 20, "a");
  Add("net", 3, "a");
  v1::Layer layer;
  ASSERT_TRUE(Get("projects/default/networks/net/snapshots/last/layers/a", &layer).ok());
  EXPECT_EQ(layer.name(), LayerName("a", 20));
}

TEST_F(ActivationServiceTest, ListLayersGoesByOrdinalThenName) {
  Start();
  Add("net", 0, "z", 0);
  Add("net", 0, "b", 10);
  Add("net", 0, "a", 10);
  Add("net", 0, "m", 9);
  v1::ListLayersRequest request;
  request.set_parent(SnapshotName());
  request.set_page_size(3);
  std::vector<std::string> names;
  v1::ListLayersResponse response;
  do {
    request.set_page_token(response.next_page_token());
    response.Clear();
    ASSERT_TRUE(activations_->ListLayers(Context().get(), request, &response).ok());
    for (const v1::Layer& layer : response.layers()) names.push_back(layer.module_path());
  } while (!response.next_page_token().empty());
  EXPECT_THAT(names, ElementsAre("z", "m", "a", "b"));
}

TEST_F(ActivationServiceTest, ListNetworksAndSnapshotsAreSortedAndCounted) {
  Start();
  Add("beta", 100, "a");
  Add("beta", 9, "a");
  Add("beta", 9, "b");
  Add("alpha", 0, "a");
  v1::ListNetworksRequest networks_request;
  networks_request.set_parent("projects/default");
  v1::ListNetworksResponse networks;
  ASSERT_TRUE(activations_->ListNetworks(Context().get(), networks_request, &networks).ok());
  ASSERT_EQ(networks.networks_size(), 2);
  EXPECT_EQ(networks.networks(0).display_name(), "alpha");
  EXPECT_EQ(networks.networks(1).name(), "projects/default/networks/beta");
  EXPECT_EQ(networks.networks(1).snapshot_count(), 2);
  EXPECT_EQ(networks.networks(1).last_step(), 100);

  v1::ListSnapshotsRequest snapshots_request;
  snapshots_request.set_parent("projects/default/networks/beta");
  v1::ListSnapshotsResponse snapshots;
  ASSERT_TRUE(activations_->ListSnapshots(Context().get(), snapshots_request, &snapshots).ok());
  ASSERT_EQ(snapshots.snapshots_size(), 2);
  EXPECT_EQ(snapshots.snapshots(0).name(), SnapshotName(9, "beta"));
  EXPECT_EQ(snapshots.snapshots(0).layer_count(), 2);
  EXPECT_EQ(snapshots.snapshots(0).size_bytes(), 2 * 3 * 2 * 4);
  EXPECT_EQ(snapshots.snapshots(1).step(), 100);
}

TEST_F(ActivationServiceTest, ProjectsDoNotSeeEachOther) {
  Start();
  Add("net", 0, "a");
  v1::ListNetworksRequest request;
  request.set_parent("projects/other");
  v1::ListNetworksResponse response;
  ASSERT_TRUE(activations_->ListNetworks(Context().get(), request, &response).ok());
  EXPECT_EQ(response.networks_size(), 0);
}

TEST_F(ActivationServiceTest, ListsRefuseBadParentsSizesAndTokens) {
  Start();
  Add("net", 0, "a");
  v1::ListLayersRequest layers;
  v1::ListLayersResponse layers_response;
  layers.set_parent("projects/default");
  EXPECT_EQ(activations_->ListLayers(Context().get(), layers, &layers_response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  layers.set_parent(SnapshotName(7));
  EXPECT_EQ(activations_->ListLayers(Context().get(), layers, &layers_response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  layers.set_parent(SnapshotName());
  layers.set_page_size(-1);
  EXPECT_EQ(activations_->ListLayers(Context().get(), layers, &layers_response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  layers.set_page_size(0);
  layers.set_page_token("made up");
  EXPECT_EQ(activations_->ListLayers(Context().get(), layers, &layers_response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  v1::ListSnapshotsRequest snapshots;
  v1::ListSnapshotsResponse snapshots_response;
  snapshots.set_parent("projects/default/networks/nobody");
  EXPECT_EQ(
      activations_->ListSnapshots(Context().get(), snapshots, &snapshots_response).error_code(),
      grpc::StatusCode::NOT_FOUND);
}

TEST_F(ActivationServiceTest, PagesAreNeverLargerThanTheLimit) {
  ServerOptions options = Options();
  options.page_size = 2;
  Start(options);
  for (const std::string layer : {"a", "b", "c"}) Add("net", 0, layer);
  v1::ListLayersRequest request;
  request.set_parent(SnapshotName());
  for (const int32_t size : {0, 2, 3}) {
    request.set_page_size(size);
    v1::ListLayersResponse response;
    ASSERT_TRUE(activations_->ListLayers(Context().get(), request, &response).ok());
    EXPECT_EQ(response.layers_size(), 2) << size;
    EXPECT_FALSE(response.next_page_token().empty());
  }
}

TEST_F(ActivationServiceTest, DeleteSnapshotRemovesAllItsLayers) {
  Start();
  Add("net", 0, "a");
  Add("net", 0, "b");
  Add("net", 1, "a");
  v1::DeleteSnapshotResponse response;
  ASSERT_TRUE(Delete(SnapshotName(0), &response).ok());
  EXPECT_EQ(response.layer_count(), 2);
  EXPECT_EQ(response.size_bytes(), 2 * 3 * 2 * 4);
  v1::Layer layer;
  EXPECT_EQ(Get(LayerName("a", 0), &layer).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Get(LayerName("a", 1), &layer).ok());
  EXPECT_EQ(Delete(SnapshotName(0), &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ActivationServiceTest, DeleteSnapshotRefusesTheAliasLast) {
  Start();
  Add("net", 0, "a");
  v1::DeleteSnapshotResponse response;
  EXPECT_EQ(Delete("projects/default/networks/net/snapshots/last", &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::Layer layer;
  EXPECT_TRUE(Get(LayerName("a"), &layer).ok());
}

TEST_F(ActivationServiceTest, DeletingANetworkTakesAllOfItAndNothingElse) {
  Start();
  for (const int64_t step : {1, 2}) Add("net", step, "a");
  Add("net", 2, "b");
  Add("other", 1, "a");
  v1::DeleteNetworkRequest request;
  request.set_name("projects/default/networks/net");
  v1::DeleteNetworkResponse response;
  ASSERT_TRUE(activations_->DeleteNetwork(Context().get(), request, &response).ok());
  EXPECT_EQ(response.snapshot_count(), 2);
  EXPECT_EQ(response.layer_count(), 3);
  EXPECT_EQ(response.size_bytes(), 3 * 3 * 2 * 4);
  EXPECT_EQ(activations_->DeleteNetwork(Context().get(), request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::Layer layer;
  EXPECT_EQ(Get(LayerName("a", 1), &layer).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Get(LayerName("a", 1, "other"), &layer).ok());
  request.set_name("projects/default");
  EXPECT_EQ(activations_->DeleteNetwork(Context().get(), request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ActivationServiceTest, ASnapshotIsPinnedUntilItIsUnpinned) {
  Start();
  Add("net", 1, "a");
  Add("net", 2, "a");
  v1::PinSnapshotRequest request;
  v1::PinSnapshotResponse response;
  const auto is_pinned = [this] {
    v1::ListSnapshotsRequest list;
    list.set_parent("projects/default/networks/net");
    v1::ListSnapshotsResponse snapshots;
    EXPECT_TRUE(activations_->ListSnapshots(Context().get(), list, &snapshots).ok());
    EXPECT_EQ(snapshots.snapshots_size(), 2);
    EXPECT_FALSE(snapshots.snapshots(0).pinned());
    return snapshots.snapshots(1).pinned();
  };
  for (const bool pinned : {true, true, false}) {
    request.set_name("projects/default/networks/net/snapshots/last");
    request.set_pinned(pinned);
    ASSERT_TRUE(activations_->PinSnapshot(Context().get(), request, &response).ok());
    EXPECT_EQ(response.snapshot().name(), SnapshotName(2));
    EXPECT_EQ(response.snapshot().pinned(), pinned);
    EXPECT_EQ(response.snapshot().layer_count(), 1);
    EXPECT_EQ(is_pinned(), pinned);
  }
  request.set_name(SnapshotName(3));
  EXPECT_EQ(activations_->PinSnapshot(Context().get(), request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ActivationServiceTest, WhatIsMissingIsSaidInTheOrderAsked) {
  Start();
  const Activations x = RandomActivations(3, 2, 1);
  const std::string digest = MustUpload(x, "same").digest();
  MustUpload(x, "other_content");
  v1::FindMissingLayersRequest request;
  request.set_parent(SnapshotName());
  const auto ask = [&request](const std::string& path, const std::string& wanted) {
    v1::FindMissingLayersRequest::Candidate* candidate = request.add_layers();
    candidate->set_module_path(path);
    candidate->set_digest(wanted);
  };
  ask("unknown", digest);
  ask("same", digest);
  ask("other_content", std::string(32, '0'));
  v1::FindMissingLayersResponse response;
  ASSERT_TRUE(activations_->FindMissingLayers(Context().get(), request, &response).ok());
  EXPECT_THAT(response.module_paths(), ElementsAre("unknown", "other_content"));
  // A snapshot that is not there yet lacks everything.
  request.set_parent(SnapshotName(7, "new"));
  ASSERT_TRUE(activations_->FindMissingLayers(Context().get(), request, &response).ok());
  EXPECT_THAT(response.module_paths(), ElementsAre("unknown", "same", "other_content"));
}

TEST_F(ActivationServiceTest, WrongQuestionsForMissingLayersAreRefused) {
  ServerOptions options = Options();
  options.max_layers = 2;
  Start(options);
  const std::string digest(32, 'a');
  using Candidates = std::vector<std::pair<std::string, std::string>>;
  const auto ask = [this](const std::string& parent, const Candidates& candidates) {
    v1::FindMissingLayersRequest request;
    request.set_parent(parent);
    for (const auto& [path, wanted] : candidates) {
      v1::FindMissingLayersRequest::Candidate* candidate = request.add_layers();
      candidate->set_module_path(path);
      candidate->set_digest(wanted);
    }
    v1::FindMissingLayersResponse response;
    return activations_->FindMissingLayers(Context().get(), request, &response).error_code();
  };
  EXPECT_EQ(ask(SnapshotName(), {{"a", digest}, {"b", digest}}), grpc::StatusCode::OK);
  for (const Candidates& wrong :
       std::vector<Candidates>{{{"a", digest}, {"b", digest}, {"c", digest}},
                               {{"a", digest}, {"a", digest}},
                               {{"", digest}},
                               {{"a", ""}},
                               {{"a", std::string(32, 'G')}}}) {
    EXPECT_EQ(ask(SnapshotName(), wrong), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(ask("projects/default/networks/net/snapshots/last", {{"a", digest}}),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gramian::testing
