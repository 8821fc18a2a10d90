#include "gramian/base/tiled_product.h"

#include <ctime>
#include <limits>
#include <stop_token>
#include <thread>

#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

class TiledProductTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static Matrix Random(Index rows, Index cols, Transpose op, uint64_t seed) {
    return op == Transpose::kNo ? testing::RandomNormal(rows, cols, seed)
                                : testing::RandomNormal(cols, rows, seed);
  }
};

// Around the sizes at which products fall into tiles: 64 is the smallest, for the longest sums.
TEST_F(TiledProductTest, IsTheProduct) {
  ComputeArena arena(3);
  ComputeContext context;
  context.arena = &arena;
  struct Shape {
    Index m, n, k;
  };
  for (const Shape& shape : {Shape{1, 1, 1},
                             {0, 5, 3},
                             {5, 0, 3},
                             {3, 4, 0},
                             {64, 64, 13'000},
                             {65, 63, 13'000},
                             {64, 129, 13'000},
                             {700, 20, 1000},
                             {20, 700, 1000},
                             {384, 385, 1000},
                             {600, 500, 1000}}) {
    for (const Transpose a_op : {Transpose::kNo, Transpose::kYes}) {
      for (const Transpose b_op : {Transpose::kNo, Transpose::kYes}) {
        const Matrix a = Random(shape.m, shape.k, a_op, 1);
        const Matrix b = Random(shape.k, shape.n, b_op, 2);
        const Matrix tiled = Product(context, a, a_op, b, b_op).value();
        const Matrix whole = Product(a, a_op, b, b_op);
        ASSERT_EQ(tiled.rows(), shape.m);
        ASSERT_EQ(tiled.cols(), shape.n);
        EXPECT_LE((tiled - whole).norm(), static_cast<double>(shape.k) * kEps * a.norm() * b.norm())
            << shape.m << " x " << shape.n << " x " << shape.k;
      }
    }
  }
}

TEST_F(TiledProductTest, ThreadsDoNotChangeABit) {
  const Matrix a = testing::RandomNormal(600, 1000, 1);
  const Matrix alone = Product(ComputeContext(), a, Transpose::kNo, a, Transpose::kYes).value();
  ComputeArena arena(4);
  ComputeContext context;
  context.arena = &arena;
  const Matrix together = Product(context, a, Transpose::kNo, a, Transpose::kYes).value();
  EXPECT_TRUE(alone == together);
}

// Goal: a stop is obeyed long before the end. Method: a product that takes a second and more,
// stopped when the work has surely begun.
TEST_F(TiledProductTest, AStopEndsItEarly) {
  const Matrix a = testing::RandomNormal(2000, 2000, 1);
  std::stop_source source;
  ComputeContext context;
  context.stop = source.get_token();
  const std::clock_t begin = std::clock();
  std::jthread stopper([&] {
    // Processor time of the process: it grows only when the work does.
    while (std::clock() - begin < CLOCKS_PER_SEC / 50) std::this_thread::yield();
    source.request_stop();
  });
  EXPECT_TRUE(absl::IsCancelled(Product(context, a, Transpose::kNo, a, Transpose::kNo).status()));
}

}  // namespace
}  // namespace gramian
