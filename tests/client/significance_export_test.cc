#include "gramian/cli/significance_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;

Assessment Full() {
  Assessment assessment;
  assessment.score = {"cka", 0.75, ScoreStatus::kOk, 50, 100, 120};
  assessment.debiased_score = Score{"cka-hsic=song", -0.0125, ScoreStatus::kOk, 50, 100, 120};
  assessment.has_few_inputs = true;
  assessment.permutation_test = PermutationTest{ScoreStatus::kOk, 0.25, 0.8, 0.7, 0.05, 1.0};
  assessment.bootstrap = BootstrapInterval{ScoreStatus::kOk, 0.6, 0.9, 0.1, 0.125, 200};
  assessment.halves = SplitHalves{ScoreStatus::kOk, 0.85, 0.0625, 50};
  return assessment;
}

AssessmentQuery Query() {
  AssessmentQuery query;
  query.permutation_count = 1000;
  return query;
}

TEST(SignificanceExportTest, EveryPartHasALine) {
  EXPECT_EQ(
      RenderAssessments({Full()}, Query()),
      "cka 0.75\n"
      "    debiased  -0.0125  (cka-hsic=song)\n"
      "permutations  p = 0.25, z = 1, threshold 0.8 at level 0.05; 1000 have mean 0.7, "
      "deviation 0.05\n"
      "   bootstrap  [0.6, 0.9] at confidence 0.95, standard error 0.1, bias 0.125 taken off; "
      "200 samples\n"
      "      halves  mean 0.85, two differ by 0.0625 (root mean square); 50 splits\n");
}

TEST(SignificanceExportTest, WhatIsNotThereIsLeftOut) {
  Assessment bare;
  bare.score = {"cca", 1.0, ScoreStatus::kOk, 10, 20, 20};
  bare.permutation_test = PermutationTest();
  EXPECT_EQ(RenderAssessments({bare}, Query()),
            "cca 1\npermutations  p = 1, threshold 0 at level 0.05; 1000 have mean 0, deviation "
            "0\n");
  bare.score.value.reset();
  bare.score.status = ScoreStatus::kDegenerateConstant;
  bare.permutation_test->status = ScoreStatus::kDegenerateConstant;
  EXPECT_EQ(RenderAssessments({bare}, Query()), "cca constant\npermutations  constant\n");
}

TEST(SignificanceExportTest, CsvHasOneRowPerScore) {
  Assessment bare;
  bare.score = {"a,b", std::nullopt, ScoreStatus::kTooFewInputs, 3, 4, 5};
  EXPECT_EQ(ToCsv({Full(), bare}),
            "measure,value,status,n,d_a,d_b,debiased_measure,debiased,has_few_inputs,p,z,threshold,"
            "permuted_mean,permuted_deviation,lower,upper,standard_error,bias,halves_mean,"
            "halves_difference\n"
            "cka,0.75,ok,50,100,120,cka-hsic=song,-0.0125,true,0.25,1,0.8,0.7,0.05,0.6,0.9,0.1,"
            "0.125,0.85,0.0625\n"
            "\"a,b\",,too few inputs,3,4,5,,,false,,,,,,,,,,,\n");
}

TEST(SignificanceExportTest, JsonHoldsEverything) {
  const auto json = nlohmann::json::parse(ToJson({Full(), Assessment()}));
  EXPECT_EQ(json[0]["value"], 0.75);
  EXPECT_EQ(json[0]["debiased"]["measure"], "cka-hsic=song");
  EXPECT_EQ(json[0]["permutation_test"]["z"], 1.0);
  EXPECT_EQ(json[0]["bootstrap"]["bias"], 0.125);
  EXPECT_EQ(json[0]["halves"]["valid_count"], 50);
  EXPECT_FALSE(json[1].contains("halves"));
  EXPECT_TRUE(json[1]["value"].is_null());
}

}  // namespace
}  // namespace gramian::client::cli
