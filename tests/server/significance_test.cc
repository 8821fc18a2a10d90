// Goal: AssessSimilarity over a real socket says what a score is worth, the same for the same seed,
// and refuses what it must.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 50;

class SignificanceTest : public ServerFixture {
 protected:
  void SetUp() override {
    Start();
    // Unrelated, and wider than there are inputs.
    MustUpload("x", RandomActivations(kRows, 100, 1));
    MustUpload("y", RandomActivations(kRows, 120, 2));
    MustUpload("narrow", RandomActivations(kRows, 5, 3));
    Activations constant = RandomActivations(kRows, 3, 4);
    for (float& value : constant.values) value = 2.5F;
    MustUpload("constant", constant);
  }

  void MustUpload(const std::string& layer, const Activations& x) {
    ASSERT_TRUE(Upload(Header(x, layer), CutRows(x, 16)).status.ok());
  }

  static v1::AssessSimilarityRequest Request(const std::string& a, const std::string& b) {
    v1::AssessSimilarityRequest request;
    request.set_layer_a(LayerName(a));
    request.set_layer_b(LayerName(b));
    request.add_measures("cka");
    request.set_permutation_count(199);
    request.set_resample_count(50);
    request.set_split_count(10);
    request.set_seed(7);
    return request;
  }

  grpc::Status Assess(const v1::AssessSimilarityRequest& request,
                      v1::AssessSimilarityResponse* response) {
    const auto context = Context();
    return similarity_->AssessSimilarity(context.get(), request, response);
  }

  void ExpectRefused(const v1::AssessSimilarityRequest& request, grpc::StatusCode code,
                     const std::string& text) {
    v1::AssessSimilarityResponse response;
    const grpc::Status status = Assess(request, &response);
    EXPECT_EQ(status.error_code(), code);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }
};

TEST_F(SignificanceTest, UnrelatedWideLayersAreNotSignificant) {
  v1::AssessSimilarityResponse response;
  ASSERT_TRUE(Assess(Request("x", "y"), &response).ok());
  ASSERT_EQ(response.assessments_size(), 1);
  const v1::Assessment& assessment = response.assessments(0);
  EXPECT_EQ(assessment.score().measure(), "cka-kernel=linear-hsic=gretton-score");
  EXPECT_GT(assessment.score().value(), 0.6);
  EXPECT_EQ(assessment.debiased_score().measure(), "cka-kernel=linear-hsic=song-score");
  EXPECT_LT(assessment.debiased_score().value(), 0.1);
  EXPECT_TRUE(assessment.has_few_inputs());
  EXPECT_EQ(assessment.permutation_test().status(), v1::SCORE_STATUS_OK);
  EXPECT_GT(assessment.permutation_test().p(), 0.05);
  EXPECT_GT(assessment.permutation_test().threshold(), assessment.score().value());
  EXPECT_TRUE(assessment.permutation_test().has_z());
  EXPECT_EQ(assessment.bootstrap().valid_count(), 50);
  EXPECT_LT(assessment.bootstrap().lower(), assessment.score().value());
  EXPECT_GT(assessment.bootstrap().upper(), assessment.score().value());
  EXPECT_EQ(assessment.halves().valid_count(), 10);
  EXPECT_GT(assessment.halves().difference(), 0);
}

TEST_F(SignificanceTest, TheSameSeedGivesTheSameAnswer) {
  v1::AssessSimilarityResponse first;
  ASSERT_TRUE(Assess(Request("x", "narrow"), &first).ok());
  v1::AssessSimilarityResponse second;
  ASSERT_TRUE(Assess(Request("x", "narrow"), &second).ok());
  v1::AssessSimilarityRequest request = Request("x", "narrow");
  request.set_seed(8);
  v1::AssessSimilarityResponse other;
  ASSERT_TRUE(Assess(request, &other).ok());
  const auto text = [](const v1::AssessSimilarityResponse& response) {
    return response.assessments(0).permutation_test().SerializeAsString() +
           response.assessments(0).bootstrap().SerializeAsString() +
           response.assessments(0).halves().SerializeAsString();
  };
  EXPECT_EQ(text(first), text(second));
  EXPECT_NE(text(first), text(other));
}

TEST_F(SignificanceTest, OnlyWhatIsAskedForComes) {
  v1::AssessSimilarityRequest request = Request("x", "narrow");
  request.add_measures("procrustes");
  request.set_permutation_count(0);
  request.set_split_count(0);
  v1::AssessSimilarityResponse response;
  ASSERT_TRUE(Assess(request, &response).ok());
  ASSERT_EQ(response.assessments_size(), 2);
  EXPECT_FALSE(response.assessments(0).has_permutation_test());
  EXPECT_TRUE(response.assessments(0).has_bootstrap());
  EXPECT_FALSE(response.assessments(0).has_halves());
  EXPECT_TRUE(response.assessments(0).has_debiased_score());
  EXPECT_FALSE(response.assessments(1).has_debiased_score());
}

TEST_F(SignificanceTest, APairWithoutScoreSaysWhy) {
  v1::AssessSimilarityResponse response;
  ASSERT_TRUE(Assess(Request("x", "constant"), &response).ok());
  const v1::Assessment& assessment = response.assessments(0);
  EXPECT_FALSE(assessment.score().has_value());
  EXPECT_EQ(assessment.permutation_test().status(), v1::SCORE_STATUS_DEGENERATE_CONSTANT);
  EXPECT_EQ(assessment.bootstrap().status(), v1::SCORE_STATUS_DEGENERATE_CONSTANT);
  EXPECT_EQ(assessment.halves().status(), v1::SCORE_STATUS_DEGENERATE_CONSTANT);
}

TEST_F(SignificanceTest, ItRefusesWhatIsOutOfRange) {
  v1::AssessSimilarityRequest request = Request("x", "y");
  request.set_permutation_count(100'001);
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT,
                "permutations is 100001, must be from 0 to 100000");
  request = Request("x", "y");
  request.set_permutation_count(18);
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT, "needs at least 19");
  request = Request("x", "y");
  request.set_confidence(1);
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT, "confidence is 1");
  request = Request("x", "y");
  request.clear_measures();
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT, "0 measures");
  request = Request("x", "y");
  request.set_measures(0, "nonsense");
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT, "nonsense");
  ExpectRefused(Request("x", "absent"), grpc::StatusCode::NOT_FOUND, "absent");
}

}  // namespace
}  // namespace gramian::testing
