#include "gramian/cli/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gramian::client::cli {
namespace {

LayerInfo Layer(const std::string& name, DType dtype, int64_t rows, int64_t features) {
  LayerInfo layer;
  layer.module_path = name;
  layer.dtype = dtype;
  layer.row_count = rows;
  layer.feature_count = features;
  layer.size_bytes = rows * features * ByteSize(dtype);
  layer.digest = "d-" + name;
  layer.probe_set = "val";
  return layer;
}

TEST(SafetensorsTest, TheHeaderNamesEveryLayerAndWhereItsBytesAre) {
  const std::vector<LayerInfo> layers = {Layer("encoder/0", DType::kFloat32, 3, 5),
                                         Layer("b", DType::kBfloat16, 2, 1),
                                         Layer("c", DType::kFloat64, 1, 1)};
  const std::string header = EncodeSafetensorsHeader(layers).value();
  EXPECT_EQ(header.size() % 64, 0U);
  uint64_t length = 0;
  std::memcpy(&length, header.data(), sizeof(length));
  EXPECT_EQ(length, header.size() - 8);
  const nlohmann::json json = nlohmann::json::parse(header.substr(8));
  EXPECT_EQ(json["encoder/0"]["dtype"], "F32");
  EXPECT_EQ(json["encoder/0"]["shape"], (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(json["encoder/0"]["data_offsets"], (std::vector<int64_t>{0, 60}));
  EXPECT_EQ(json["b"]["dtype"], "BF16");
  EXPECT_EQ(json["b"]["data_offsets"], (std::vector<int64_t>{60, 64}));
  EXPECT_EQ(json["c"]["data_offsets"], (std::vector<int64_t>{64, 72}));
  EXPECT_EQ(json["__metadata__"]["encoder/0#digest"], "d-encoder/0");
  EXPECT_EQ(json["__metadata__"]["b#probe_set"], "val");
}

// A tensor of that name would take the place of the metadata, and no reader could open the file.
TEST(SafetensorsTest, ALayerWithTheNameOfTheMetadataIsRefused) {
  const std::vector<LayerInfo> layers = {Layer("a", DType::kFloat32, 3, 5),
                                         Layer("__metadata__", DType::kFloat32, 3, 5)};
  const auto header = EncodeSafetensorsHeader(layers);
  EXPECT_TRUE(absl::IsInvalidArgument(header.status())) << header.status();
  EXPECT_THAT(std::string(header.status().message()), ::testing::HasSubstr("__metadata__"));
  EXPECT_TRUE(
      EncodeSafetensorsHeader(std::vector{Layer("__metadata__2", DType::kFloat32, 3, 5)}).ok());
}

}  // namespace
}  // namespace gramian::client::cli
