// The measures of tangent data, and who may be given what.
#include <cmath>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::AsTangents;
using testing::RandomNormal;
using testing::TryCompare;

class MsaMeasureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  // Factors of layers whose inputs have these Jacobians, m = 2, all diagonal: one row each.
  Operand Diagonal(const Matrix& stretches) {
    const RepresentationShape shape{stretches.rows(), 3, DType::kFloat64, {RowKind::kFactor, 2}};
    Matrix rows = Matrix::Zero(stretches.rows(), 3);
    rows.col(0) = stretches.col(0);
    rows.col(2) = stretches.col(1);
    const auto size = static_cast<size_t>(rows.size()) * sizeof(double);
    auto bytes = std::make_unique<std::byte[]>(size);
    std::memcpy(bytes.get(), rows.data(), size);
    return Operand(Representation::Create(shape, std::move(bytes)).value(), &cache_);
  }

  NoCache cache_;
};

TEST_F(MsaMeasureTest, EveryFormIsTheMeanOverTheInputs) {
  Matrix a(2, 2);
  a << 1, 1, 2, 2;
  Matrix b(2, 2);
  b << 1, 4, 2, 1;
  const double log4 = std::log(4.0);
  const double log2 = std::log(2.0);
  const std::pair<const char*, double> expected[] = {
      {"msa", (0.75 + 0.5) / 2.0},
      {"msa-form=similarity", 1.0 - (0.75 + 0.5) / 2.0},
      {"msa-form=shape", std::sqrt(2.0) * (log4 + log2) / 2.0},
      // log l: (0, -2 log 4) and (0, 2 log 2)
      {"msa-form=airm", (2.0 * log4 + 2.0 * log2) / 2.0},
  };
  for (const auto& [name, value] : expected) {
    const Score score = TryCompare(name, Diagonal(a), Diagonal(b)).value();
    EXPECT_EQ(score.status, ScoreStatus::kOk) << name;
    EXPECT_NEAR(score.value, value, 1e-14) << name;
  }
}

TEST_F(MsaMeasureTest, SingularMetricsHaveNoFiniteDistance) {
  Matrix full(2, 2);
  full << 1, 1, 2, 2;
  Matrix singular(2, 2);
  singular << 1, 0, 2, 1;
  EXPECT_EQ(TryCompare("msa-form=airm", Diagonal(full), Diagonal(singular)).value().status,
            ScoreStatus::kRankDeficient);
  EXPECT_EQ(TryCompare("msa-form=shape", Diagonal(full), Diagonal(singular)).value().status,
            ScoreStatus::kRankDeficient);
  EXPECT_NEAR(TryCompare("msa", Diagonal(full), Diagonal(singular)).value().value,
              (1.0 + 0.5) / 2.0, 1e-14);
  const Matrix flat = Matrix::Identity(2, 2).row(0).replicate(2, 1);
  EXPECT_EQ(TryCompare("msa-form=airm", Diagonal(flat), Diagonal(3.0 * flat)).value().status,
            ScoreStatus::kRankDeficient)
      << "no input has full rank";
  EXPECT_EQ(TryCompare("msa", Diagonal(flat), Diagonal(3.0 * flat)).value().value, 0.0);
  EXPECT_EQ(TryCompare("msa", Diagonal(0.0 * flat), Diagonal(full)).value().status,
            ScoreStatus::kConstant);
}

TEST_F(MsaMeasureTest, OneCoordinateIsRefusedButForAirm) {
  const auto line = [&](double stretch) {
    const RepresentationShape shape{1, 1, DType::kFloat64, {RowKind::kFactor, 1}};
    auto bytes = std::make_unique<std::byte[]>(sizeof(double));
    std::memcpy(bytes.get(), &stretch, sizeof(double));
    return Operand(Representation::Create(shape, std::move(bytes)).value(), &cache_);
  };
  const absl::Status status = TryCompare("msa", line(1.0), line(2.0)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("blind in 1 coordinate"), std::string::npos) << status;
  EXPECT_NEAR(TryCompare("msa-form=airm", line(1.0), line(2.0)).value().value, 2.0 * std::log(2.0),
              1e-15);
}

TEST_F(MsaMeasureTest, TangentsAndActivationsAreNotMixed) {
  const Operand activations(AsFloat64(RandomNormal(8, 4, 1)), &cache_);
  const Operand tangents(AsTangents(RandomNormal(8, 4, 1)), &cache_);
  const auto msa = MeasureRegistry::Parse("msa").value();
  const auto cka = MeasureRegistry::Parse("cka").value();
  EXPECT_TRUE(CheckApplies(*msa, tangents, tangents).ok());
  EXPECT_TRUE(CheckApplies(*cka, activations, activations).ok());
  const auto error = [&](const auto& measure, const Operand& a, const Operand& b) {
    return CheckApplies(*measure, a, b).ToString();
  };
  EXPECT_EQ(error(msa, tangents, activations),
            "INVALID_ARGUMENT: measure 'msa-form=distance' compares tangent data (factors of "
            "pullback metrics), not rows of activations");
  EXPECT_EQ(error(cka, tangents, activations),
            "INVALID_ARGUMENT: measure 'cka-kernel=linear-hsic=gretton-score' compares "
            "activations, not rows of factor");
  EXPECT_EQ(TryCompare("msa", activations, activations).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
