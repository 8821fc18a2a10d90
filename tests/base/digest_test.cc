#include "gramian/base/digest.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gramian {
namespace {

Digest OfText(const std::string& header, const std::string& text) {
  return ComputeDigest(header, text.data(), static_cast<int64_t>(text.size()));
}

// Values of XXH3-128 as the xxhsum program prints them.
TEST(DigestTest, IsXxh3OfHeaderFollowedByContent) {
  EXPECT_EQ(OfText("", "").ToHex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(OfText("", "abc").ToHex(), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(OfText("ab", "c"), OfText("", "abc"));
}

TEST(DigestTest, EveryBitOfTheContentCounts) {
  std::vector<unsigned char> bytes(300, 0);
  const auto digest = [&] {
    return ComputeDigest("float32[3,25]", bytes.data(), static_cast<int64_t>(bytes.size()));
  };
  std::set<std::string> seen = {digest().ToHex()};
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<unsigned char>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    EXPECT_TRUE(seen.insert(digest().ToHex()).second) << "bit " << bit;
    bytes[bit / 8] ^= mask;
  }
  EXPECT_EQ(seen.count(digest().ToHex()), 1U);
}

TEST(DigestTest, LengthAndHeaderCount) {
  const std::string zeros(64, '\0');
  EXPECT_NE(ComputeDigest("h", zeros.data(), 63), ComputeDigest("h", zeros.data(), 64));
  EXPECT_NE(OfText("float32[2,3]", zeros), OfText("float32[3,2]", zeros));
}

TEST(DigestTest, HexKeepsLeadingZerosAndPutsTheHighWordFirst) {
  EXPECT_EQ((Digest{0x1, 0xabcdef}.ToHex()), "00000000000000010000000000abcdef");
  EXPECT_EQ(Digest{}.ToHex(), std::string(32, '0'));
}

TEST(DigestTest, OrdersLikeItsHexText) {
  const Digest digests[] = {{0, 1}, {0, ~uint64_t{0}}, {1, 0}, {1, 2}, {~uint64_t{0}, 0}};
  for (const Digest& a : digests) {
    for (const Digest& b : digests) {
      EXPECT_EQ(a < b, a.ToHex() < b.ToHex());
      EXPECT_EQ(a == b, a.ToHex() == b.ToHex());
    }
  }
}

}  // namespace
}  // namespace gramian
