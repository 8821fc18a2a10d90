#include "gramian/base/digest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
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

TEST(DigestBuilderTest, PiecesDoNotMatter) {
  std::string text(5000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  const Digest expected = OfText("header", text);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{240}, size_t{1024}, size_t{5000}}) {
    DigestBuilder builder("header");
    for (size_t begin = 0; begin < text.size(); begin += piece) {
      const size_t size = std::min(piece, text.size() - begin);
      // What has been added so far can be asked for at any time.
      EXPECT_EQ(builder.Finish(), OfText("header", text.substr(0, begin)));
      builder.Update(text.data() + begin, static_cast<int64_t>(size));
    }
    EXPECT_EQ(builder.Finish(), expected) << piece;
    DigestBuilder moved = std::move(builder);
    EXPECT_EQ(moved.Finish(), expected);
  }
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

TEST(DigestTest, ReadsBackItsDigitsAndNothingElse) {
  const Digest digest{0x0123456789ABCDEF, 0x00000000FEDCBA98};
  EXPECT_EQ(Digest::FromHex(digest.ToHex()), digest);
  EXPECT_EQ(Digest::FromHex("0123456789ABCDEF00000000FEDCBA98"), digest);
  for (const char* text :
       {"", "0", "0123456789abcdef00000000fedcba9", "0123456789abcdef00000000fedcba988",
        "0123456789abcdeg00000000fedcba98", "-123456789abcdef00000000fedcba98",
        "0x23456789abcdef00000000fedcba98", " 123456789abcdef00000000fedcba98"}) {
    EXPECT_FALSE(Digest::FromHex(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace gramian
