// How a comparison of pullback metrics is written for people, tables and programs.
#include "gramian/cli/tangent_export.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gramian::client::cli {
namespace {

// An input with distances, one without.
TangentReport Sample() {
  TangentReport report;
  report.input_count = 2;
  report.coordinate_count = 2;
  report.distance = 0.75;
  report.similarity = 0.25;
  report.standard_error = 0.25;
  report.log_scale_mean = 0.5;
  report.shape_mean = 1;
  report.airm_mean = 1.5;
  report.compared_count = 1;
  report.compared_weight = 0.5;
  report.rank_mismatch_count = 1;
  report.field = {{0.5, 0.5, 1.0, 1.5, 2, false}, {1.0, {}, {}, {}, 2, true}};
  return report;
}

TEST(TangentExportTest, PeopleReadATable) {
  EXPECT_EQ(RenderTangents(Sample()),
            "2 inputs, 2 coordinates\n"
            "similarity                0.2500\n"
            "distance        0.7500 +- 0.2500\n"
            "log scale                 0.5000\n"
            "shape distance            1.0000\n"
            "AIRM                      1.5000\n"
            "1 inputs: one layer sees directions that the other does not; their ratio is 1\n");
  TangentReport report = Sample();
  report.coordinate_count = 1;
  report.compared_count = 0;
  report.rank_mismatch_count = 0;
  report.degenerate_count = 3;
  report.vanishing_count = 1;
  EXPECT_EQ(RenderTangents(report),
            "2 inputs, 1 coordinate\n"
            "similarity                0.2500\n"
            "distance        0.7500 +- 0.2500\n"
            "log scale                      -\n"
            "shape distance                 -\n"
            "AIRM                           -\n"
            "2 inputs: both layers are blind in some direction; the others are compared\n"
            "1 inputs: neither layer changes at all; their ratio is 0\n"
            "With 1 coordinate the distance is 0 whatever the layers are.\n");
}

TEST(TangentExportTest, CsvHasARowForEachInput) {
  EXPECT_EQ(ToCsv(Sample()),
            "input,spectral_ratio,log_scale,shape,airm,joint_rank,rank_mismatch\n"
            "0,0.5,0.5,1,1.5,2,false\n"
            "1,1,,,,2,true\n");
}

TEST(TangentExportTest, JsonHoldsEverything) {
  const nlohmann::json json = nlohmann::json::parse(ToJson(Sample()));
  EXPECT_EQ(json["distance"], 0.75);
  EXPECT_EQ(json["airm_mean"], 1.5);
  EXPECT_EQ(json["compared_weight"], 0.5);
  EXPECT_EQ(json["field"][0]["shape"], 1.0);
  EXPECT_TRUE(json["field"][1]["shape"].is_null());
  EXPECT_EQ(json["field"][1]["rank_mismatch"], true);
  TangentReport report = Sample();
  report.compared_count = 0;
  EXPECT_TRUE(nlohmann::json::parse(ToJson(report))["airm_mean"].is_null());
}

}  // namespace
}  // namespace gramian::client::cli
