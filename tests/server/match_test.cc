// Goal: MatchLayers, SearchNetworks and EmbedNetworks over a real socket say what the scores say,
// and refuse what they must.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 60;

class MatchTest : public ServerFixture {
 protected:
  void SetUp() override {
    Start();
    // "copy" has the layers of "net", in the opposite order.
    for (const char* network : {"net", "copy", "other"}) {
      for (int i = 0; i < 3; ++i) {
        const std::string name = network;
        const auto seed = static_cast<uint32_t>(name == "other" ? 50 + i : i);
        const int width = name == "other" ? 4 : 5;
        const Activations x = RandomActivations(kRows, width, seed);
        v1::UploadHeader header = Header(x, absl::StrCat("l", i), 0, network);
        header.set_ordinal(name == "copy" ? 2 - i : i);
        ASSERT_TRUE(Upload(header, CutRows(x, 16)).status.ok());
      }
    }
  }

  grpc::Status Match(const v1::MatchLayersRequest& request, v1::MatchLayersResponse* response) {
    const auto context = Context();
    return similarity_->MatchLayers(context.get(), request, response);
  }
  grpc::Status Search(const v1::SearchNetworksRequest& request,
                      v1::SearchNetworksResponse* response) {
    const auto context = Context();
    return similarity_->SearchNetworks(context.get(), request, response);
  }
  grpc::Status Embed(const v1::EmbedNetworksRequest& request, v1::EmbedNetworksResponse* response) {
    const auto context = Context();
    return similarity_->EmbedNetworks(context.get(), request, response);
  }

  static v1::MatchLayersRequest MatchRequest() {
    v1::MatchLayersRequest request;
    request.set_snapshot_a(SnapshotName(0, "net"));
    request.set_snapshot_b(SnapshotName(0, "copy"));
    return request;
  }
};

TEST_F(MatchTest, CounterpartsAreNamedAndJudged) {
  v1::MatchLayersRequest request = MatchRequest();
  for (const v1::MatchMethod method :
       {v1::MATCH_METHOD_UNSPECIFIED, v1::MATCH_METHOD_ARGMAX, v1::MATCH_METHOD_HUNGARIAN}) {
    request.set_method(method);
    request.set_truth(v1::MATCH_TRUTH_SAME_NAME);
    v1::MatchLayersResponse response;
    ASSERT_TRUE(Match(request, &response).ok());
    EXPECT_EQ(response.measure(), "cka-kernel=linear-hsic=gretton-score");
    EXPECT_TRUE(response.larger_is_more_similar());
    EXPECT_EQ(response.input_count(), kRows);
    ASSERT_EQ(response.matches_size(), 3);
    for (int i = 0; i < 3; ++i) {
      const v1::LayerMatch& match = response.matches(i);
      EXPECT_EQ(match.label_a(), absl::StrCat("l", i));
      EXPECT_EQ(match.layer_a(), LayerName(match.label_a(), 0, "net"));
      EXPECT_EQ(match.label_b(), match.label_a());
      EXPECT_EQ(match.layer_b(), LayerName(match.label_b(), 0, "copy"));
      EXPECT_EQ(match.expected_label_b(), match.label_a());
      EXPECT_EQ(match.value(), 1);
    }
    EXPECT_EQ(response.accuracy(), 1);
  }
  // Backwards no order is kept: only one layer can be right.
  request.set_method(v1::MATCH_METHOD_MONOTONE);
  request.set_truth(v1::MATCH_TRUTH_SAME_ORDER);
  v1::MatchLayersResponse response;
  ASSERT_TRUE(Match(request, &response).ok());
  EXPECT_EQ(response.known_count(), 3);
  request.clear_truth();
  ASSERT_TRUE(Match(request, &response).ok());
  EXPECT_FALSE(response.has_accuracy());
  EXPECT_EQ(response.cached_count(), 9);
}

TEST_F(MatchTest, TheNearestNetworkIsTheCopy) {
  v1::SearchNetworksRequest request;
  request.set_snapshot(SnapshotName(0, "net"));
  request.set_rule(v1::NETWORK_RULE_MATCHED);
  v1::SearchNetworksResponse response;
  ASSERT_TRUE(Search(request, &response).ok());
  ASSERT_EQ(response.networks_size(), 2);
  EXPECT_EQ(response.candidate_count(), 2);
  EXPECT_EQ(response.networks(0).label(), "copy@0");
  EXPECT_EQ(response.networks(0).snapshot(), SnapshotName(0, "copy"));
  EXPECT_EQ(response.networks(0).value(), 1);
  EXPECT_LT(response.networks(1).value(), 1);
  request.set_count(1);
  ASSERT_TRUE(Search(request, &response).ok());
  EXPECT_EQ(response.networks_size(), 1);
  request.add_candidates(SnapshotName(0, "other"));
  ASSERT_TRUE(Search(request, &response).ok());
  EXPECT_EQ(response.networks(0).label(), "other@0");
}

TEST_F(MatchTest, NetworksAreShownTogether) {
  v1::EmbedNetworksRequest request;
  for (const char* network : {"other", "net", "copy"}) {
    request.add_snapshots(SnapshotName(0, network));
  }
  request.set_rule(v1::NETWORK_RULE_BEST);
  request.set_linkage(v1::LINKAGE_METHOD_COMPLETE);
  v1::EmbedNetworksResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_EQ(response.status(), v1::SCORE_STATUS_OK);
  ASSERT_EQ(response.networks_size(), 3);
  for (const v1::EmbeddedNetwork& network : response.networks()) {
    EXPECT_TRUE(network.is_placed());
    EXPECT_EQ(network.coordinates_size(), 2);
    EXPECT_EQ(network.distances_size(), 3);
  }
  ASSERT_EQ(response.merges_size(), 2);
  EXPECT_EQ(response.merges(0).first(), 1);
  EXPECT_EQ(response.merges(0).second(), 2);
  EXPECT_EQ(response.merges(0).height(), 0);
  EXPECT_EQ(response.merges(1).size(), 3);
  ASSERT_EQ(response.leaf_order_size(), 3);
  EXPECT_EQ(response.leaf_order(0), 0);
}

TEST_F(MatchTest, TheyRefuseWhatIsOutOfRange) {
  v1::MatchLayersResponse match;
  v1::MatchLayersRequest match_request = MatchRequest();
  match_request.add_layers_b("l1");
  match_request.set_truth(v1::MATCH_TRUTH_SAME_ORDER);
  EXPECT_THAT(Match(match_request, &match).error_message(), HasSubstr("the other 1"));
  match_request = MatchRequest();
  match_request.set_snapshot_b(SnapshotName(3, "absent"));
  EXPECT_EQ(Match(match_request, &match).error_code(), grpc::StatusCode::NOT_FOUND);
  match_request = MatchRequest();
  match_request.set_method(static_cast<v1::MatchMethod>(9));
  EXPECT_THAT(Match(match_request, &match).error_message(), HasSubstr("match method 9"));

  v1::SearchNetworksResponse search;
  v1::SearchNetworksRequest search_request;
  search_request.set_snapshot(SnapshotName(0, "net"));
  search_request.set_measure("procrustes");
  EXPECT_EQ(Search(search_request, &search).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  search_request.set_measure("cka");
  search_request.set_count(-1);
  EXPECT_THAT(Search(search_request, &search).error_message(), HasSubstr("count is -1"));
  search_request.set_count(1000);
  EXPECT_TRUE(Search(search_request, &search).ok());
  search_request.set_count(1001);
  EXPECT_THAT(Search(search_request, &search).error_message(), HasSubstr("to 1000"));

  v1::EmbedNetworksResponse embed;
  v1::EmbedNetworksRequest embed_request;
  EXPECT_THAT(Embed(embed_request, &embed).error_message(), HasSubstr("snapshots is 0"));
  embed_request.add_snapshots(SnapshotName(0, "net"));
  embed_request.set_dimension_count(64);
  EXPECT_TRUE(Embed(embed_request, &embed).ok());
  embed_request.set_dimension_count(65);
  EXPECT_THAT(Embed(embed_request, &embed).error_message(), HasSubstr("dimension_count is 65"));
}

}  // namespace
}  // namespace gramian::testing
