// How a report about paths is written for people, tables and figures.
#include "gramian/cli/path_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Three points, of which the middle one has no direction to the target.
PathReport Sample() {
  PathReport report;
  report.measure = "cka";
  report.space = PathSpace::kSphere;
  report.input_count = 50;
  report.point_count = 3;
  NetworkPath path;
  path.label = "a@1";
  path.length = {1.5, ScoreStatus::kOk};
  path.geodesic = {0.75, ScoreStatus::kOk};
  path.slack = {2.0, ScoreStatus::kOk};
  path.points.resize(3);
  path.points[0].label = "in";
  path.points[0].segment = PathValue{0.5, ScoreStatus::kOk};
  path.points[0].target_angle = PathValue{std::nullopt, ScoreStatus::kCoincidingPoints};
  path.points[1].label = "mid,<dle>";
  path.points[1].segment = PathValue{1.0, ScoreStatus::kOk};
  path.points[1].angle = PathValue{3.0, ScoreStatus::kOk};
  path.points[1].curvature = PathValue{0.125, ScoreStatus::kOk};
  path.points[1].projection = PathProjection{ScoreStatus::kOk, 0.25, 0.5, 0.25, 0.5};
  path.points[2].label = "out";
  double place = 0;
  for (PathPoint& point : path.points) point.picture_coordinates = {place++, 0.5};
  report.paths = {path};
  report.picture = PathPicture{0.01, 3};
  return report;
}

TEST(PathExportTest, PeopleReadATable) {
  EXPECT_EQ(RenderPaths(Sample()),
            "cka, on a sphere, n = 50\n"
            "\n"
            "a@1: length 1.500, geodesic 0.750, slack 2.000\n"
            "point       step  angle          to target  on geodesic   away  curvature\n"
            "in         0.500      -  coinciding points            -      -          -\n"
            "mid,<dle>  1.000  3.000                  -       25.0 %  0.500      0.125\n"
            "out            -      -                  -            -      -          -\n");
}

TEST(PathExportTest, EverySpaceHasItsWords) {
  const std::pair<PathSpace, std::pair<const char*, const char*>> cases[] = {
      {PathSpace::kSphere, {"on a sphere", "sphere"}},
      {PathSpace::kEuclidean, {"in a Euclidean space", "Euclidean"}},
      {PathSpace::kShape, {"among shapes", "shape"}},
      {PathSpace::kAngularShape, {"among shapes of unit norm", "angular shape"}},
      {PathSpace::kPositiveDefinite, {"among positive definite matrices", "positive definite"}}};
  for (const auto& [space, words] : cases) {
    PathReport report = Sample();
    report.space = space;
    EXPECT_THAT(RenderPaths(report),
                ::testing::StartsWith("cka, " + std::string(words.first) + ", n"));
    EXPECT_EQ(nlohmann::json::parse(ToJson(report))["space"], words.second);
  }
}

TEST(PathExportTest, CsvHasARowForEachPoint) {
  EXPECT_EQ(ToCsv(Sample()),
            "network,point,segment,angle,target_angle,fraction,distance,line_fraction,"
            "line_distance,curvature,mean_distance,x,y\n"
            "a@1,in,0.5,,,,,,,,,0,0.5\n"
            "a@1,\"mid,<dle>\",1,3,,0.25,0.5,0.25,0.5,0.125,,1,0.5\n"
            "a@1,out,,,,,,,,,,2,0.5\n");
}

TEST(PathExportTest, JsonSaysWhyThereIsNoValue) {
  const nlohmann::json json = nlohmann::json::parse(ToJson(Sample()));
  const nlohmann::json& points = json["paths"][0]["points"];
  EXPECT_TRUE(points[0]["target_angle"]["value"].is_null());
  EXPECT_EQ(points[0]["target_angle"]["status"], "coinciding points");
  EXPECT_FALSE(points[0].contains("angle"));
  EXPECT_EQ(points[1]["projection"]["fraction"], 0.25);
  EXPECT_EQ(json["picture"]["stress"], 0.01);
  EXPECT_FALSE(json.contains("mean"));
}

TEST(PathExportTest, AFigureHasALineAndALabelForEachPoint) {
  const std::string svg = RenderSvg(Sample());
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, HasSubstr("mid,&lt;dle&gt;"));
  EXPECT_THAT(svg, HasSubstr("stress-1 of the picture 0.010"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(PathExportTest, PointsAtOnePlaceOrNoneAreNoProblem) {
  PathReport report = Sample();
  for (PathPoint& point : report.paths[0].points) point.picture_coordinates = {1, 1};
  EXPECT_THAT(RenderSvg(report), Not(HasSubstr("nan")));
  for (PathPoint& point : report.paths[0].points) point.picture_coordinates.clear();
  const std::string svg = RenderSvg(report);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("<circle")));
}

}  // namespace
}  // namespace gramian::client::cli
