#include "gramian/geometry/kernel.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr KernelKind kKinds[] = {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                 KernelKind::kLaplacian, KernelKind::kDistance};
constexpr BandwidthRule kRules[] = {BandwidthRule::kFixed, BandwidthRule::kMedian,
                                    BandwidthRule::kKornblith, BandwidthRule::kLowerMedian};

TEST(KernelKindTest, ReadsEveryName) {
  EXPECT_EQ(ParseKernelKind("linear").value(), KernelKind::kLinear);
  EXPECT_EQ(ParseKernelKind("cosine").value(), KernelKind::kCosine);
  EXPECT_EQ(ParseKernelKind("rbf").value(), KernelKind::kRbf);
  EXPECT_EQ(ParseKernelKind("laplacian").value(), KernelKind::kLaplacian);
  EXPECT_EQ(ParseKernelKind("distance").value(), KernelKind::kDistance);
}

TEST(KernelKindTest, RefusesOtherNamesAndListsTheKernels) {
  for (const char* text : {"", "Linear", "linear ", "gaussian", "rbf-bandwidth=median:1"}) {
    const absl::Status status = ParseKernelKind(text).status();
    EXPECT_EQ(status.code(), kInvalid) << text;
    for (const char* name : {"linear", "cosine", "rbf", "laplacian", "distance"}) {
      EXPECT_THAT(status.message(), HasSubstr(name));
    }
  }
}

TEST(KernelSpecTest, KnowsWhichKernelsHaveABandwidthOrFeatures) {
  for (const KernelKind kind : kKinds) {
    const KernelSpec spec{kind};
    EXPECT_EQ(spec.has_bandwidth(), kind == KernelKind::kRbf || kind == KernelKind::kLaplacian);
    EXPECT_EQ(spec.is_feature_map(), kind == KernelKind::kLinear || kind == KernelKind::kCosine);
  }
}

TEST(KernelSpecTest, ItsTextReadsBackAsTheSameKernel) {
  for (const KernelKind kind : kKinds) {
    for (const BandwidthRule rule : kRules) {
      for (const double factor : {1.0, 0.1, 1.0 / 3.0, 2.5e-17, 1.0e30}) {
        const KernelSpec spec{kind, rule, factor};
        const std::string text = spec.ToString();
        const std::string separator = "-bandwidth=";
        const size_t cut = text.find(separator);
        KernelSpec read{ParseKernelKind(text.substr(0, cut)).value()};
        EXPECT_EQ(cut != std::string::npos, spec.has_bandwidth()) << text;
        if (cut == std::string::npos) continue;
        EXPECT_TRUE(ParseBandwidth(text.substr(cut + separator.size()), read).ok()) << text;
        EXPECT_EQ(read, spec) << text;
      }
    }
  }
  EXPECT_EQ((KernelSpec{KernelKind::kRbf, BandwidthRule::kMedian, 0.5}.ToString()),
            "rbf-bandwidth=median:0.5");
  EXPECT_EQ(KernelSpec{}.ToString(), "linear");
}

TEST(ParseBandwidthTest, ReadsRuleAndNumber) {
  KernelSpec spec{KernelKind::kRbf};
  ASSERT_TRUE(ParseBandwidth("kornblith:0.4", spec).ok());
  EXPECT_EQ(spec, (KernelSpec{KernelKind::kRbf, BandwidthRule::kKornblith, 0.4}));
  ASSERT_TRUE(ParseBandwidth("fixed:1e-3", spec).ok());
  EXPECT_EQ(spec, (KernelSpec{KernelKind::kRbf, BandwidthRule::kFixed, 1.0e-3}));
  ASSERT_TRUE(ParseBandwidth("lowermedian:2", spec).ok());
  EXPECT_EQ(spec, (KernelSpec{KernelKind::kRbf, BandwidthRule::kLowerMedian, 2.0}));
}

TEST(ParseBandwidthTest, RefusesWhatIsNotAPositiveNumberAndKeepsTheSpec) {
  const KernelSpec before{KernelKind::kRbf, BandwidthRule::kLowerMedian, 0.7};
  KernelSpec spec = before;
  for (const char* text :
       {"", "median", "median:", ":1", "median:0", "median:-0.0", "median:-1", "median:nan",
        "median:inf", "median:1e999", "median:1:2", "median:x", "mean:1", "Median:1", "1"}) {
    EXPECT_EQ(ParseBandwidth(text, spec).code(), kInvalid) << text;
    EXPECT_EQ(spec, before) << text;
  }
}

TEST(FormatNumberTest, IsTheShortestTextThatReadsBack) {
  EXPECT_EQ(FormatNumber(4.0), "4");
  EXPECT_EQ(FormatNumber(0.1), "0.1");
  EXPECT_EQ(FormatNumber(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(FormatNumber(-2.5), "-2.5");
  EXPECT_EQ(FormatNumber(0.0), "0");
}

TEST(FormatNumberTest, EveryFiniteNumberReadsBackExactly) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(ParseNumber(FormatNumber(value), "it").value(), value);
  }
  for (const double value : {std::numeric_limits<double>::max(), 0x1p-1074, 0x1p-1022}) {
    EXPECT_EQ(ParseNumber(FormatNumber(value), "it").value(), value);
  }
}

TEST(ParseNumberTest, RefusesWhatIsNotFiniteNamingWhat) {
  for (const char* text : {"", "x", "1x", "nan", "inf", "-inf", "1e999", "-1e999", "1,5"}) {
    const absl::Status status = ParseNumber(text, "diffusion time").status();
    EXPECT_EQ(status.code(), kInvalid) << text;
    EXPECT_THAT(status.message(), HasSubstr("diffusion time"));
  }
  EXPECT_EQ(ParseNumber("-1e-3", "it").value(), -1.0e-3);
}

}  // namespace
}  // namespace gramian
