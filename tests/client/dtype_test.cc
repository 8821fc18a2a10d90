#include "gramian/client/dtype.h"

#include <gtest/gtest.h>

namespace gramian::client {
namespace {

TEST(DTypeTest, NamesAreParsedBack) {
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    EXPECT_EQ(*ParseDType(Name(dtype)), dtype);
  }
  EXPECT_EQ(ParseDType("int8").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DTypeTest, SizesAreThoseOfTheFormats) {
  EXPECT_EQ(ByteSize(DType::kFloat16), 2);
  EXPECT_EQ(ByteSize(DType::kBfloat16), 2);
  EXPECT_EQ(ByteSize(DType::kFloat32), 4);
  EXPECT_EQ(ByteSize(DType::kFloat64), 8);
}

}  // namespace
}  // namespace gramian::client
