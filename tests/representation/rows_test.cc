#include "gramian/representation/rows.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::RandomNormal;

// Equal digests mean equal content.
TEST(RowsTest, ASliceIsTheLayerOfThoseRows) {
  const Matrix x = RandomNormal(11, 3, 1);
  for (const auto& layer : {AsFloat32(x), AsFloat64(x)}) {
    const bool is_float = layer->shape().dtype == DType::kFloat32;
    for (const auto& [first, count] : {std::pair(0, 11), std::pair(0, 1), std::pair(4, 7)}) {
      const Matrix rows = x.middleRows(first, count);
      EXPECT_EQ(SliceRows(layer, first, count)->digest(),
                (is_float ? AsFloat32(rows) : AsFloat64(rows))->digest());
    }
  }
}

TEST(RowsTest, ASliceOutlivesTheLayer) {
  const Matrix x = RandomNormal(5, 2, 2);
  std::shared_ptr<const Representation> layer = AsFloat64(x);
  const std::shared_ptr<const Representation> slice = SliceRows(layer, 3, 2);
  layer.reset();
  Matrix read(2, 2);
  slice->ReadRows(0, 2, read.data());
  EXPECT_EQ(read, x.bottomRows(2));
}

TEST(RowsTest, RowsAreGatheredInTheOrderAsked) {
  const Matrix x = RandomNormal(6, 3, 3);
  const std::vector<int64_t> rows = {5, 0, 0, 2};
  Matrix expected(4, 3);
  for (size_t i = 0; i < rows.size(); ++i) expected.row(static_cast<Index>(i)) = x.row(rows[i]);
  EXPECT_EQ(GatherRows(*AsFloat64(x), rows)->digest(), AsFloat64(expected)->digest());
  EXPECT_EQ(GatherRows(*AsFloat32(x), rows)->digest(), AsFloat32(expected)->digest());
}

}  // namespace
}  // namespace gramian
