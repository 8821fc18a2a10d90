// Goal: the nearest place on a geodesic is found, in few calls. Method: functions with known least
// values, inside, at the ends, and several of them.
#include "gramian/measure/curved_geometry.h"

#include <cmath>

#include "gtest/gtest.h"

namespace gramian {
namespace {

// Of (s - least)^2, counting calls.
double FindSquare(double least, int samples, int* calls) {
  return FindNearest(
             [least, calls](double s) -> absl::StatusOr<Nearness> {
               ++*calls;
               return Nearness{(s - least) * (s - least), 2.0 * (s - least)};
             },
             samples)
      .value();
}

TEST(FindNearestTest, AConvexFunctionNeedsItsEndsAndAFewCalls) {
  for (const double least : {1.0e-3, 0.25, 0.5, 0.875, 0.999}) {
    int calls = 0;
    EXPECT_NEAR(FindSquare(least, 1, &calls), least, 1.0e-12) << least;
    EXPECT_LE(calls, 8);
  }
}

TEST(FindNearestTest, ALeastValueBeyondAnEndIsTheEnd) {
  int calls = 0;
  EXPECT_EQ(FindSquare(-0.5, 1, &calls), 0.0);
  EXPECT_EQ(FindSquare(1.5, 1, &calls), 1.0);
  EXPECT_EQ(FindSquare(0.0, 8, &calls), 0.0);
  EXPECT_EQ(FindSquare(1.0, 8, &calls), 1.0);
}

TEST(FindNearestTest, TheLowestOfSeveralIsFound) {
  // 1 - cos(4 pi s) + s: low at 0, and near 0.48 and 0.98.
  constexpr double kTurn = 4.0 * 3.14159265358979323846;
  const auto bumps = [](double tilt) {
    return [tilt](double s) -> absl::StatusOr<Nearness> {
      return Nearness{1.0 - std::cos(kTurn * s) + tilt * s, kTurn * std::sin(kTurn * s) + tilt};
    };
  };
  EXPECT_EQ(FindNearest(bumps(1.0), 8).value(), 0.0);
  EXPECT_EQ(FindNearest(bumps(-1.0), 8).value(), 1.0);
  // A valley in the middle that is steep on one side.
  const double found = FindNearest(
                           [](double s) -> absl::StatusOr<Nearness> {
                             return Nearness{std::exp(8.0 * (s - 0.3)) - 8.0 * s,
                                             8.0 * std::exp(8.0 * (s - 0.3)) - 8.0};
                           },
                           8)
                           .value();
  EXPECT_NEAR(found, 0.3, 1.0e-12);
}

TEST(FindNearestTest, AnErrorIsPassedOn) {
  const auto failing = [](double) -> absl::StatusOr<Nearness> {
    return absl::CancelledError("stop");
  };
  EXPECT_TRUE(absl::IsCancelled(FindNearest(failing, 1).status()));
}

}  // namespace
}  // namespace gramian
