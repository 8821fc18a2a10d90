#include "gramian/cli/safetensors.h"

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
  const std::string header = EncodeSafetensorsHeader(layers);
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

}  // namespace
}  // namespace gramian::client::cli
