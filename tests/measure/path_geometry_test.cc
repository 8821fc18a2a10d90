// Goal: a set of scored points answers as a geometry what it answers itself, and the curvature of
// any geometry is that of its distances.
#include "gramian/measure/path_geometry.h"

#include <memory>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/scored_points.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;

class PathGeometryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeBlas().ok());
    for (uint64_t seed = 1; seed < 5; ++seed)
      layers_.push_back(AsFloat64(RandomActivations(30, 7, seed)));
  }

  std::vector<std::shared_ptr<const Representation>> layers_;
};

TEST_F(PathGeometryTest, ScoredPointsAnswerWhatTheyAre) {
  for (const char* measure : {"cka-distance=angular", "stress"}) {
    const PointSet points = testing::ScorePoints(measure, layers_);
    const ScoredGeometry geometry(ComputeContext(), points);
    EXPECT_EQ(geometry.size(), 4);
    EXPECT_EQ(geometry.Distance(0, 1)->value, points.Distance(0, 1).value);
    EXPECT_EQ(geometry.Angle(0, 1, 2)->value, points.Angle(0, 1, 2).value);
    EXPECT_EQ(geometry.Project(1, 0, 2)->fraction, points.Project(1, 0, 2).fraction);
    EXPECT_EQ(geometry.ToGeodesic(1, 0, 2, 0.3)->value, points.ToGeodesic(1, 0, 2, 0.3).value);
    EXPECT_TRUE(geometry.Tangents({0, 1, 2, 3}, 2).ok());
  }
}

TEST_F(PathGeometryTest, CurvatureIsOfTheMiddleAndTheSides) {
  for (const char* measure : {"procrustes-form=distance", "airm"}) {
    const auto geometry = testing::PlaceLayers(measure, layers_);
    const double to_middle = geometry->ToGeodesic(1, 0, 2, 0.5)->value;
    EXPECT_EQ(geometry->AlexandrovCurvature(0, 1, 2)->value,
              CurvatureOf(to_middle, geometry->Distance(0, 1)->value,
                          geometry->Distance(1, 2)->value, geometry->Distance(0, 2)->value))
        << measure;
  }
}

}  // namespace
}  // namespace gramian
