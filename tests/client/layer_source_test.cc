#include "gramian/cli/layer_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gramian::client::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LayerSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A .npy file of these elements.
  template <typename T>
  std::string Write(const std::string& name, const std::string& descr,
                    const std::vector<int64_t>& shape, const std::vector<T>& values) const {
    const std::string dictionary =
        absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
                     absl::StrJoin(shape, ","), ",)}");
    std::string file = "\x93NUMPY\x01";
    file.push_back('\0');
    file.push_back(static_cast<char>(dictionary.size()));
    file.push_back('\0');
    file += dictionary;
    file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << file;
    return path;
  }

  std::string Touch(const std::string& name) const {
    return Write<float>(name, "<f4", {1, 1}, {0});
  }

  fs::path folder_;
};

TEST_F(LayerSourceTest, DimensionsOfTangentDataGiveTheirCoordinates) {
  const auto load = [&](const std::vector<int64_t>& shape, RowKind kind) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const std::string path =
        Write("t.npy", "<f4", shape, std::vector<float>(static_cast<size_t>(count), 1.0F));
    return LayerData::Load(path, std::nullopt, Reduction::kNone, kind);
  };
  EXPECT_EQ(load({2, 5, 3}, RowKind::kJacobian)->coordinate_count(), 3);
  EXPECT_EQ(load({2, 5, 3}, RowKind::kJacobian)->feature_count(), 15);
  EXPECT_EQ(load({2, 5, 3}, RowKind::kSoftmaxJacobian)->coordinate_count(), 2);
  EXPECT_EQ(load({2, 6}, RowKind::kFactor)->coordinate_count(), 3);
  EXPECT_EQ(load({2, 1}, RowKind::kPullbackMetric)->coordinate_count(), 1);
  EXPECT_EQ(load({2, 7}, RowKind::kActivations)->coordinate_count(), 0);
  const auto error = [&](const std::vector<int64_t>& shape, RowKind kind) {
    return std::string(load(shape, kind).status().message());
  };
  EXPECT_THAT(error({2, 15}, RowKind::kJacobian), HasSubstr("inputs x features x coordinates"));
  EXPECT_THAT(error({2, 5, 1}, RowKind::kSoftmaxJacobian), HasSubstr("(1 + coordinates)"));
  EXPECT_THAT(error({2, 5}, RowKind::kFactor), HasSubstr("packed upper triangles"));
  EXPECT_THAT(error({2, 3, 3}, RowKind::kFactor), HasSubstr("packed upper triangles"));
}

TEST_F(LayerSourceTest, KindsOfRowsHaveNames) {
  EXPECT_EQ(ParseRowKind("pullback_metric").value(), RowKind::kPullbackMetric);
  EXPECT_THAT(std::string(ParseRowKind("odd").status().message()), HasSubstr("softmax_jacobian"));
}

std::vector<std::string> Layers(const std::vector<LayerFile>& files) {
  std::vector<std::string> layers;
  for (const LayerFile& file : files) layers.push_back(absl::StrCat(file.ordinal, ":", file.layer));
  return layers;
}

std::vector<float> Floats(const LayerData& data) {
  std::vector<float> values(static_cast<size_t>(data.row_count() * data.feature_count()));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
  return values;
}

TEST_F(LayerSourceTest, AFolderIsReadInNaturalOrder) {
  for (const char* name : {"relu10.npy", "relu2.npy", "relu1.npy", "notes.txt"}) Touch(name);
  const absl::StatusOr<std::vector<LayerFile>> files = FindLayerFiles({folder_}, {});
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(Layers(*files), ElementsAre("0:relu1", "1:relu2", "2:relu10"));
}

TEST_F(LayerSourceTest, NaturalOrderIsAStrictOrder) {
  std::vector<std::string> names = {"a10", "a9",  "a09", "a",  "b1.2", "b1.10",
                                    "B",   "a9x", "",    "10", "9"};
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return NaturalLess(a, b); });
  EXPECT_THAT(names,
              ElementsAre("", "9", "10", "B", "a", "a09", "a9", "a9x", "a10", "b1.2", "b1.10"));
  for (const std::string& a : names) {
    for (const std::string& b : names) {
      EXPECT_EQ(NaturalLess(a, b) + NaturalLess(b, a) + (a == b), 1) << a << " and " << b;
    }
  }
}

TEST_F(LayerSourceTest, NaturalOrderDoesNotDependOnTheSignOfChar) {
  EXPECT_TRUE(NaturalLess("z", "ä"));
  EXPECT_FALSE(NaturalLess("ä", "z"));
}

TEST_F(LayerSourceTest, AnExplicitOrderWins) {
  for (const char* name : {"relu1.npy", "logits.npy"}) Touch(name);
  EXPECT_THAT(Layers(*FindLayerFiles({folder_}, {"relu1", "logits"})),
              ElementsAre("0:relu1", "1:logits"));
}

TEST_F(LayerSourceTest, AnOrderMustNameExactlyTheLayers) {
  for (const char* name : {"relu1.npy", "logits.npy"}) Touch(name);
  EXPECT_THAT(std::string(FindLayerFiles({folder_}, {"relu1"}).status().message()),
              HasSubstr("logits"));
  EXPECT_THAT(std::string(FindLayerFiles({folder_}, {"relu1", "logits", "x"}).status().message()),
              HasSubstr("names 3 layers"));
}

TEST_F(LayerSourceTest, FileStemsArePercentDecoded) {
  Touch("encoder%2F0%3Arelu.npy");
  Touch("100%.npy");
  EXPECT_THAT(Layers(*FindLayerFiles({folder_}, {})), ElementsAre("0:100%", "1:encoder/0:relu"));
}

TEST_F(LayerSourceTest, WhatIsNotThereOrThereTwiceIsRefused) {
  EXPECT_EQ(FindLayerFiles({"/nowhere"}, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(FindLayerFiles({folder_}, {}).status().message()),
              HasSubstr("no .npy file"));
  const std::string path = Touch("a.npy");
  EXPECT_THAT(std::string(FindLayerFiles({path, folder_}, {}).status().message()),
              HasSubstr("are the layer a"));
}

TEST_F(LayerSourceTest, TwoDimensionsNeedNoReduction) {
  const std::string path = Write<float>("a.npy", "<f4", {2, 3}, {1, 2, 3, 4, 5, 6});
  const absl::StatusOr<LayerData> data = LayerData::Load(path, std::nullopt, Reduction::kNone);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->row_count(), 2);
  EXPECT_EQ(data->feature_count(), 3);
  EXPECT_EQ(data->row_bytes(), 12);
  EXPECT_THAT(Floats(*data), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(LayerSourceTest, FlattenJoinsAllButTheFirstDimension) {
  const std::string path = Write<float>("a.npy", "<f4", {2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const absl::StatusOr<LayerData> data = LayerData::Load(path, std::nullopt, Reduction::kFlatten);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->feature_count(), 3);
}

TEST_F(LayerSourceTest, AvgPoolTakesMeansOverSpace) {
  const std::string path = Write<float>("a.npy", "<f4", {1, 2, 2, 2}, {1, 2, 3, 6, -1, -1, -1, 7});
  const absl::StatusOr<LayerData> data = LayerData::Load(path, std::nullopt, Reduction::kAvgPool);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(Floats(*data), ElementsAre(3, 1));
}

TEST_F(LayerSourceTest, AvgPoolReadsEveryElementType) {
  const std::string half =
      Write<uint16_t>("h.npy", "<f2", {1, 3, 2}, {0x3c00, 0x4000, 0x8001, 0x8001, 0x7bff, 0x7bff});
  EXPECT_THAT(Floats(*LayerData::Load(half, std::nullopt, Reduction::kAvgPool)),
              ElementsAre(1.5F, -std::ldexp(1.0F, -24), 65504.0F));
  const std::string brain = Write<uint16_t>("b.npy", "|V2", {1, 1, 2}, {0x3f80, 0xc040});
  EXPECT_THAT(Floats(*LayerData::Load(brain, std::nullopt, Reduction::kAvgPool)),
              ElementsAre(-1.0F));
  const std::string full = Write<double>("d.npy", "<f8", {1, 1, 2}, {1e300, -1e300});
  EXPECT_THAT(Floats(*LayerData::Load(full, std::nullopt, Reduction::kAvgPool)), ElementsAre(0.0F));
}

TEST_F(LayerSourceTest, DimensionsThatDoNotSuitAreRefused) {
  const std::string cube = Write<float>("a.npy", "<f4", {2, 1, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(std::string(LayerData::Load(cube, std::nullopt, Reduction::kNone).status().message()),
              HasSubstr("--reduction flatten or avg_pool"));
  const std::string line = Write<float>("b.npy", "<f4", {3}, {1, 2, 3});
  EXPECT_THAT(
      std::string(LayerData::Load(line, std::nullopt, Reduction::kFlatten).status().message()),
      HasSubstr("inputs x features"));
  const std::string empty = Write<float>("c.npy", "<f4", {0, 3}, {});
  EXPECT_THAT(
      std::string(LayerData::Load(empty, std::nullopt, Reduction::kNone).status().message()),
      HasSubstr("empty"));
}

TEST_F(LayerSourceTest, ReductionsAreParsedByName) {
  for (const Reduction reduction : {Reduction::kNone, Reduction::kFlatten, Reduction::kAvgPool}) {
    EXPECT_EQ(*ParseReduction(Name(reduction)), reduction);
  }
  EXPECT_FALSE(ParseReduction("max").ok());
}

}  // namespace
}  // namespace gramian::client::cli
