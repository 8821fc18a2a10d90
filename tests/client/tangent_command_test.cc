// The command `msa` against a real gramiand: a flat torus and a doughnut, from uploaded Jacobians,
// their factors, and activations on a grid or with coordinates. The exact distance is 1 - 1/sqrt(3)
// with equal weights, 1/2 by the doughnut's area.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <string>
#include <vector>

#include "gramian/cli/npy.h"
#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr int64_t kSide = 48;
constexpr int64_t kPoints = kSide * kSide;

class TangentCommandTest : public CommandTest {
 protected:
  // answer(a, b) at every point of the torus, b running fastest, as an array (kPoints, ...).
  template <typename Answer>
  void Write(const std::string& name, std::vector<int64_t> shape, const Answer& answer) const {
    std::vector<double> values;
    const double step = 2.0 * std::numbers::pi / kSide;
    for (int64_t i = 0; i < kPoints; ++i) {
      const std::vector<double> row =
          answer(step * static_cast<double>(i / kSide), step * static_cast<double>(i % kSide));
      values.insert(values.end(), row.begin(), row.end());
    }
    shape.insert(shape.begin(), kPoints);
    std::ofstream(Path(name), std::ios::binary) << cli::EncodeNpy(values, shape);
  }

  void Push(const std::string& network, const std::string& file,
            const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"push",  Path(file),    "--network",
                                          network, "--probe-set", "torus"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = Gramian(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }

  void PushJacobians() const {
    Write("flat.npy", {4, 2}, [](double a, double b) {
      return std::vector{-std::sin(a), 0., std::cos(a), 0., 0., -std::sin(b), 0., std::cos(b)};
    });
    Write("doughnut.npy", {3, 2}, [](double a, double b) {
      const double r = 2 + std::cos(b);
      return std::vector{-r * std::sin(a),
                         -std::sin(b) * std::cos(a),
                         r * std::cos(a),
                         -std::sin(b) * std::sin(a),
                         0.,
                         std::cos(b)};
    });
    Push("tangents", "flat.npy", {"--rows", "jacobian", "--shuffle-chunks", "1"});
    Push("tangents", "doughnut.npy", {"--rows", "jacobian", "--chunk-rows", "37"});
  }
  void PushActivations() const {
    Write("flat.npy", {4}, [](double a, double b) {
      return std::vector{std::cos(a), std::sin(a), std::cos(b), std::sin(b)};
    });
    Write("doughnut.npy", {3}, [](double a, double b) {
      const double r = 2 + std::cos(b);
      return std::vector{r * std::cos(a), r * std::sin(a), std::sin(b)};
    });
    Push("activations", "flat.npy");
    Push("activations", "doughnut.npy");
  }
};

TEST_F(TangentCommandTest, UploadedJacobiansHaveTheKnownDistance) {
  PushJacobians();
  const Result list = Gramian({"ls", "layers", "tangents@last"});
  EXPECT_THAT(list.output, ContainsRegex("flat +2304 +3 +float64 factor\\(2\\)"));
  const Result result =
      Gramian({"msa", "tangents@0/flat", "tangents@0/doughnut", "-o", Path("field.json"), "-o",
               Path("field.csv"), "-o", Path("field.npy")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output,
            "2304 inputs, 2 coordinates\n"
            "similarity                0.5774\n"
            "distance        0.4226 +- 0.0047\n"
            "log scale                -0.3119\n"
            "shape distance            0.8822\n"
            "AIRM                      1.2476\n");
  const nlohmann::json json = Json("field.json");
  EXPECT_NEAR(json["distance"], 1 - 1 / std::sqrt(3.0), 1e-14);
  EXPECT_EQ(json["field"].size(), kPoints);
  EXPECT_NEAR(json["field"][0]["spectral_ratio"], 1 - 1 / 3.0, 1e-14) << "outside, b = 0";
  EXPECT_NEAR(json["field"][0]["airm"], 2 * std::log(3.0), 1e-14);
  EXPECT_THAT(ReadFile(Path("field.csv")),
              HasSubstr("input,spectral_ratio,log_scale,shape,airm,joint_rank,rank_mismatch"));
  EXPECT_GT(ReadFile(Path("field.npy")).size(), static_cast<size_t>(kPoints * 8));
}

TEST_F(TangentCommandTest, TheSameJacobiansAreSentOnce) {
  PushJacobians();
  const Result again = Gramian({"push", Path("flat.npy"), "--network", "tangents", "--probe-set",
                                "torus", "--rows", "jacobian"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, HasSubstr("were there already"));
}

TEST_F(TangentCommandTest, FactorsComeBackAndGoInAgain) {
  PushJacobians();
  ASSERT_EQ(Gramian({"pull", "tangents@0/flat", "-o", Path("factors.npy")}).exit_code, 0);
  Push("factors", "factors.npy", {"--rows", "factor"});
  const Result result = Gramian({"msa", "tangents@0/flat", "factors@0/factors"});
  EXPECT_THAT(result.output, ContainsRegex("distance +0\\.0000 \\+- 0\\.0000"));
}

TEST_F(TangentCommandTest, ActivationsOnAGridHaveTheKnownDistances) {
  PushActivations();
  const std::string axis = "48:0.1308996938995747:periodic";
  const std::vector<std::string> words = {
      "msa", "activations@0/flat", "activations@0/doughnut", "--grid", axis + "," + axis,
      "-o",  Path("r.json")};
  Result result = Gramian(words);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NEAR(Json("r.json")["distance"], 1 - 1 / std::sqrt(3.0), 1e-12);
  Write("area.npy", {}, [](double, double b) { return std::vector{2 + std::cos(b)}; });
  std::vector<std::string> weighted = words;
  weighted.insert(weighted.end(), {"--weights", Path("area.npy")});
  result = Gramian(weighted);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NEAR(Json("r.json")["distance"], 0.5, 1e-12);
}

TEST_F(TangentCommandTest, ActivationsWithCoordinatesComeNear) {
  PushActivations();
  Write("points.npy", {2}, [](double a, double b) { return std::vector{a, b}; });
  Push("data", "points.npy");
  const Result result = Gramian({"msa", "activations@0/flat", "activations@0/doughnut",
                                 "--coordinates", "data@0/points", "-o", Path("r.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NEAR(Json("r.json")["distance"], 1 - 1 / std::sqrt(3.0), 0.01);
}

TEST_F(TangentCommandTest, MeasuresSayWhatTheyCompare) {
  PushJacobians();
  const Result matrix =
      Gramian({"compare", "tangents@0", "tangents@0", "-m", "msa", "-o", Path("m.json")});
  ASSERT_EQ(matrix.exit_code, 0) << matrix.errors;
  EXPECT_NEAR(Json("m.json")["values"][0][1], 1 - 1 / std::sqrt(3.0), 1e-14);
  const Result cka = Gramian({"layer", "tangents@0/flat", "tangents@0/doughnut", "-m", "cka"});
  EXPECT_EQ(cka.exit_code, 1);
  EXPECT_THAT(cka.errors, HasSubstr("compares activations, not rows of factor"));
}

TEST_F(TangentCommandTest, WhatCannotBeIsRefused) {
  PushActivations();
  const auto errors = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"msa", "activations@0/flat", "activations@0/doughnut"});
    const Result result = Gramian(more);
    EXPECT_NE(result.exit_code, 0);
    return result.errors;
  };
  EXPECT_THAT(errors({}), HasSubstr("activations need a grid"));
  EXPECT_THAT(errors({"--grid", "48"}), HasSubstr("'48' is not SIZE:SPACING"));
  EXPECT_THAT(errors({"--grid", "48:0.1:round"}), HasSubstr("is not SIZE:SPACING"));
  EXPECT_THAT(errors({"--grid", "48:0.1,47:0.1"}), HasSubstr("2256 points, the layer has 2304"));
  const Result shape = Gramian({"push", Path("flat.npy"), "--network", "x", "--rows", "jacobian"});
  EXPECT_EQ(shape.exit_code, 1);
  EXPECT_THAT(shape.errors, HasSubstr("expected inputs x features x coordinates"));
  const Result kind = Gramian({"push", Path("flat.npy"), "--network", "x", "--rows", "odd"});
  EXPECT_THAT(kind.errors, HasSubstr("unknown kind of rows 'odd'"));
}

}  // namespace
}  // namespace gramian::client
