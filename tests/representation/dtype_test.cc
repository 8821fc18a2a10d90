#include "gramian/representation/dtype.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64};
// Around the edges of the blocks that are converted at a time.
constexpr int64_t kCounts[] = {0, 1, 3, 1023, 1024, 1025, 2049};

// What a pattern of 1 sign, `exponent_bits` and `fraction_bits` bits stands for, from the
// definition of the IEEE formats.
double Decode(uint32_t pattern, int exponent_bits, int fraction_bits) {
  const double sign = (pattern >> (exponent_bits + fraction_bits)) != 0 ? -1.0 : 1.0;
  const auto largest_exponent = static_cast<int>((1U << exponent_bits) - 1);
  const auto exponent = static_cast<int>((pattern >> fraction_bits) & ((1U << exponent_bits) - 1));
  const uint32_t fraction = pattern & ((1U << fraction_bits) - 1);
  const int bias = largest_exponent / 2;
  if (exponent == largest_exponent) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1U << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

struct HalfFormat {
  DType dtype;
  int exponent_bits;
  int fraction_bits;
};
class HalfTest : public ::testing::TestWithParam<HalfFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, HalfTest,
                         ::testing::Values(HalfFormat{DType::kFloat16, 5, 10},
                                           HalfFormat{DType::kBFloat16, 8, 7}));

std::vector<uint16_t> AllPatterns() {
  std::vector<uint16_t> patterns(65'536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<uint16_t>(i);
  return patterns;
}

TEST_P(HalfTest, DecodesEveryFinitePatternExactly) {
  const std::vector<uint16_t> patterns = AllPatterns();
  std::vector<float> narrow(patterns.size());
  std::vector<double> wide(patterns.size());
  Convert(GetParam().dtype, patterns.data(), 65'536, narrow.data());
  Convert(GetParam().dtype, patterns.data(), 65'536, wide.data());
  for (size_t i = 0; i < patterns.size(); ++i) {
    const double expected = Decode(patterns[i], GetParam().exponent_bits, GetParam().fraction_bits);
    if (!std::isfinite(expected)) {
      EXPECT_FALSE(std::isfinite(narrow[i])) << i;
      EXPECT_FALSE(std::isfinite(wide[i])) << i;
      continue;
    }
    // By bits, so that the zeros are told apart.
    ASSERT_EQ(std::bit_cast<uint64_t>(wide[i]), std::bit_cast<uint64_t>(expected)) << i;
    ASSERT_EQ(std::bit_cast<uint32_t>(narrow[i]),
              std::bit_cast<uint32_t>(static_cast<float>(expected)))
        << i;
  }
}

TEST_P(HalfTest, FindsEveryPatternThatIsNotFinite) {
  for (const uint16_t pattern : AllPatterns()) {
    const bool finite =
        std::isfinite(Decode(pattern, GetParam().exponent_bits, GetParam().fraction_bits));
    ASSERT_EQ(FindNonFinite(GetParam().dtype, &pattern, 1), finite ? -1 : 0) << pattern;
  }
}

TEST(DTypeTest, HasASizeAndAName) {
  EXPECT_EQ(SizeOf(DType::kFloat32), 4);
  EXPECT_EQ(SizeOf(DType::kFloat16), 2);
  EXPECT_EQ(SizeOf(DType::kBFloat16), 2);
  EXPECT_EQ(SizeOf(DType::kFloat64), 8);
  EXPECT_EQ(ToString(DType::kFloat32), "float32");
  EXPECT_EQ(ToString(DType::kFloat16), "float16");
  EXPECT_EQ(ToString(DType::kBFloat16), "bfloat16");
  EXPECT_EQ(ToString(DType::kFloat64), "float64");
}

TEST(ConvertTest, RoundsFloat64ToTheNearestFloat32AndTiesToEven) {
  const double in[] = {1.0 + 0x1p-24, 1.0 + 3 * 0x1p-24, 1.0 + 0x1.8p-24, -1.0 - 0x1p-24,
                       0x1p-149,      0x1p-150,          0x1.8p-149,      0.1,
                       -0.0,          0x1.fffffep127,    1.0e-300,        16'777'217.0};
  const float expected[] = {
      1.0F, 1.0F + 0x1p-22F, 1.0F + 0x1p-23F, -1.0F, 0x1p-149F,    0.0F, 0x1p-148F,
      0.1F, -0.0F,           0x1.fffffep127F, 0.0F,  16'777'216.0F};
  float out[12];
  Convert(DType::kFloat64, in, 12, out);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(expected[i])) << in[i];
  }
}

TEST(ConvertTest, KeepsFloat64AsItIs) {
  const Matrix in = testing::RandomNormal(1, 2049, 1);
  Matrix out(1, 2049);
  Convert(DType::kFloat64, in.data(), 2049, out.data());
  EXPECT_EQ(in, out);
}

TEST(ConvertTest, WidensFloat32Exactly) {
  const MatrixF in = testing::RandomNormal(1, 2049, 2).cast<float>();
  MatrixF same(1, 2049);
  Matrix wide(1, 2049);
  Convert(DType::kFloat32, in.data(), 2049, same.data());
  Convert(DType::kFloat32, in.data(), 2049, wide.data());
  EXPECT_EQ(same, in);
  EXPECT_EQ(wide, in.cast<double>());
}

TEST(ConvertTest, AlignmentAndLengthDoNotMatter) {
  for (const DType dtype : kTypes) {
    const auto size = static_cast<size_t>(SizeOf(dtype));
    // Patterns of small numbers: finite in every type.
    std::vector<unsigned char> source(2049 * size);
    for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i % 53);
    std::vector<double> expected(2049);
    Convert(dtype, source.data(), 2049, expected.data());
    for (size_t offset = 0; offset < 9; ++offset) {
      std::vector<unsigned char> shifted(source.size() + offset);
      std::memcpy(shifted.data() + offset, source.data(), source.size());
      for (const int64_t count : kCounts) {
        // One more than needed: what lies behind stays.
        std::vector<double> wide(static_cast<size_t>(count) + 1, -7.0);
        std::vector<float> narrow(static_cast<size_t>(count) + 1, -7.0F);
        Convert(dtype, shifted.data() + offset, count, wide.data());
        Convert(dtype, shifted.data() + offset, count, narrow.data());
        EXPECT_EQ(FindNonFinite(dtype, shifted.data() + offset, count), -1);
        for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
          ASSERT_EQ(wide[i], expected[i]) << ToString(dtype) << " " << offset << " " << i;
          ASSERT_EQ(narrow[i], static_cast<float>(expected[i]));
        }
        EXPECT_EQ(wide.back(), -7.0);
        EXPECT_EQ(narrow.back(), -7.0F);
      }
    }
  }
}

// Elements of value 1 with some of them replaced.
template <typename T>
std::vector<T> OnesWith(T one, T bad, const std::vector<size_t>& positions) {
  std::vector<T> values(2100, one);
  for (const size_t position : positions) values[position] = bad;
  return values;
}

template <typename T>
void ExpectFindsFirst(DType dtype, T one, T bad) {
  for (const size_t position : {0U, 1U, 1023U, 1024U, 1025U, 2047U, 2048U, 2099U}) {
    const std::vector<T> alone = OnesWith(one, bad, {position});
    EXPECT_EQ(FindNonFinite(dtype, alone.data(), 2100), static_cast<int64_t>(position));
    EXPECT_EQ(FindNonFinite(dtype, alone.data(), static_cast<int64_t>(position)), -1);
    const std::vector<T> followed = OnesWith(one, bad, {position, 2099});
    EXPECT_EQ(FindNonFinite(dtype, followed.data(), 2100), static_cast<int64_t>(position));
  }
}

TEST(FindNonFiniteTest, ReturnsTheFirstInEveryType) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {inf, -inf, nan, -nan}) {
    ExpectFindsFirst<float>(DType::kFloat32, 1.0F, bad);
    ExpectFindsFirst<double>(DType::kFloat64, 1.0, static_cast<double>(bad));
  }
  ExpectFindsFirst<uint16_t>(DType::kFloat16, 0x3c00, 0x7c00);
  ExpectFindsFirst<uint16_t>(DType::kFloat16, 0x3c00, 0xfe01);
  ExpectFindsFirst<uint16_t>(DType::kBFloat16, 0x3f80, 0xff80);
  ExpectFindsFirst<uint16_t>(DType::kBFloat16, 0x3f80, 0x7fc0);
}

TEST(FindNonFiniteTest, InfinitiesOfBothSignsDoNotCancel) {
  const float inf = std::numeric_limits<float>::infinity();
  const float values[] = {1.0F, inf, -inf};
  EXPECT_EQ(FindNonFinite(DType::kFloat32, values, 3), 1);
}

TEST(FindNonFiniteTest, LargestNumbersOfATypeAreFinite) {
  const std::vector<float> narrow(3000, std::numeric_limits<float>::max());
  EXPECT_EQ(FindNonFinite(DType::kFloat32, narrow.data(), 3000), -1);
}

TEST(FindNonFiniteTest, Float64MayReachWhatRoundsToTheLargestFloat32) {
  // Half a unit in the last place above the largest float32 is where rounding reaches infinity.
  const double overflow = 0x1.ffffffp127;
  const double below = std::nextafter(overflow, 0.0);
  const double huge = std::numeric_limits<double>::max();
  for (const double sign : {1.0, -1.0}) {
    const double values[] = {sign * below, sign * overflow, sign * huge};
    EXPECT_EQ(FindNonFinite(DType::kFloat64, values, 1), -1);
    EXPECT_EQ(FindNonFinite(DType::kFloat64, values, 3), 1);
    EXPECT_EQ(FindNonFinite(DType::kFloat64, values + 2, 1), 0);
  }
}

}  // namespace
}  // namespace gramian
