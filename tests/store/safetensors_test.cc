#include "gramian/store/safetensors.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

std::string WithJson(std::string json) {
  while ((8 + json.size()) % 64 != 0) json.push_back(' ');
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(json.size() >> (8 * i));
  return bytes + json;
}

TEST(SafetensorsTest, WritesWhatOtherReadersExpect) {
  const std::string bytes = EncodeSafetensorsHeader({{3, 4, DType::kBFloat16}, "p1"});
  EXPECT_EQ(bytes.size() % 64, 0U);
  EXPECT_EQ(bytes, WithJson("{\"__metadata__\":{\"part\":\"p1\"},\"activations\":"
                            "{\"data_offsets\":[0,24],\"dtype\":\"BF16\",\"shape\":[3,4]}}"));
}

TEST(SafetensorsTest, ReadsBackEveryTypeAndShape) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    for (const int64_t rows : {int64_t{1}, int64_t{12345678901}}) {
      const SafetensorsHeader header{{rows, 7, dtype}, rows == 1 ? "" : "a part"};
      const std::string bytes = EncodeSafetensorsHeader(header);
      EXPECT_EQ(SafetensorsHeaderSize(bytes).value(), static_cast<int64_t>(bytes.size()));
      const absl::StatusOr<SafetensorsHeader> read = DecodeSafetensorsHeader(bytes);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(*read, header);
    }
  }
}

TEST(SafetensorsTest, ReadsBackTheLayoutOfTangentData) {
  const SafetensorsHeader header{{3, 6, DType::kFloat64, {RowKind::kFactor, 3}}, "p1"};
  const std::string bytes = EncodeSafetensorsHeader(header);
  EXPECT_THAT(bytes, HasSubstr("\"coordinates\":\"3\""));
  EXPECT_THAT(bytes, HasSubstr("\"row_kind\":\"factor\""));
  EXPECT_EQ(DecodeSafetensorsHeader(bytes).value(), header);
  const auto refusal = [](const std::string& kind, const std::string& coordinates) {
    const std::string json =
        "{\"__metadata__\":{\"row_kind\":" + kind + ",\"coordinates\":" + coordinates +
        "},\"activations\":{\"data_offsets\":[0,144],\"dtype\":\"F64\",\"shape\":[3,6]}}";
    return std::string(DecodeSafetensorsHeader(WithJson(json)).status().message());
  };
  EXPECT_THAT(refusal("\"odd\"", "\"3\""), HasSubstr("not those of tangent data"));
  EXPECT_THAT(refusal("\"factor\"", "\"x\""), HasSubstr("not those of tangent data"));
  EXPECT_THAT(refusal("\"factor\"", "3"), HasSubstr("not a text"));
  EXPECT_THAT(refusal("\"factor\"", "\"4\""), HasSubstr("hold 10 values, not 6"));
}

TEST(SafetensorsTest, RefusesWhatItCannotHaveWritten) {
  const auto refusal = [](const std::string& bytes) {
    const absl::Status status = DecodeSafetensorsHeader(bytes).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  const auto tensor = [](const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return WithJson("{\"activations\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
                    ",\"data_offsets\":" + offsets + "}}");
  };
  EXPECT_THAT(refusal(""), HasSubstr("shorter than 8"));
  EXPECT_THAT(refusal(std::string(8, '\xFF')), HasSubstr("more than"));
  EXPECT_THAT(refusal(WithJson("{").substr(0, 60)), HasSubstr("instead of"));
  EXPECT_THAT(refusal(WithJson("{")), HasSubstr("JSON"));
  EXPECT_THAT(refusal(WithJson("[]")), HasSubstr("JSON"));
  EXPECT_THAT(refusal(WithJson("{\"a\":{}}")), HasSubstr("activations"));
  EXPECT_THAT(refusal(WithJson("{\"activations\":{},\"a\":{}}")), HasSubstr("no other"));
  EXPECT_THAT(refusal(WithJson("{\"activations\":7}")), HasSubstr("tensor"));
  EXPECT_THAT(refusal(tensor("\"I8\"", "[1,1]", "[0,4]")), HasSubstr("dtype"));
  EXPECT_THAT(refusal(tensor("7", "[1,1]", "[0,4]")), HasSubstr("dtype"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1]", "[0,4]")), HasSubstr("shape"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[-1,1]", "[0,4]")), HasSubstr("shape"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1,1.5]", "[0,4]")), HasSubstr("shape"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1,1e300]", "[0,4]")), HasSubstr("shape"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1,18446744073709551615]", "[0,4]")), HasSubstr("shape"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[0,1]", "[0,0]")), HasSubstr("at least 1"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[9223372036854775807,2]", "[0,4]")), HasSubstr("63 bits"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1,1]", "[0,8]")), HasSubstr("data_offsets"));
  EXPECT_THAT(refusal(tensor("\"F32\"", "[1,1]", "[4,8]")), HasSubstr("data_offsets"));
  EXPECT_THAT(refusal(WithJson("{\"__metadata__\":[],\"activations\":{\"dtype\":\"F32\",\"shape\":"
                               "[1,1],\"data_offsets\":[0,4]}}")),
              HasSubstr("__metadata__"));
}

TEST(SafetensorsTest, SurvivesDamageAnywhere) {
  const std::string good = EncodeSafetensorsHeader({{3, 4, DType::kFloat32}, "p1"});
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random() & 0xFF);
    }
    const absl::StatusOr<SafetensorsHeader> read = DecodeSafetensorsHeader(bytes);
    if (read.ok()) {
      EXPECT_TRUE(SizeBytes(read->shape).ok());
    }
  }
}

}  // namespace
}  // namespace gramian
