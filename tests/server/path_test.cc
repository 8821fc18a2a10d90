// Goal: AnalyzePath over a real socket says what the scores say, and refuses what it must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 60;

class PathTest : public ServerFixture {
 protected:
  void SetUp() override {
    Start();
    for (const char* network : {"net", "other"}) {
      for (int i = 0; i < 4; ++i) {
        // The first layer is the same for both.
        const auto seed = static_cast<uint32_t>(i == 0 ? 0 : network[0] + i);
        const Activations x = RandomActivations(kRows, 5 + i, seed);
        v1::UploadHeader header = Header(x, absl::StrCat("l", i), 0, network);
        header.set_ordinal(i);
        ASSERT_TRUE(Upload(header, CutRows(x, 16)).status.ok());
      }
    }
  }

  static v1::AnalyzePathRequest Request(const std::vector<std::string>& networks) {
    v1::AnalyzePathRequest request;
    for (const std::string& network : networks) {
      request.add_paths()->set_snapshot(SnapshotName(0, network));
    }
    return request;
  }

  grpc::Status Analyze(const v1::AnalyzePathRequest& request, v1::AnalyzePathResponse* response) {
    const auto context = Context();
    return similarity_->AnalyzePath(context.get(), request, response);
  }

  void ExpectRefused(const v1::AnalyzePathRequest& request, grpc::StatusCode code,
                     const std::string& text) {
    v1::AnalyzePathResponse response;
    const grpc::Status status = Analyze(request, &response);
    EXPECT_EQ(status.error_code(), code);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }
};

TEST_F(PathTest, APathHasWhatItsPointsHave) {
  v1::AnalyzePathResponse response;
  ASSERT_TRUE(Analyze(Request({"net"}), &response).ok());
  EXPECT_EQ(response.measure(), "cka-kernel=linear-hsic=gretton-score");
  EXPECT_EQ(response.space(), v1::SCORE_SPACE_SPHERE);
  EXPECT_EQ(response.input_count(), kRows);
  EXPECT_EQ(response.point_count(), 4);
  EXPECT_FALSE(response.has_mean());
  EXPECT_FALSE(response.has_picture());
  ASSERT_EQ(response.paths_size(), 1);
  const v1::NetworkPath& path = response.paths(0);
  EXPECT_EQ(path.label(), "net@0");
  EXPECT_EQ(path.snapshot(), SnapshotName(0, "net"));
  ASSERT_EQ(path.points_size(), 4);
  double length = 0;
  for (int i = 0; i < 4; ++i) {
    const v1::PathPoint& point = path.points(i);
    EXPECT_EQ(point.label(), absl::StrCat("l", i));
    EXPECT_EQ(point.layer(), LayerName(point.label(), 0, "net"));
    EXPECT_EQ(point.has_segment(), i < 3);
    EXPECT_EQ(point.has_target_angle(), i < 2);
    EXPECT_EQ(point.has_angle(), i == 1 || i == 2);
    EXPECT_EQ(point.has_curvature(), point.has_angle());
    EXPECT_EQ(point.has_projection(), point.has_angle());
    if (point.has_segment()) length += point.segment().value();
  }
  EXPECT_DOUBLE_EQ(path.length().value(), length);
  EXPECT_DOUBLE_EQ(path.slack().value(), length / path.geodesic().value());
  // A segment is the arccos of CKA, which is known now.
  v1::CompareLayersResponse scores;
  ASSERT_TRUE(Compare(path.points(0).layer(), path.points(1).layer(), {"cka"}, &scores).ok());
  EXPECT_TRUE(scores.scores(0).cached());
  EXPECT_DOUBLE_EQ(path.points(0).segment().value(), std::acos(scores.scores(0).value()));
}

TEST_F(PathTest, SeveralPathsArePlacedTogether) {
  v1::AnalyzePathRequest request = Request({"net", "other"});
  request.set_measure("stress");
  request.set_picture_dimension_count(2);
  request.set_direction_count(3);
  request.add_geodesic_fractions(0);
  for (v1::PathSource& path : *request.mutable_paths()) path.set_target(LayerName("l1"));
  v1::AnalyzePathResponse response;
  ASSERT_TRUE(Analyze(request, &response).ok());
  EXPECT_EQ(response.space(), v1::SCORE_SPACE_EUCLIDEAN);
  // The first layers are equal, the target is a layer of the first.
  EXPECT_EQ(response.point_count(), 7);
  ASSERT_EQ(response.paths(0).points_size(), 4);
  ASSERT_EQ(response.paths(1).points_size(), 5);
  EXPECT_EQ(response.paths(1).points(4).layer(), LayerName("l1"));
  EXPECT_EQ(response.mean().status(), v1::SCORE_STATUS_OK);
  EXPECT_EQ(response.mean().shares_size(), 3);
  for (const v1::NetworkPath& path : response.paths()) {
    for (const v1::PathPoint& point : path.points()) {
      EXPECT_EQ(point.picture_coordinates_size(), 2);
      EXPECT_EQ(point.direction_coordinates_size(), 3);
      EXPECT_TRUE(point.mean_distance().has_value());
      ASSERT_EQ(point.geodesic_distances_size(), 1);
    }
    EXPECT_EQ(path.points(0).geodesic_distances(0).value(), 0);
  }
  // Points that two paths share are at one place.
  EXPECT_EQ(response.paths(0).points(0).picture_coordinates(0),
            response.paths(1).points(0).picture_coordinates(0));
}

TEST_F(PathTest, WhatIsNotDefinedHasAStatus) {
  Activations constant{kRows, 3, std::vector<float>(3 * kRows, 2.0F)};
  v1::UploadHeader header = Header(constant, "dead", 0, "net");
  header.set_ordinal(2);
  ASSERT_TRUE(Upload(header, CutRows(constant, 16)).status.ok());
  v1::AnalyzePathRequest request = Request({"net"});
  request.set_picture_dimension_count(2);
  v1::AnalyzePathResponse response;
  ASSERT_TRUE(Analyze(request, &response).ok());
  const v1::NetworkPath& path = response.paths(0);
  EXPECT_EQ(path.length().status(), v1::SCORE_STATUS_DEGENERATE_CONSTANT);
  EXPECT_FALSE(path.length().has_value());
  EXPECT_TRUE(path.geodesic().has_value());
  ASSERT_EQ(path.points(2).label(), "dead");
  EXPECT_EQ(path.points(2).picture_coordinates_size(), 0);
  EXPECT_EQ(path.points(3).picture_coordinates_size(), 2);
  // A closed path has no geodesic.
  request.mutable_paths(0)->set_input(LayerName("l0"));
  request.mutable_paths(0)->set_target(LayerName("l0"));
  ASSERT_TRUE(Analyze(request, &response).ok());
  EXPECT_EQ(response.paths(0).points(1).projection().status(), v1::SCORE_STATUS_COINCIDING_POINTS);
}

TEST_F(PathTest, WhatCannotBeAnsweredIsRefused) {
  using grpc::StatusCode;
  ExpectRefused({}, StatusCode::INVALID_ARGUMENT, "0 paths are asked for");
  ExpectRefused(Request({"nobody"}), StatusCode::NOT_FOUND, "nobody");
  v1::AnalyzePathRequest request = Request({"net"});
  request.set_measure("hsic");
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "does not place layers in a space");
  request = Request({"net"});
  request.add_geodesic_fractions(std::numeric_limits<double>::quiet_NaN());
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "must be from 0 to 1");
  request = Request({"net"});
  request.set_picture_dimension_count(65);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "picture_dimension_count is 65");
  request = Request({"net"});
  request.set_direction_count(-1);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "direction_count is -1");
  request = Request({"net"});
  request.mutable_paths(0)->add_layers("l0");
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "fewer than two points");
  request = Request({"net"});
  request.mutable_paths(0)->set_target("not a name");
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "not a name");
}

TEST_F(PathTest, ShapesAndPositiveDefiniteMatricesAreSpaces) {
  const std::pair<const char*, v1::ScoreSpace> cases[] = {
      {"procrustes", v1::SCORE_SPACE_SHAPE},
      {"procrustes-form=angular", v1::SCORE_SPACE_ANGULAR_SHAPE},
      {"airm", v1::SCORE_SPACE_POSITIVE_DEFINITE}};
  for (const auto& [measure, space] : cases) {
    v1::AnalyzePathRequest request = Request({"net"});
    request.set_measure(measure);
    request.set_direction_count(1);
    v1::AnalyzePathResponse response;
    ASSERT_TRUE(Analyze(request, &response).ok());
    EXPECT_EQ(response.space(), space);
    EXPECT_EQ(response.mean().status(), v1::SCORE_STATUS_OK);
    const v1::PathPoint& point = response.paths(0).points(1);
    EXPECT_EQ(point.angle().status(), v1::SCORE_STATUS_OK);
    EXPECT_EQ(point.projection().status(), v1::SCORE_STATUS_OK);
    EXPECT_EQ(point.projection().line_fraction(), point.projection().fraction());
  }
}

TEST_F(PathTest, MeasuresSayWhereTheyPlaceLayers) {
  const auto context = Context();
  v1::ListMeasuresResponse response;
  ASSERT_TRUE(similarity_->ListMeasures(context.get(), {}, &response).ok());
  for (const v1::Measure& measure : response.measures()) {
    if (measure.family() == "stress") {
      EXPECT_EQ(measure.space(), v1::SCORE_SPACE_EUCLIDEAN);
    } else if (measure.family() == "cka" || measure.family() == "ms-cka") {
      EXPECT_EQ(measure.space(), v1::SCORE_SPACE_SPHERE) << measure.name();
    } else if (measure.family() == "airm") {
      EXPECT_EQ(measure.space(), v1::SCORE_SPACE_POSITIVE_DEFINITE);
    } else if (measure.family() == "hsic") {
      EXPECT_EQ(measure.space(), v1::SCORE_SPACE_UNSPECIFIED);
    }
  }
}

}  // namespace
}  // namespace gramian::testing
