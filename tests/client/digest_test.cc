#include "gramian/client/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace gramian::client {
namespace {

// The values are those of another implementation (Python's xxhash) for the bytes that are digested:
// "float32[2,2]" and the matrix, and "a" 0 "bc" 0.
TEST(DigestTest, IsXxh3OfTheHeaderAndTheBytes) {
  const std::vector<float> values = {1, 2, 3, 4};
  EXPECT_EQ(ComputeLayerDigest(DType::kFloat32, 2, 2, values.data()),
            "5ea6a49a046dddc4d528364a3751e19e");
  EXPECT_EQ(ComputeInputIdsDigest({"a", "bc"}), "9109089719db0dc05b071cb150aad6b9");
}

// "float32[2,2]jacobian(2)" and the matrix, likewise.
TEST(DigestTest, TangentDataAreToldApart) {
  const std::vector<float> values = {1, 2, 3, 4};
  LayerDigest digest(DType::kFloat32, 2, 2, RowKind::kJacobian, 2);
  digest.Update(values.data(), 16);
  EXPECT_EQ(digest.Finish(), "aa8e64162e0ae1e44db5a66f6467726a");
}

TEST(DigestTest, PiecesDoNotMatter) {
  std::vector<uint8_t> bytes(3 * 1000 * 8);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  LayerDigest digest(DType::kFloat64, 3, 1000);
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t size = std::min<size_t>(1 + begin % 517, bytes.size() - begin);
    digest.Update(bytes.data() + begin, static_cast<int64_t>(size));
    begin += size;
  }
  EXPECT_EQ(digest.Finish(), ComputeLayerDigest(DType::kFloat64, 3, 1000, bytes.data()));
}

TEST(DigestTest, DtypeAndShapeBelongToTheContent) {
  const std::vector<float> values = {1, 2, 3, 4};
  const std::string digest = ComputeLayerDigest(DType::kFloat32, 2, 2, values.data());
  EXPECT_NE(digest, ComputeLayerDigest(DType::kFloat32, 1, 4, values.data()));
  EXPECT_NE(digest, ComputeLayerDigest(DType::kFloat64, 1, 2, values.data()));
}

TEST(DigestTest, IdsAreToldApartByTheirOrderAndTheirEnds) {
  const std::string digest = ComputeInputIdsDigest({"a", "bc"});
  EXPECT_NE(digest, ComputeInputIdsDigest({"bc", "a"}));
  EXPECT_NE(digest, ComputeInputIdsDigest({"ab", "c"}));
}

}  // namespace
}  // namespace gramian::client
