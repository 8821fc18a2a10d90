// StreamedPairMoments, declared in moments.h.
#include <algorithm>
#include <random>
#include <vector>

#include "gramian/geometry/moments.h"
#include "gtest/gtest.h"
#include "tests/geometry/moments_reference.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::Bound;
using testing::Error;
using testing::NaiveCross;
using testing::RandomActivations;
using testing::Rounded;
using testing::SameBits;

class StreamedPairMomentsTest : public ::testing::Test {
 protected:
  using Result = StreamedPairMoments::Result;

  // Adds rows in the pieces given by their ends.
  static Result Stream(const ComputeContext& context, const MatrixF& x, const MatrixF& y,
                       std::vector<Index> ends) {
    StreamedPairMoments moments(x.cols(), y.cols());
    ends.push_back(x.rows());
    Index begin = 0;
    for (const Index end : ends) {
      const absl::Status status = moments.Add(context, end - begin, x.data() + begin * x.cols(),
                                              y.data() + begin * y.cols());
      EXPECT_TRUE(status.ok()) << status;
      begin = end;
    }
    return std::move(moments).Finish(context).value();
  }

  static void ExpectSameBits(const Result& a, const Result& b) {
    EXPECT_EQ(a.rows, b.rows);
    EXPECT_TRUE(SameBits(a.xx, b.xx));
    EXPECT_TRUE(SameBits(a.yy, b.yy));
    EXPECT_TRUE(SameBits(a.xy, b.xy));
  }
};

TEST_F(StreamedPairMomentsTest, PiecesAndThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  const MatrixF x = RandomActivations(5000, 6, 13).cast<float>();
  const MatrixF y = RandomActivations(5000, 4, 14).cast<float>();
  const Result whole = Stream({}, x, y, {});
  EXPECT_EQ(whole.rows, 5000);
  ExpectSameBits(whole, Stream(threads, x, y, {}));
  ExpectSameBits(whole, Stream({}, x, y, {2047, 2048, 2049, 4096}));
  ExpectSameBits(whole, Stream({}, x, y, {0, 1, 1, 4999}));
  std::mt19937_64 random(15);
  for (int round = 0; round < 20; ++round) {
    std::vector<Index> ends;
    for (int i = 0; i < 30; ++i) {
      ends.push_back(std::uniform_int_distribution<Index>(0, 5000)(random));
    }
    std::sort(ends.begin(), ends.end());
    ExpectSameBits(whole, Stream(round % 2 == 0 ? threads : ComputeContext(), x, y, ends));
  }
}

TEST_F(StreamedPairMomentsTest, AreTheMomentsOfAllRows) {
  for (const Index n : {1, 2, 2047, 2048, 2049, 4500}) {
    for (const double mean : {0.0, 1.0e4, 1.0e6}) {
      const Matrix x = Rounded((RandomActivations(n, 6, 16).array() + mean).matrix());
      const Matrix y = Rounded((RandomActivations(n, 3, 17).array() - mean).matrix());
      const Result got = Stream({}, x.cast<float>(), y.cast<float>(), {});
      if (n == 1) {
        EXPECT_EQ(got.xx, Matrix(Matrix::Zero(6, 6)));
        EXPECT_EQ(got.xy, Matrix(Matrix::Zero(6, 3)));
        continue;
      }
      EXPECT_LE(Error(got.xx, NaiveCross(x, x)), Bound(Arithmetic::kFloat32, x, x)) << n;
      EXPECT_LE(Error(got.yy, NaiveCross(y, y)), Bound(Arithmetic::kFloat32, y, y)) << n;
      EXPECT_LE(Error(got.xy, NaiveCross(x, y)), Bound(Arithmetic::kFloat32, x, y)) << n;
    }
  }
}

TEST_F(StreamedPairMomentsTest, HugeBesideTinyActivationsNeitherOverflowNorVanish) {
  const Matrix x = Rounded(RandomActivations(3000, 5, 18) * 1.0e30);
  const Matrix y = Rounded(RandomActivations(3000, 4, 19) * 1.0e-30);
  const Result got = Stream({}, x.cast<float>(), y.cast<float>(), {});
  EXPECT_LE(Error(got.xx, NaiveCross(x, x)), Bound(Arithmetic::kFloat32, x, x));
  EXPECT_LE(Error(got.yy, NaiveCross(y, y)), Bound(Arithmetic::kFloat32, y, y));
  EXPECT_LE(Error(got.xy, NaiveCross(x, y)), Bound(Arithmetic::kFloat32, x, y));
}

// Opposite values near the largest float32 cannot even be centred in float32.
TEST_F(StreamedPairMomentsTest, TheLargestFloatsAreNoProblem) {
  Matrix x = RandomActivations(3000, 5, 18);
  x = Rounded(x * (3.0e38 / x.cwiseAbs().maxCoeff()));
  const Matrix y = Rounded(RandomActivations(3000, 4, 19));
  const Result got = Stream({}, x.cast<float>(), y.cast<float>(), {});
  EXPECT_LE(Error(got.xx, NaiveCross(x, x)), Bound(Arithmetic::kFloat32, x, x));
  EXPECT_LE(Error(got.xy, NaiveCross(x, y)), Bound(Arithmetic::kFloat32, x, y));
}

}  // namespace
}  // namespace gramian
