#include "gramian/cli/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gramian/cli/npy.h"
#include "gramian/cli/output_file.h"
#include "tests/client/sample_matrix.h"

namespace gramian::client::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// A folder of its own, removed with what is in it.
class ExportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }

  fs::path folder_;
};

SimilarityMatrix WithAHole() {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  matrix.cells[1].value = 1.0 / 3.0;
  matrix.cells[2] = {std::nullopt, ScoreStatus::kDegenerateConstant};
  return matrix;
}

TEST_F(ExportTest, CsvIsAGridWithExactValuesAndEmptyHoles) {
  SimilarityMatrix matrix = WithAHole();
  matrix.row_labels[1] = "a,\"b\"";
  EXPECT_EQ(ToCsv(matrix),
            "cka-kernel=linear-hsic=gretton-score,column0,column1\n"
            "row0,0,0.3333333333333333\n"
            "\"a,\"\"b\"\"\",,0.75\n");
}

TEST_F(ExportTest, JsonSaysEverythingAndMarksHoles) {
  const nlohmann::json json = nlohmann::json::parse(ToJson(WithAHole()));
  EXPECT_EQ(json["measure"], "cka-kernel=linear-hsic=gretton-score");
  EXPECT_EQ(json["input_count"], 500);
  EXPECT_EQ(json["rows"], nlohmann::json({"row0", "row1"}));
  EXPECT_EQ(json["values"][0][1], 1.0 / 3.0);
  EXPECT_TRUE(json["values"][1][0].is_null());
  EXPECT_EQ(json["statuses"][1][0], "constant");
  EXPECT_EQ(json["statuses"][1][1], "ok");
}

TEST_F(ExportTest, JsonTakesNamesThatAreNotUtf8) {
  SimilarityMatrix matrix = SampleMatrix(1, 1);
  matrix.row_labels[0] = "caf\xe9";
  EXPECT_FALSE(nlohmann::json::parse(ToJson(matrix), nullptr, false).is_discarded());
}

TEST_F(ExportTest, NpyHasTheShapeOfTheMatrixAndNanInHoles) {
  ASSERT_TRUE(WriteFile(Path("m.npy"), ToNpy(WithAHole())).ok());
  const absl::StatusOr<NpyFile> file = NpyFile::Open(Path("m.npy"), std::nullopt);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->header().shape, ElementsAre(2, 2));
  double values[4];
  std::memcpy(values, file->data().data(), sizeof(values));
  EXPECT_EQ(values[1], 1.0 / 3.0);
  EXPECT_TRUE(std::isnan(values[2]));
}

TEST_F(ExportTest, ScoresOfAPairBecomeRows) {
  Score score;
  score.measure = "cka";
  score.value = 0.5;
  score.input_count = 10;
  score.form = ComputeForm::kFeatureSpace;
  Score hole = score;
  hole.value = std::nullopt;
  hole.status = ScoreStatus::kTooFewInputs;
  EXPECT_EQ(ToCsv({score, hole}),
            "measure,value,status,n,d_a,d_b,larger_is_more_similar,form\n"
            "cka,0.5,ok,10,0,0,true,feature space\n"
            "cka,,too few inputs,10,0,0,true,feature space\n");
  const nlohmann::json json = nlohmann::json::parse(ToJson(std::vector<Score>{score, hole}));
  EXPECT_EQ(json[0]["value"], 0.5);
  EXPECT_TRUE(json[1]["value"].is_null());
}

TEST_F(ExportTest, AViewOfAnOperatorKeepsItsShape) {
  OperatorView view;
  view.row_count = 2;
  view.column_count = 3;
  view.values = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(ToCsv(view), "1,2,3\n4,5,6\n");
  EXPECT_EQ(nlohmann::json::parse(ToJson(view))["values"],
            nlohmann::json({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
  ASSERT_TRUE(WriteFile(Path("v.npy"), ToNpy(view)).ok());
  EXPECT_THAT(NpyFile::Open(Path("v.npy"), std::nullopt)->header().shape, ElementsAre(2, 3));
}

TEST_F(ExportTest, TheExtensionDecidesTheFormat) {
  const SimilarityMatrix matrix = SampleMatrix(2, 2);
  const Figure figure = {matrix, {matrix.measure, "", "", "", ColorScale()}};
  ASSERT_TRUE(
      WriteFigures({figure}, {Path("m.csv"), Path("m.json"), Path("m.npy"), Path("m.svg")}).ok());
  EXPECT_EQ(Read(Path("m.csv")), ToCsv(matrix));
  EXPECT_EQ(Read(Path("m.json")), ToJson(matrix));
  EXPECT_EQ(Read(Path("m.npy")), ToNpy(matrix));
  EXPECT_THAT(Read(Path("m.svg")), HasSubstr("<svg "));
}

TEST_F(ExportTest, SeveralMeasuresGoToAFileEach) {
  SimilarityMatrix other = SampleMatrix(2, 2);
  other.measure = "ms-cka-t=4";
  const Figure a = {SampleMatrix(2, 2), {}};
  const Figure b = {other, {}};
  ASSERT_TRUE(WriteFigures({a, b}, {Path("m.csv")}).ok());
  EXPECT_TRUE(fs::exists(Path("m.cka-kernel=linear-hsic=gretton-score.csv")));
  EXPECT_EQ(Read(Path("m.ms-cka-t=4.csv")), ToCsv(other));
}

TEST_F(ExportTest, UnknownExtensionsAreRefusedBeforehand) {
  EXPECT_TRUE(CheckExtensions({"a.csv", "b/c.json"}, {".csv", ".json"}).ok());
  for (const char* path : {"a.png", "a", "folder.csv/a", ".."}) {
    const absl::Status status = CheckExtensions({path}, {".csv", ".json"});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(std::string(status.message()), HasSubstr("end it in .csv, .json"));
  }
}

}  // namespace
}  // namespace gramian::client::cli
