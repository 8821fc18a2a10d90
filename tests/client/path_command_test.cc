// The command `path` against a real gramiand: the digits networks of the golden records, from the
// images through the layers to one-hot labels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class PathCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    Push("data", {"input", "onehot"});
    for (const std::string network : {"net0", "net1"}) {
      std::vector<std::string> layers;
      for (int i = 1; i <= 4; ++i) layers.push_back(absl::StrCat(network, "_layer", i));
      Push(network, layers);
    }
  }

  void Push(const std::string& network, const std::vector<std::string>& layers) {
    std::vector<std::string> arguments = {"push", "--network", network};
    for (const std::string& layer : layers) {
      arguments.push_back(absl::StrCat(GOLDEN, "/digits/", layer, ".npy"));
    }
    const Result result = Gramian(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }
};

constexpr const char* kInput = "data@0/input";
constexpr const char* kTarget = "data@0/onehot";

// The numbers that were published with the design: segments, length, geodesic, slack, angles
// towards the target.
TEST_F(PathCommandTest, TheDigitsNetworkHasItsKnownPath) {
  const Result result = Gramian({"path", "net0@last", "--input", kInput, "--target", kTarget});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output,
              HasSubstr("cka-kernel=linear-hsic=gretton-score, on a sphere, n = 500\n\n"
                        "net0@0: length 2.231, geodesic 1.041, slack 2.142\n"
                        "point"));
  EXPECT_THAT(result.output, ContainsRegex("\ninput +0\\.550 +- +1\\.313 +- +-"));
  EXPECT_THAT(result.output,
              ContainsRegex("\nnet0_layer1 +0\\.240 +2\\.011 +1\\.585 +14\\.9 % +0\\.530"));
  EXPECT_THAT(result.output,
              ContainsRegex("\nnet0_layer2 +0\\.187 +2\\.106 +1\\.700 +19\\.2 % +0\\.659"));
  EXPECT_THAT(result.output,
              ContainsRegex("\nnet0_layer3 +0\\.170 +1\\.718 +1\\.723 +20\\.4 % +0\\.743"));
  EXPECT_THAT(result.output,
              ContainsRegex("\nnet0_layer4 +1\\.083 +1\\.327 +- +19\\.0 % +0\\.789"));
  EXPECT_THAT(result.output, ContainsRegex("\nonehot +-"));
}

// The golden record digits-1405.
TEST_F(PathCommandTest, ShapesHaveTheirKnownPath) {
  const Result result =
      Gramian({"path", "net0@0", "--input", kInput, "--target", kTarget, "-m",
               "procrustes-form=angular", "--directions", "2", "-o", Path("s.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("among shapes of unit norm, n = 500"));
  const nlohmann::json json = Json("s.json");
  EXPECT_EQ(json["space"], "angular shape");
  const nlohmann::json& path = json["paths"][0];
  EXPECT_NEAR(path["length"]["value"].get<double>(), 2.0618431301437723, 1.0e-7);
  EXPECT_NEAR(path["points"][1]["angle"]["value"].get<double>(), 2.1664664287955446, 1.0e-7);
  EXPECT_NEAR(path["points"][1]["projection"]["fraction"].get<double>(), 0.2905120849609375,
              2.0e-6);
  EXPECT_EQ(json["mean"]["status"], "ok");
}

TEST_F(PathCommandTest, PositiveDefiniteMatricesHaveAPath) {
  const Result result = Gramian({"path", "net0@0", "--input", kInput, "--target", kTarget, "-m",
                                 "airm", "-o", Path("a.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("among positive definite matrices, n = 500"));
  const nlohmann::json json = Json("a.json");
  EXPECT_EQ(json["space"], "positive definite");
  // A space of no positive curvature.
  EXPECT_LT(json["paths"][0]["points"][2]["curvature"]["value"].get<double>(), 0.0);
}

TEST_F(PathCommandTest, FilesHoldTheWholeReport) {
  const Result result =
      Gramian({"path", "net0@0", "net1@0", "--input", kInput, "--target", kTarget, "--directions",
               "2", "--fractions", "0,0.5", "-m", "stress-rescale=median", "-o", Path("p.json"),
               "-o", Path("p.csv"), "-o", Path("p.svg")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("Frechet mean: variance "));
  const nlohmann::json json = Json("p.json");
  EXPECT_EQ(json["space"], "Euclidean");
  EXPECT_EQ(json["point_count"], 10);  // two shared ends, eight layers
  ASSERT_EQ(json["paths"].size(), 2U);
  // The value of the golden record, digits-1404.
  EXPECT_NEAR(json["paths"][0]["slack"]["value"].get<double>(), 2.669232463701232, 1.0e-9);
  const nlohmann::json& point = json["paths"][0]["points"][1];
  EXPECT_EQ(point["picture_coordinates"].size(), 2U);
  EXPECT_EQ(point["direction_coordinates"].size(), 2U);
  EXPECT_EQ(point["geodesic_distances"].size(), 2U);
  const std::vector<std::string> lines = absl::StrSplit(ReadFile(Path("p.csv")), '\n');
  ASSERT_EQ(lines.size(), 14U);  // a header, twelve points, the end
  EXPECT_THAT(lines[0], StartsWith("network,point,segment,angle"));
  EXPECT_THAT(lines[1], StartsWith("net0@0,input,0.15314377311178"));
  const std::string svg = ReadFile(Path("p.svg"));
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, HasSubstr("net1@0"));
}

TEST_F(PathCommandTest, LogitsHaveAnAccuracyAndNetworksADifference) {
  const Result both =
      Gramian({"accuracy", "net0@0/net0_layer4", "net1@0/net1_layer4", "--labels", kTarget});
  ASSERT_EQ(both.exit_code, 0) << both.errors;
  EXPECT_EQ(both.output,
            "net0@0/net0_layer4   0.9580\nnet1@0/net1_layer4   0.9620\n"
            "accuracy difference  0.0040\n");
  const Result one = Gramian({"accuracy", "net0@0/net0_layer4", "--labels", kTarget});
  EXPECT_EQ(one.output, "net0@0/net0_layer4  0.9580\n");
  const Result wrong = Gramian({"accuracy", "net0@0/net0_layer1", "--labels", kTarget});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.errors, HasSubstr("have no disagreement: different widths"));
}

TEST_F(PathCommandTest, WithoutEndsTheLayersAreThePath) {
  const Result result = Gramian({"path", "net0@0"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, ContainsRegex("\nnet0_layer1 +0\\.240 +-"));
  const Result own = Gramian({"path", "net0@0", "--input", "net0_layer3", "--layers",
                              "net0_layer2,net0_layer1", "--target", "net0_layer4"});
  ASSERT_EQ(own.exit_code, 0) << own.errors;
  EXPECT_THAT(own.output, ContainsRegex("net0_layer3[^\n]*\nnet0_layer2[^\n]*\nnet0_layer1[^\n]*\n"
                                        "net0_layer4"));
}

TEST_F(PathCommandTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(Gramian({"path", "net0"}).exit_code, 2);
  EXPECT_EQ(Gramian({"path", "net0@0", "-o", "x.npy"}).exit_code, 2);
  const Result no_space = Gramian({"path", "net0@0", "-m", "hsic"});
  EXPECT_EQ(no_space.exit_code, 1);
  EXPECT_THAT(no_space.errors, HasSubstr("does not place layers in a space"));
  EXPECT_EQ(Gramian({"path", "net0@0", "--input", "absent"}).exit_code, 1);
}

}  // namespace
}  // namespace gramian::client
