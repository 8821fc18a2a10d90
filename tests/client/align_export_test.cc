// How an alignment is written for people, and as files.
#include "gramian/cli/align_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gramian::client::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LayerAlignment Sample() {
  LayerAlignment alignment;
  alignment.input_count_a = 3;
  alignment.input_count_b = 2;
  alignment.graph = "graph=angular-weights=gaussian-neighbors=auto";
  alignment.function_count = 2;
  alignment.component_count_a = 1;
  alignment.component_count_b = 1;
  alignment.gap_a = 0.1;
  alignment.gap_b = 0.2;
  alignment.descriptor_count = 7;
  alignment.refinement_count = 10;
  alignment.scores = {0.9, 0.8, 0.7, 0.6, 0.5, 0.4};
  alignment.map = {2, 2, {1, 0, 0.5, 1}};
  alignment.matches = {2, 0};
  alignment.distortion = {0.25, 0.5};
  return alignment;
}

TEST(AlignExportTest, PeopleReadWhatWasFound) {
  LayerAlignment alignment = Sample();
  EXPECT_EQ(RenderAlignment(alignment, "a@0/x to b@0/y"),
            "a@0/x to b@0/y, n = 3 and 2\n"
            "2 functions of graph=angular-weights=gaussian-neighbors=auto\n"
            "map fitted to 7 descriptors, refined in 10 steps\n"
            "\n"
            "corrected             0.700\n"
            "overlap               0.600\n"
            "published             0.900\n"
            "official              0.800\n"
            "orthogonality defect  0.500\n"
            "commutator            0.400\n");
  alignment.is_known = true;
  alignment.refinement_count = 0;
  alignment.accuracy = 0.5;
  alignment.retrieval = Retrieval{2, 0.75, std::nullopt};
  alignment.points_retrieval = Retrieval{9, 0.5, 0.125};
  const std::string text = RenderAlignment(alignment, "x");
  EXPECT_THAT(text, HasSubstr("\nmap of the known correspondence\n"));
  EXPECT_THAT(text, HasSubstr("\nmatched with themselves: 50.0 % of the inputs\n"
                              "mean reciprocal rank of 2 inputs: 0.750\n"
                              "mean reciprocal rank of 9 points carried over: 0.500, by the "
                              "anchors alone 0.125\n"));
}

TEST(AlignExportTest, CautionsAreGivenWhereTheyAreDue) {
  LayerAlignment alignment = Sample();
  EXPECT_THAT(CautionsOf(alignment, 0), IsEmpty());
  EXPECT_THAT(CautionsOf(alignment, 5), IsEmpty());
  EXPECT_THAT(CautionsOf(alignment, 4), ElementsAre(HasSubstr("4 anchors are few")));
  alignment.component_count_b = 3;
  alignment.gap_a = 0.0;
  EXPECT_THAT(CautionsOf(alignment, 5),
              ElementsAre(HasSubstr("1 and 3 components"), HasSubstr("eigenvalues 2 and 3")));
}

TEST(AlignExportTest, JsonHasTheWholeReport) {
  LayerAlignment alignment = Sample();
  alignment.accuracy = 0.5;
  alignment.retrieval = Retrieval{2, 0.75, 0.25};
  const nlohmann::json json = nlohmann::json::parse(ToJson(alignment));
  EXPECT_EQ(json["scores"]["corrected"], 0.7);
  EXPECT_EQ(json["scores"]["commutator"], 0.4);
  EXPECT_EQ(json["map"], nlohmann::json::parse("[[1.0, 0.0], [0.5, 1.0]]"));
  EXPECT_EQ(json["matches"], nlohmann::json::parse("[2, 0]"));
  EXPECT_EQ(json["distortion"][1], 0.5);
  EXPECT_EQ(json["accuracy"], 0.5);
  EXPECT_EQ(json["retrieval"]["anchors"], 0.25);
  EXPECT_FALSE(json.contains("points_retrieval"));
}

TEST(AlignExportTest, MatricesAreCsvOrNpy) {
  EXPECT_EQ(RenderMatrix(Sample().map, ".csv"), "1,0\n0.5,1\n");
  const std::string npy = RenderMatrix(Sample().map, ".npy");
  EXPECT_THAT(npy, HasSubstr("'shape': (2, 2)"));
  EXPECT_EQ(npy.size() % 64, 32U);  // a padded header and four doubles
}

}  // namespace
}  // namespace gramian::client::cli
