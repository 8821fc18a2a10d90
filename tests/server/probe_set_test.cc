#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProbeSetTest : public ServerFixture {
 protected:
  static v1::CreateProbeSetRequest Request(const std::vector<std::string>& ids,
                                           const std::string& id = "probe") {
    v1::CreateProbeSetRequest request;
    request.set_parent("projects/default");
    request.set_probe_set_id(id);
    request.mutable_input_ids()->Add(ids.begin(), ids.end());
    return request;
  }

  static v1::CreateProbeSetRequest CountOnly(int64_t count, const std::string& digest = "",
                                             const std::string& id = "probe") {
    v1::CreateProbeSetRequest request = Request({}, id);
    request.set_input_count(count);
    request.set_input_ids_digest(digest);
    return request;
  }

  grpc::Status Create(const v1::CreateProbeSetRequest& request, v1::ProbeSet* probe_set = nullptr) {
    v1::CreateProbeSetResponse response;
    const grpc::Status status = activations_->CreateProbeSet(Context().get(), request, &response);
    if (probe_set != nullptr) *probe_set = response.probe_set();
    return status;
  }

  grpc::Status Get(const std::string& id, v1::ProbeSet* probe_set) {
    v1::GetProbeSetRequest request;
    request.set_name(absl::StrCat("projects/default/probeSets/", id));
    v1::GetProbeSetResponse response;
    const grpc::Status status = activations_->GetProbeSet(Context().get(), request, &response);
    *probe_set = response.probe_set();
    return status;
  }

  grpc::Status Delete(const std::string& id) {
    v1::DeleteProbeSetRequest request;
    request.set_name(absl::StrCat("projects/default/probeSets/", id));
    v1::DeleteProbeSetResponse response;
    return activations_->DeleteProbeSet(Context().get(), request, &response);
  }

  // Uploads x_, three inputs, with what `change` says of them.
  grpc::Status UploadWith(const std::string& layer,
                          const std::function<void(v1::UploadHeader&)>& change) {
    v1::UploadHeader header = Header(x_, layer);
    change(header);
    return Upload(header, CutRows(x_, 3)).status;
  }

  static void AddIds(v1::UploadHeader& header, const std::vector<std::string>& ids) {
    header.mutable_input_ids()->Add(ids.begin(), ids.end());
  }

  const Activations x_ = RandomActivations(3, 2, 1);
};

TEST_F(ProbeSetTest, AProbeSetIsKeptWithTheOrderOfItsInputs) {
  Start();
  v1::ProbeSet created;
  ASSERT_TRUE(Create(Request({"cat", "dog", "cow"}, "a/b"), &created).ok());
  EXPECT_EQ(created.name(), "projects/default/probeSets/a%2Fb");
  EXPECT_EQ(created.display_name(), "a/b");
  EXPECT_EQ(created.input_count(), 3);
  EXPECT_EQ(created.input_ids_digest().size(), 32u);
  EXPECT_THAT(created.input_ids(), IsEmpty());
  EXPECT_GT(created.create_time().seconds(), 0);
  v1::ProbeSet probe_set;
  ASSERT_TRUE(Get("a%2Fb", &probe_set).ok());
  EXPECT_THAT(probe_set.input_ids(), ElementsAre("cat", "dog", "cow"));
  EXPECT_EQ(probe_set.input_ids_digest(), created.input_ids_digest());
  EXPECT_EQ(Get("other", &probe_set).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ProbeSetTest, TheSameAgainIsFineAndAnotherIsRefusedByItsFirstDifference) {
  Start();
  v1::ProbeSet first;
  ASSERT_TRUE(Create(Request({"cat", "dog", "cow"}), &first).ok());
  v1::ProbeSet again;
  ASSERT_TRUE(Create(Request({"cat", "dog", "cow"}), &again).ok());
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  grpc::Status status = Create(Request({"cat", "cow", "dog"}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(status.error_message(), HasSubstr("dog"));
  EXPECT_THAT(status.error_message(), HasSubstr("cow"));
  EXPECT_EQ(Create(Request({"cat", "dog"})).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Create(CountOnly(4)).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(ProbeSetTest, WrongDescriptionsAreRefused) {
  ServerOptions options = Options();
  options.max_rows = 5;
  Start(options);
  struct Case {
    const char* what;
    std::function<void(v1::CreateProbeSetRequest&)> change;
    grpc::StatusCode code;
    const char* message;
  };
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  using R = v1::CreateProbeSetRequest;
  for (const Case& c : std::vector<Case>{
           {"no parent", [](R& r) { r.clear_parent(); }, invalid, "projects/{project}"},
           {"no id", [](R& r) { r.clear_probe_set_id(); }, invalid, "probe_set_id"},
           {"control character", [](R& r) { r.set_probe_set_id("a\nb"); }, invalid, "control"},
           {"long id", [](R& r) { r.set_probe_set_id(std::string(256, 'a')); }, invalid, "256"},
           {"nothing", [](R& r) { r.clear_input_ids(); }, invalid, "input_count is 0"},
           {"negative", [](R& r) { r.set_input_count(-1); }, invalid, "input_count is -1"},
           {"other count", [](R& r) { r.set_input_count(3); }, invalid, "2 input_ids"},
           {"repeated", [](R& r) { r.add_input_ids("a"); }, invalid, "input_ids[2] 'a'"},
           {"empty input", [](R& r) { r.add_input_ids(""); }, invalid, "input_ids[2]"},
           {"no digest", [](R& r) { r.set_input_ids_digest("abc"); }, invalid, "hexadecimal"},
           {"other digest", [](R& r) { r.set_input_ids_digest(std::string(32, '0')); }, invalid,
            "digest"},
           {"too many",
            [](R& r) {
              r.clear_input_ids();
              r.set_input_count(6);
            },
            grpc::StatusCode::RESOURCE_EXHAUSTED, "limit of 5"}}) {
    v1::CreateProbeSetRequest request = Request({"a", "b"});
    c.change(request);
    const grpc::Status status = Create(request);
    EXPECT_EQ(status.error_code(), c.code) << c.what;
    EXPECT_THAT(status.error_message(), HasSubstr(c.message)) << c.what;
  }
  EXPECT_TRUE(Create(Request({"a", "b"})).ok());
}

TEST_F(ProbeSetTest, WhatCouldNotBeReadBackInOneMessageIsRefused) {
  ServerOptions options = Options();
  options.chunk_bytes = 1000;
  options.message_bytes = 1064;
  Start(options);
  v1::CreateProbeSetRequest request = Request({});
  while (request.ByteSizeLong() < 1050)
    request.add_input_ids(absl::StrCat("input", 1000 + request.input_ids_size()));
  ASSERT_LE(request.ByteSizeLong(), 1064u);
  const grpc::Status status = Create(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(status), "LIMIT_EXCEEDED") << status.error_message();
  request.mutable_input_ids()->DeleteSubrange(request.input_ids_size() / 2,
                                              request.input_ids_size() / 2);
  EXPECT_TRUE(Create(request).ok());
  v1::ProbeSet probe_set;
  EXPECT_TRUE(Get("probe", &probe_set).ok());
}

TEST_F(ProbeSetTest, LayersMustFitTheProbeSetTheyName) {
  Start();
  v1::ProbeSet probe_set;
  ASSERT_TRUE(Create(Request({"cat", "dog", "cow"}), &probe_set).ok());
  EXPECT_TRUE(UploadWith("unsaid", [](v1::UploadHeader&) {}).ok());
  EXPECT_TRUE(UploadWith("by_digest", [&](v1::UploadHeader& header) {
                header.set_input_ids_digest(probe_set.input_ids_digest());
              }).ok());
  EXPECT_TRUE(UploadWith("by_ids", [](v1::UploadHeader& header) {
                AddIds(header, {"cat", "dog", "cow"});
              }).ok());

  const Activations long_one = RandomActivations(4, 2, 1);
  grpc::Status status = Upload(Header(long_one, "long"), CutRows(long_one, 4)).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(status), "INPUTS_DIFFER");
  EXPECT_THAT(status.error_message(), HasSubstr("4"));
  EXPECT_THAT(status.error_message(), HasSubstr("3"));

  status = UploadWith("other_order", [](v1::UploadHeader& header) {
    AddIds(header, {"cat", "cow", "dog"});
  });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(status), "INPUTS_DIFFER");
  // The first difference, not the second.
  EXPECT_THAT(status.error_message(), HasSubstr("'cow'"));
  EXPECT_THAT(status.error_message(), HasSubstr("'dog'"));
  EXPECT_THAT(status.error_message(), HasSubstr("1"));

  status = UploadWith("other_digest", [](v1::UploadHeader& header) {
    header.set_input_ids_digest(std::string(32, '0'));
  });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr(probe_set.input_ids_digest()));
}

TEST_F(ProbeSetTest, ADigestIsEnoughToTellAnotherOrder) {
  Start();
  v1::ProbeSet known;
  ASSERT_TRUE(Create(Request({"cat", "dog", "cow"}, "known"), &known).ok());
  ASSERT_TRUE(Create(CountOnly(3, known.input_ids_digest())).ok());
  EXPECT_TRUE(UploadWith("same", [](v1::UploadHeader& header) {
                AddIds(header, {"cat", "dog", "cow"});
              }).ok());
  const grpc::Status status = UploadWith("other", [](v1::UploadHeader& header) {
    AddIds(header, {"dog", "cat", "cow"});
  });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr(known.input_ids_digest()));
}

TEST_F(ProbeSetTest, IdsInAHeaderMustBeThoseOfItsRows) {
  Start();
  EXPECT_EQ(UploadWith("few",
                       [](v1::UploadHeader& h) {
                         AddIds(h, {"a", "b"});
                       })
                .error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(UploadWith("twice",
                       [](v1::UploadHeader& h) {
                         AddIds(h, {"a", "b", "a"});
                       })
                .error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(
      UploadWith("digest", [](v1::UploadHeader& h) { h.set_input_ids_digest("x"); }).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ProbeSetTest, AProbeSetThatLayersContradictIsRefused) {
  Start();
  MustUpload(x_, "layer");
  const grpc::Status status = Create(CountOnly(4));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(status.error_message(), HasSubstr("layer"));
  EXPECT_TRUE(Create(CountOnly(3)).ok());
}

TEST_F(ProbeSetTest, AnotherOrderIsToldWithoutAProbeSetToo) {
  Start();
  ASSERT_TRUE(UploadWith("one", [](v1::UploadHeader& header) {
                AddIds(header, {"cat", "dog", "cow"});
              }).ok());
  ASSERT_TRUE(UploadWith("two", [](v1::UploadHeader& header) {
                AddIds(header, {"cat", "cow", "dog"});
              }).ok());
  v1::CompareLayersRequest request;
  request.set_layer_a(LayerName("one"));
  request.set_layer_b(LayerName("two"));
  request.add_measures("cka");
  v1::CompareLayersResponse response;
  const grpc::Status status = similarity_->CompareLayers(Context().get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(status), "INPUTS_DIFFER");
  const grpc::Status created = Create(Request({"cat", "dog", "cow"}));
  EXPECT_EQ(created.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(created.error_message(), HasSubstr("layer 'two'"));
}

TEST_F(ProbeSetTest, AProbeSetGoesOnlyWhenNothingNamesIt) {
  Start();
  ASSERT_TRUE(Create(CountOnly(3)).ok());
  MustUpload(x_, "layer");
  const grpc::Status status = Delete("probe");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(status), "PROBE_SET_IN_USE");
  EXPECT_THAT(status.error_message(), HasSubstr("layer"));
  v1::DeleteNetworkRequest request;
  request.set_name("projects/default/networks/net");
  v1::DeleteNetworkResponse response;
  ASSERT_TRUE(activations_->DeleteNetwork(Context().get(), request, &response).ok());
  EXPECT_TRUE(Delete("probe").ok());
  EXPECT_EQ(Delete("probe").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Delete("").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ProbeSetTest, AListIsReadPageByPage) {
  Start();
  for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(Create(Request({"x", "y"}, id)).ok());
  v1::ListProbeSetsRequest request;
  request.set_parent("projects/default");
  request.set_page_size(2);
  v1::ListProbeSetsResponse page;
  ASSERT_TRUE(activations_->ListProbeSets(Context().get(), request, &page).ok());
  ASSERT_EQ(page.probe_sets_size(), 2);
  EXPECT_EQ(page.probe_sets(0).display_name(), "a");
  EXPECT_THAT(page.probe_sets(0).input_ids(), IsEmpty());
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(activations_->ListProbeSets(Context().get(), request, &page).ok());
  ASSERT_EQ(page.probe_sets_size(), 1);
  EXPECT_EQ(page.probe_sets(0).display_name(), "c");
  EXPECT_EQ(page.next_page_token(), "");
  // A token of another list of the same parent.
  v1::ListNetworksRequest networks;
  networks.set_parent("projects/default");
  networks.set_page_token(request.page_token());
  v1::ListNetworksResponse network_page;
  EXPECT_EQ(activations_->ListNetworks(Context().get(), networks, &network_page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gramian::testing
