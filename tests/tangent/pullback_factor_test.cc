#include "gramian/tangent/pullback_factor.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/tangent/tangents.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsTangents;
using testing::kEps;
using testing::PackUpper;
using testing::RandomNormal;
using testing::RandomOrthogonal;

Matrix Gram(const Vector& packed, Index m) {
  const Matrix r = UnpackUpper(packed.data(), m);
  return r.transpose() * r;
}

TEST(FactorOfJacobianTest, HasTheGramMatrixOfTheJacobian) {
  for (const Index m : {1, 2, 5, 20}) {
    for (const Index d : {1, 3, 5, 200}) {
      const Matrix jacobian = RandomNormal(d, m, static_cast<uint64_t>(100 * m + d));
      const Vector packed = FactorOfJacobian(jacobian);
      ASSERT_EQ(packed.size(), PackedSize(m));
      const double tolerance = 10.0 * std::sqrt(static_cast<double>(d * m)) * kEps;
      EXPECT_LE((Gram(packed, m) - jacobian.transpose() * jacobian).norm(),
                tolerance * jacobian.squaredNorm())
          << d << " x " << m;
      EXPECT_GE(UnpackUpper(packed.data(), m).diagonal().minCoeff(), 0.0);
    }
  }
}

TEST(FactorOfJacobianTest, DoesNotSeeIsometriesOfTheLayer) {
  const Matrix jacobian = RandomNormal(9, 4, 1);
  Matrix wider = Matrix::Zero(30, 4);
  wider.middleRows(7, 9) = RandomOrthogonal(9, 2) * jacobian;
  EXPECT_LE((FactorOfJacobian(wider) - FactorOfJacobian(jacobian)).norm(),
            100.0 * kEps * jacobian.norm());
}

TEST(FactorOfJacobianTest, NeitherOverflowsNorUnderflows) {
  const Matrix jacobian = RandomNormal(6, 3, 3);
  const Vector factor = FactorOfJacobian(jacobian);
  for (const double scale : {std::ldexp(1.0, -900), std::ldexp(1.0, 900)}) {
    EXPECT_EQ(FactorOfJacobian(scale * jacobian), scale * factor);
  }
  EXPECT_EQ(FactorOfJacobian(Matrix::Zero(6, 3)), Vector::Zero(6));
}

TEST(FactorOfPullbackMetricTest, IsTheFactorOfTheJacobian) {
  for (const Index m : {1, 2, 6}) {
    const Matrix jacobian = RandomNormal(20, m, static_cast<uint64_t>(m));
    const Matrix g = jacobian.transpose() * jacobian;
    const Vector factor = FactorOfPullbackMetric(PackUpper(g), m, kEps).value();
    EXPECT_LE((Gram(factor, m) - g).norm(), 100.0 * kEps * g.norm());
  }
}

TEST(FactorOfPullbackMetricTest, ScalesOfTheCoordinatesCostNoDigits) {
  const Matrix jacobian = RandomNormal(20, 3, 4);
  const Matrix g = jacobian.transpose() * jacobian;
  Vector scale(3);
  scale << 1e-12, 1.0, 1e9;
  const Matrix scaled = scale.asDiagonal() * g * scale.asDiagonal();
  const Matrix gram = Gram(FactorOfPullbackMetric(PackUpper(scaled), 3, kEps).value(), 3);
  const Vector inverse = scale.cwiseInverse();
  EXPECT_LE((inverse.asDiagonal() * gram * inverse.asDiagonal() - g).norm(),
            100.0 * kEps * g.norm());
}

TEST(FactorOfPullbackMetricTest, TakesSingularMetricsAndRefusesIndefiniteOnes) {
  const Matrix one = RandomNormal(1, 3, 5);
  const Vector factor = FactorOfPullbackMetric(PackUpper(one.transpose() * one), 3, kEps).value();
  EXPECT_EQ(UnpackUpper(factor.data(), 3).bottomRows(2).norm(), 0.0) << "rank 1";
  EXPECT_EQ(FactorOfPullbackMetric(Vector::Zero(6), 3, kEps).value(), Vector::Zero(6));

  Vector indefinite(3);
  indefinite << 1.0, 2.0, 1.0;
  const absl::Status status = FactorOfPullbackMetric(indefinite, 2, kEps).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("eigenvalue -1"), std::string::npos) << status;
  Vector negative(3);
  negative << 1.0, 0.0, -0.5;
  EXPECT_NE(
      FactorOfPullbackMetric(negative, 2, kEps).status().message().find("-0.5 on its diagonal"),
      std::string::npos);
}

TEST(FactorOfSoftmaxTest, IsTheFisherInformation) {
  const Index classes = 7;
  const Vector logits = RandomNormal(classes, 1, 6).col(0);
  const Matrix jacobian = RandomNormal(classes, 3, 7);
  Vector p = logits.array().exp();
  p /= p.sum();
  const Matrix fisher =
      jacobian.transpose() * (Matrix(p.asDiagonal()) - p * p.transpose()) * jacobian;
  const Vector shifted = logits.array() + 5000.0;  // exp of it overflows
  EXPECT_LE((Gram(FactorOfSoftmax(logits, jacobian), 3) - fisher).norm(),
            20.0 * kEps * jacobian.squaredNorm());
  EXPECT_LE((Gram(FactorOfSoftmax(shifted, jacobian), 3) - fisher).norm(),
            20.0 * 5000.0 * kEps * jacobian.squaredNorm());
}

TEST(ReduceToFactorsTest, EveryKindComesDownToTheSameFactors) {
  const Index n = 4;
  const Index d = 6;
  const Index m = 3;
  const Matrix jacobians = RandomNormal(n, d * m, 8);
  const auto jacobian_at = [&](Index i) -> Matrix {
    return Eigen::Map<const Matrix>(jacobians.row(i).data(), d, m);
  };
  Matrix metrics(n, PackedSize(m));
  for (Index i = 0; i < n; ++i) {
    metrics.row(i) = PackUpper(jacobian_at(i).transpose() * jacobian_at(i));
  }
  const auto factors =
      ReduceToFactors(AsTangents(jacobians, {RowKind::kJacobian, m}).value()).value();
  EXPECT_EQ(factors->shape(),
            (RepresentationShape{n, PackedSize(m), DType::kFloat64, {RowKind::kFactor, m}}));
  const auto from_metrics =
      ReduceToFactors(AsTangents(metrics, {RowKind::kPullbackMetric, m}).value()).value();
  EXPECT_EQ(from_metrics->shape(), factors->shape());
  for (Index i = 0; i < n; ++i) {
    Vector factor(PackedSize(m));
    factors->ReadRows(i, 1, factor.data());
    EXPECT_EQ(factor, FactorOfJacobian(jacobian_at(i)));
    from_metrics->ReadRows(i, 1, factor.data());
    EXPECT_LE((Gram(factor, m) - jacobian_at(i).transpose() * jacobian_at(i)).norm(),
              100.0 * kEps * jacobian_at(i).squaredNorm());
  }
  EXPECT_EQ(ReduceToFactors(factors).value(), factors) << "kept as they are";

  const Matrix logits = RandomNormal(n, d, 9);
  Matrix softmax(n, d * (m + 1));
  for (Index i = 0; i < n; ++i) {
    Matrix rows(d, m + 1);
    rows << logits.row(i).transpose(), jacobian_at(i);
    softmax.row(i) = Eigen::Map<const Eigen::RowVectorXd>(rows.data(), rows.size());
  }
  const auto fisher =
      ReduceToFactors(AsTangents(softmax, {RowKind::kSoftmaxJacobian, m}).value()).value();
  Vector factor(PackedSize(m));
  fisher->ReadRows(2, 1, factor.data());
  EXPECT_EQ(factor, FactorOfSoftmax(logits.row(2).transpose(), jacobian_at(2)));
}

TEST(ReduceToFactorsTest, NamesTheRowItRefuses) {
  Matrix metrics(3, 3);
  metrics << 1, 0, 1, 1, 0.5, 1, 1, 2, 1;
  const absl::Status status =
      ReduceToFactors(AsTangents(metrics, {RowKind::kPullbackMetric, 2}).value()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message().find("row 2: "), 0U) << status;
}

}  // namespace
}  // namespace gramian
