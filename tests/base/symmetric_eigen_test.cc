#include "gramian/base/symmetric_eigen.h"

#include <ctime>
#include <limits>
#include <stop_token>
#include <thread>

#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

class SymmetricEigenTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static Matrix RandomSymmetric(Index n, uint64_t seed) {
    const Matrix a = testing::RandomNormal(n, n, seed);
    return a + a.transpose();
  }
};

TEST_F(SymmetricEigenTest, ResidualAndOrthogonalityAreRounding) {
  ComputeArena arena(3);
  ComputeContext context;
  context.arena = &arena;
  for (const Index n : {1, 2, 257, 511, 512, 513, 544, 545, 700}) {
    const Matrix a = RandomSymmetric(n, static_cast<uint64_t>(n));
    const absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(context, a);
    ASSERT_TRUE(eigen.ok()) << eigen.status();
    const Matrix& v = eigen->vectors;
    const double bound = 8.0 * static_cast<double>(n) * kEps;
    EXPECT_LE((v * v.transpose() - Matrix::Identity(n, n)).norm(), bound) << n;
    EXPECT_LE((v * a - eigen->values.asDiagonal() * v).norm(), bound * a.norm()) << n;
    for (Index i = 1; i < n; ++i) EXPECT_GE(eigen->values[i - 1], eigen->values[i]);
  }
}

TEST_F(SymmetricEigenTest, ChosenEigenvaluesComeBackAtEveryScale) {
  const Index n = 560;
  const Matrix q = testing::RandomOrthogonal(n, 1);
  Vector values = Vector::Zero(n);
  for (Index i = 0; i < 50; ++i) values[i] = 50.0 - static_cast<double>(i);
  values[n - 1] = -3.0;
  const Matrix a = q * values.asDiagonal() * q.transpose();
  for (const double scale : {1.0e-150, 1.0, 1.0e150}) {
    const Matrix scaled = scale * Matrix(0.5 * (a + a.transpose()));
    const absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(ComputeContext(), scaled);
    ASSERT_TRUE(eigen.ok());
    EXPECT_LE((eigen->values / scale - values).norm(), 16.0 * static_cast<double>(n) * kEps * 50.0);
  }
}

// Often enough that blocks which share what LAPACK writes to would be seen: they once did, and gave
// wrong vectors.
TEST_F(SymmetricEigenTest, ThreadsDoNotChangeABit) {
  const Matrix a = RandomSymmetric(560, 2);
  const SymmetricEigen alone = EigenDecompose(ComputeContext(), a).value();
  ComputeArena arena(4);
  ComputeContext context;
  context.arena = &arena;
  for (int round = 0; round < 30; ++round) {
    const SymmetricEigen together = EigenDecompose(context, a).value();
    ASSERT_TRUE(alone.values == together.values);
    ASSERT_TRUE(alone.vectors == together.vectors);
  }
}

// Goal: a stop is obeyed long before the end. Method: an order that takes seconds, stopped when the
// work has surely begun.
TEST_F(SymmetricEigenTest, AStopEndsTheReductionEarly) {
  const Matrix a = RandomSymmetric(1500, 3);
  std::stop_source source;
  ComputeContext context;
  context.stop = source.get_token();
  const std::clock_t begin = std::clock();
  std::jthread stopper([&] {
    // Processor time of the process: it grows only when the work does.
    while (std::clock() - begin < CLOCKS_PER_SEC / 50) std::this_thread::yield();
    source.request_stop();
  });
  EXPECT_EQ(EigenDecompose(context, a).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
