// The command `align` against a real gramiand: a surface in a hundred features, and a copy of it
// that is rotated and noisy. Ten anchors are enough to find the rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gramian/cli/npy.h"
#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

using ::testing::HasSubstr;

constexpr int kRows = 1500;   // seen by both networks
constexpr int kUnseen = 500;  // to be carried over
constexpr int kFeatures = 100;
constexpr int kDimensions = 4;

using Rows = std::vector<std::vector<double>>;

class AlignCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    const Rows x = Surface();
    const Rows y = RotatedAndNoisy(x);
    Push("a", "seen", x, 0, kRows);
    Push("b", "seen", y, 0, kRows);
    Push("a", "unseen", x, kRows, kRows + kUnseen);
    Push("b", "unseen", y, kRows, kRows + kUnseen);
  }

  Rows Normal(int rows, int cols) {
    std::normal_distribution<double> normal;
    Rows result(static_cast<size_t>(rows), std::vector<double>(static_cast<size_t>(cols)));
    for (auto& row : result) {
      for (double& value : row) value = normal(random_);
    }
    return result;
  }

  static Rows Product(const Rows& a, const Rows& b) {
    Rows result(a.size(), std::vector<double>(b.front().size(), 0.0));
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t k = 0; k < b.size(); ++k) {
        for (size_t j = 0; j < b[k].size(); ++j) result[i][j] += a[i][k] * b[k][j];
      }
    }
    return result;
  }

  // Unevenly dense: twelve clusters in four dimensions, then cosines of random directions.
  Rows Surface() {
    const Rows centers = Normal(12, kDimensions);
    Rows z = Normal(kRows + kUnseen, kDimensions);
    for (auto& point : z) {
      const std::vector<double>& center = centers[random_() % centers.size()];
      for (size_t j = 0; j < point.size(); ++j) point[j] = 0.6 * point[j] + center[j];
    }
    Rows x = Product(z, Normal(kDimensions, kFeatures));
    const Rows phases = Normal(1, kFeatures);
    const Rows noise = Normal(kRows + kUnseen, kFeatures);
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < x[i].size(); ++j) {
        x[i][j] = std::cos(0.9 * x[i][j] + 3.0 * phases[0][j]) + 0.03 * noise[i][j];
      }
    }
    return x;
  }

  Rows RotatedAndNoisy(const Rows& x) {
    Rows q = Normal(kFeatures, kFeatures);
    // Gram and Schmidt.
    for (size_t i = 0; i < q.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        double dot = 0.0;
        for (size_t j = 0; j < q[i].size(); ++j) dot += q[i][j] * q[k][j];
        for (size_t j = 0; j < q[i].size(); ++j) q[i][j] -= dot * q[k][j];
      }
      double squared = 0.0;
      for (const double value : q[i]) squared += value * value;
      for (double& value : q[i]) value /= std::sqrt(squared);
    }
    Rows y = Product(x, q);
    const Rows noise = Normal(static_cast<int>(x.size()), kFeatures);
    for (size_t i = 0; i < y.size(); ++i) {
      for (size_t j = 0; j < y[i].size(); ++j) y[i][j] += 0.5 * noise[i][j];
    }
    return y;
  }

  void Push(const std::string& network, const std::string& layer, const Rows& rows, size_t begin,
            size_t end) {
    std::vector<double> values;
    for (size_t i = begin; i < end; ++i) {
      values.insert(values.end(), rows[i].begin(), rows[i].end());
    }
    const int64_t shape[] = {static_cast<int64_t>(end - begin), kFeatures};
    const std::string path = Path(layer + ".npy");
    std::ofstream(path, std::ios::binary) << cli::EncodeNpy(values, shape);
    const Result result = Gramian({"push", path, "--network", network});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }

  std::mt19937_64 random_{3};
};

TEST_F(AlignCommandTest, TenAnchorsFindARotatedAndNoisyCopy) {
  const Result result = Gramian({"align",
                                 "a@0/seen",
                                 "b@0/seen",
                                 "--anchor-count",
                                 "10",
                                 "--weights",
                                 "singular",
                                 "--neighbors",
                                 "100",
                                 "--points",
                                 "a@0/unseen",
                                 "--truth",
                                 "b@0/unseen",
                                 "--points-file",
                                 Path("points.npy"),
                                 "--map",
                                 Path("map.csv"),
                                 "--matches",
                                 Path("matches.csv"),
                                 "--distortion",
                                 Path("distortion.npy"),
                                 "-o",
                                 Path("align.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("a@0/seen to b@0/seen, n = 1500 and 1500\n"
                                       "50 functions of graph=angular-weights=singular-neighbors="
                                       "100\nmap fitted to 10 descriptors, refined in 10 steps\n"));
  EXPECT_THAT(result.output, HasSubstr("mean reciprocal rank of 500 points carried over: 0.9"));
  const nlohmann::json json = Json("align.json");
  EXPECT_GT(json["points_retrieval"]["aligned"].get<double>(), 0.9) << result.output;
  EXPECT_LT(json["points_retrieval"]["anchors"].get<double>(), 0.2) << result.output;
  EXPECT_EQ(json["points_retrieval"]["count"], kUnseen);
  EXPECT_EQ(json["retrieval"]["count"], kRows);
  EXPECT_GT(json["retrieval"]["aligned"].get<double>(), json["retrieval"]["anchors"].get<double>());
  EXPECT_EQ(json["map"].size(), 50U);
  EXPECT_EQ(json["matches"].size(), static_cast<size_t>(kRows));
  const std::vector<std::string> map = absl::StrSplit(ReadFile(Path("map.csv")), '\n');
  EXPECT_EQ(map.size(), 51U);
  const std::vector<std::string> matches = absl::StrSplit(ReadFile(Path("matches.csv")), '\n');
  EXPECT_EQ(matches.size(), kRows + 1U);
  EXPECT_THAT(ReadFile(Path("points.npy")), HasSubstr("(500, 100)"));
  EXPECT_THAT(ReadFile(Path("distortion.npy")), HasSubstr("(1500, 1)"));
}

TEST_F(AlignCommandTest, AnchorsMayComeFromAFile) {
  std::ofstream(Path("anchors.txt")) << "100:100\n250\n";
  const std::vector<std::string> command = {"align", "a@0/unseen", "b@0/unseen",      "--basis",
                                            "20",    "-o",         Path("align.json")};
  const auto map_with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = Gramian(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return Json("align.json")["map"];
  };
  const nlohmann::json listed = map_with({"--anchors", "0,100,250"});
  EXPECT_EQ(map_with({"--anchors", "0", "--anchors-file", Path("anchors.txt")}), listed);
  EXPECT_NE(map_with({"--anchors", "0,100,250", "--laplacian-weight", "10"}), listed);
  EXPECT_NE(map_with({"--anchors", "0,100,250", "--descriptor-weight", "0.01"}), listed);
  EXPECT_NE(map_with({"--anchors", "0,100,250", "--commutativity-weight", "0"}), listed);

  std::ofstream(Path("anchors.txt")) << "0\nfirst\n";
  const Result wrong =
      Gramian({"align", "a@0/unseen", "b@0/unseen", "--anchors-file", Path("anchors.txt")});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("anchors.txt', 'first': write INPUT or INPUT:INPUT"));
}

TEST_F(AlignCommandTest, TheKnownCorrespondenceIsScored) {
  const Result result = Gramian({"align", "a@0/unseen", "b@0/unseen", "--basis", "20"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("\nmap of the known correspondence\n\ncorrected"));
  EXPECT_THAT(result.output, HasSubstr("matched with themselves: "));
  const Result score = Gramian({"layer", "a@0/unseen", "b@0/unseen", "-m", "lfm-basis=20"});
  ASSERT_EQ(score.exit_code, 0) << score.errors;
  EXPECT_THAT(score.output,
              HasSubstr("lfm-form=corrected-graph=angular-weights=gaussian-neighbors=auto"));
}

TEST_F(AlignCommandTest, WhatIsWrongIsSaid) {
  const std::vector<std::string> layers = {"align", "a@0/seen", "b@0/unseen"};
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = layers;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Gramian(arguments);
  };
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--graph", "cosine"},
                                             {"--descriptors", "geodesics"},
                                             {"--anchors", "1:2:3"},
                                             {"--anchors", "one"},
                                             {"--map", "map.json"},
                                             {"-o", "align.csv"},
                                             {"--points-file", "p.npy"}}) {
    EXPECT_EQ(run(wrong).exit_code, 2) << wrong.front();
  }
  // Other inputs, and nothing that says which correspond.
  const Result unknown = run({});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("needs anchors or descriptors"));
  const Result few = run({"--anchors", "3:4,5:6", "--basis", "12"});
  EXPECT_EQ(few.exit_code, 0) << few.errors;
  EXPECT_THAT(few.errors, HasSubstr("2 anchors are few"));
  const Result outside = run({"--anchors", "3:500"});
  EXPECT_EQ(outside.exit_code, 1);
  EXPECT_THAT(outside.errors, HasSubstr("anchor 500 of layer b"));
}

}  // namespace
}  // namespace gramian::client
