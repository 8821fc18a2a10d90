#include "gramian/measure/measure_registry.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

TEST(MeasureRegistryTest, ShortFormsBecomeCanonicalNames) {
  const std::pair<const char*, const char*> names[] = {
      {"cka", "cka-kernel=linear-hsic=gretton-score"},
      {"cka-hsic=song", "cka-kernel=linear-hsic=song-score"},
      {"cka-hsic=song-kernel=cosine-score", "cka-kernel=cosine-hsic=song-score"},
      {"cka-kernel=rbf", "cka-kernel=rbf-bandwidth=median:1-hsic=gretton-score"},
      {"cka-kernel=rbf-bandwidth=fixed:2.50",
       "cka-kernel=rbf-bandwidth=fixed:2.5-hsic=gretton-score"},
      {"cka-distance=angular", "cka-kernel=linear-hsic=gretton-distance=angular"},
      {"hsic-kernel=distance", "hsic-kernel=distance-hsic=gretton-score"},
      {"distcorr", "distcorr"},
      {"distcorr-form=root", "distcorr"},
      {"distcorr-form=unbiased", "distcorr-form=unbiased"},
      {"ms-cka", "ms-cka-t=1"},
      {"ms-cka-t=4.0", "ms-cka-t=4"},
      {"ms-cka-t=0.00001", "ms-cka-t=1e-05"},
      {"ms-cka-t=1e-05-kernel=laplacian", "ms-cka-kernel=laplacian-bandwidth=median:1-t=1e-05"},
      {"ms-distcorr-t=2", "ms-distcorr-t=2"},
      {"cca", "cca-form=rho-over=rank"},
      {"svcca", "svcca-variance=0.99-form=rho"},
      {"pwcca", "pwcca-weights=smaller"},
      {"linear-regression", "linear-regression-target=first"},
      {"procrustes-alpha=0", "procrustes-form=distance-alpha=0-whitening=williams"},
      {"permutation-procrustes", "permutation-procrustes-form=distance-center=columns"},
      {"bures-kernel=distance", "bures-form=similarity-kernel=distance"},
      {"gulp-ridge=1e-3", "gulp-ridge=0.001-form=root"},
      {"msa", "msa-form=distance"},
      {"msa-form=airm", "msa-form=airm"},
      {"gulp-kernel=rbf", "gulp-ridge=0-form=root-kernel=rbf-bandwidth=median:1"},
  };
  for (const auto& [given, canonical] : names) {
    const auto measure = MeasureRegistry::Parse(given);
    ASSERT_TRUE(measure.ok()) << given << ": " << measure.status();
    EXPECT_EQ((*measure)->name(), canonical);
    EXPECT_EQ(MeasureRegistry::Parse(canonical).value()->name(), canonical);
  }
}

TEST(MeasureRegistryTest, ErrorsSayWhatIsWrongAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> names[] = {
      {"", "known are cka"},
      {"ckaa", "known are cka"},
      {"CKA", "known are cka"},
      {"ms", "known are cka"},
      {"cka-kernel=poly", "linear, cosine, rbf, laplacian"},
      {"cka-kernel=distance", "distcorr"},
      {"cka-kernel", "-key=value"},
      {"cka-", "-key=value"},
      {"cka-t=4", "no parameter t"},
      {"cka-hsic=biased", "gretton, song or lange"},
      {"hsic-hsic=lange", "gretton or song"},
      {"stress-rescale=mean", "none or median"},
      {"cka-hsic=song-hsic=song", "given twice"},
      {"cka-distance=euclidean", "angular"},
      {"cka-bandwidth=median:1", "no parameter bandwidth"},
      {"cka-kernel=rbf-bandwidth=median", "finite number"},
      {"cka-kernel=rbf-bandwidth=median:0", "> 0"},
      {"cka-kernel=rbf-bandwidth=fixed:-1", "> 0"},
      {"cka-kernel=rbf-bandwidth=fixed:inf", "finite number"},
      {"cka-kernel=rbf-bandwidth=mode:1", "kornblith"},
      {"ms-cka-t=0", "> 0"},
      {"ms-cka-t=-1", "> 0"},
      {"ms-cka-t=nan", "finite number"},
      {"ms-cka-t=four", "finite number"},
      {"ms-cka-t=0x4", "finite number"},
      {"ms-cka-t= 4", "finite number"},
      {"cka-kernel=rbf-bandwidth=fixed:1e-61", "> 0"},
      {"cka-kernel=rbf-bandwidth=fixed:1e61", "to 1e+60"},
      {"distcorr-form=cubed", "root, squared or unbiased"},
      {"distcorr-kernel=linear", "no parameter kernel"},
      {"bures-form=cosine", "form is one of similarity, fidelity, angle"},
      {"gulp-ridge=-1", "ridge is from 0 to"},
      {"procrustes-alpha=1-whitening=netrep", "no parameter whitening"},
  };
  for (const auto& [given, expected] : names) {
    const auto measure = MeasureRegistry::Parse(given);
    EXPECT_EQ(measure.status().code(), absl::StatusCode::kInvalidArgument) << given;
    EXPECT_THAT(std::string(measure.status().message()), HasSubstr(expected)) << given;
  }
}

TEST(MeasureRegistryTest, EveryFamilyIsDescribed) {
  for (const MeasureFamily& family : MeasureRegistry::Families()) {
    EXPECT_FALSE(family.description.empty()) << family.name;
    EXPECT_FALSE(family.source.empty()) << family.name;
    EXPECT_FALSE(family.examples.empty()) << family.name;
    for (const MeasureParameter& parameter : family.parameters) {
      EXPECT_FALSE(parameter.values.empty()) << family.name << " " << parameter.key;
      EXPECT_FALSE(parameter.description.empty()) << family.name << " " << parameter.key;
    }
  }
}

}  // namespace
}  // namespace gramian
