// Goal: AlignLayers over a real socket sends the report and every part, and refuses what it must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 90;

// A report and the values of its parts.
struct Alignment {
  grpc::Status status;
  v1::AlignmentReport report;
  std::map<v1::AlignmentPartKind, std::vector<double>> parts;
};

class AlignTest : public ServerFixture {
 protected:
  void SetUp() override {
    Start();
    x_ = RandomActivations(kRows, 6, 1);
    MustUpload(x_, "x");
    Activations scaled = x_;
    for (float& value : scaled.values) value *= -4.0F;
    MustUpload(scaled, "scaled");
    MustUpload(RandomActivations(kRows, 5, 2), "other");
  }

  static v1::AlignLayersRequest Request(const std::string& a, const std::string& b) {
    v1::AlignLayersRequest request;
    request.set_layer_a(LayerName(a));
    request.set_layer_b(LayerName(b));
    request.set_function_count(20);
    request.set_neighbor_count(10);
    return request;
  }

  Alignment Align(const v1::AlignLayersRequest& request) {
    const auto context = Context();
    const auto reader = similarity_->AlignLayers(context.get(), request);
    Alignment alignment;
    v1::AlignLayersResponse response;
    bool is_first = true;
    while (reader->Read(&response)) {
      EXPECT_EQ(response.has_report(), is_first);
      if (is_first) {
        alignment.report = response.report();
      } else {
        auto& values = alignment.parts[response.block().kind()];
        EXPECT_EQ(
            static_cast<size_t>(response.block().first_row() * response.block().column_count() +
                                response.block().first_column()),
            values.size());
        values.insert(values.end(), response.block().values().begin(),
                      response.block().values().end());
      }
      is_first = false;
    }
    alignment.status = reader->Finish();
    return alignment;
  }

  void ExpectRefused(const v1::AlignLayersRequest& request, grpc::StatusCode code,
                     const std::string& text) {
    const grpc::Status status = Align(request).status;
    EXPECT_EQ(status.error_code(), code);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }

  Activations x_;
};

TEST_F(AlignTest, AKnownCorrespondenceSendsEveryPart) {
  v1::AlignLayersRequest request = Request("x", "scaled");
  request.set_functions(LayerName("other"));
  request.set_points(LayerName("x"));
  request.set_truth(LayerName("scaled"));
  const Alignment alignment = Align(request);
  ASSERT_TRUE(alignment.status.ok()) << alignment.status.error_message();
  const v1::AlignmentReport& report = alignment.report;
  EXPECT_EQ(report.input_count_a(), kRows);
  EXPECT_EQ(report.input_count_b(), kRows);
  EXPECT_EQ(report.graph(), "graph=angular-weights=gaussian-neighbors=10");
  EXPECT_EQ(report.function_count(), 20);
  EXPECT_TRUE(report.is_known());
  EXPECT_NEAR(report.scores().corrected(), 1.0, 1.0e-6);
  EXPECT_NEAR(report.scores().published(), 1.0, 1.0e-6);
  EXPECT_EQ(report.accuracy(), 1.0);
  EXPECT_EQ(report.retrieval().count(), kRows);
  EXPECT_EQ(report.retrieval().aligned(), 1.0);
  EXPECT_FALSE(report.retrieval().has_anchors());
  EXPECT_EQ(report.points_retrieval().aligned(), 1.0);
  ASSERT_EQ(report.parts_size(), 5);
  ASSERT_EQ(alignment.parts.size(), 5U);
  for (const v1::AlignmentPart& part : report.parts()) {
    EXPECT_EQ(static_cast<int64_t>(alignment.parts.at(part.kind()).size()),
              part.row_count() * part.column_count());
  }
  const std::vector<double>& matches = alignment.parts.at(v1::ALIGNMENT_PART_KIND_MATCHES);
  for (size_t i = 0; i < matches.size(); ++i) EXPECT_EQ(matches[i], static_cast<double>(i));
  // x times the rotation -1.
  const std::vector<double>& points = alignment.parts.at(v1::ALIGNMENT_PART_KIND_POINTS);
  for (size_t i = 0; i < points.size(); ++i) EXPECT_NEAR(points[i], -x_.values[i], 1.0e-9);
}

TEST_F(AlignTest, AnchorsAreFitted) {
  v1::AlignLayersRequest request = Request("x", "scaled");
  for (int64_t i = 0; i < kRows; i += 10) {
    v1::Anchor* anchor = request.add_anchors();
    anchor->set_input_a(i);
    anchor->set_input_b(i);
    request.add_labels_a(i);
  }
  request.clear_labels_a();
  request.set_solver(v1::MAP_SOLVER_ITERATIVE);
  request.add_descriptors(v1::DESCRIPTOR_COSINE);
  request.set_transfer(v1::TRANSFER_KIND_LINEAR);
  request.set_refinement_count(2);
  request.mutable_weights()->set_descriptor_weight(1);
  request.mutable_weights()->set_laplacian_weight(0.01);
  const Alignment alignment = Align(request);
  ASSERT_TRUE(alignment.status.ok()) << alignment.status.error_message();
  EXPECT_FALSE(alignment.report.is_known());
  EXPECT_EQ(alignment.report.descriptor_count(), 9);
  EXPECT_GT(alignment.report.iteration_count(), 0);
  EXPECT_EQ(alignment.report.refinement_count(), 2);
  EXPECT_GT(alignment.report.accuracy(), 0.9);
  EXPECT_TRUE(alignment.report.retrieval().has_anchors());
  EXPECT_EQ(alignment.report.parts_size(), 3);
}

TEST_F(AlignTest, WhatCannotBeAnsweredIsRefused) {
  using grpc::StatusCode;
  ExpectRefused({}, StatusCode::INVALID_ARGUMENT, "name");
  ExpectRefused(Request("x", "nothing"), StatusCode::NOT_FOUND, "nothing");
  v1::AlignLayersRequest request = Request("x", "scaled");
  request.set_graph_metric(static_cast<v1::GraphMetric>(99));
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "graph_metric has the unknown value 99");
  request = Request("x", "scaled");
  request.add_descriptors(v1::DESCRIPTOR_UNSPECIFIED);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "a descriptor has the unknown value 0");
  request = Request("x", "scaled");
  request.set_neighbor_count(-1);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "neighbor_count is -1");
  request = Request("x", "scaled");
  request.set_function_count(501);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "must be from 3 to 500");
  request = Request("x", "scaled");
  request.add_anchors()->set_input_a(kRows);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "anchor 90 of layer a");
  request = Request("x", "scaled");
  request.set_refinement_count(-1);
  ExpectRefused(request, StatusCode::INVALID_ARGUMENT, "must be from 0 to 18");
  const Activations constant{kRows, 3, std::vector<float>(3 * kRows, 2.0F)};
  MustUpload(constant, "dead");
  const grpc::Status dead = Align(Request("x", "dead")).status;
  EXPECT_EQ(dead.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(dead), "LAYER_CONSTANT");
}

}  // namespace
}  // namespace gramian::testing
