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
      {"distcorr-whitening=full-exponent=1.50", "distcorr-exponent=1.5-whitening=full"},
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
      {"airm", "airm-of=gram-kernel=linear-ridge=0.1"},
      {"airm-ridge=5e-2-of=covariance", "airm-of=covariance-ridge=0.05"},
      {"msa", "msa-form=distance"},
      {"msa-form=airm", "msa-form=airm"},
      {"gulp-kernel=rbf", "gulp-ridge=0-form=root-kernel=rbf-bandwidth=median:1"},
      {"rsa", "rsa-rdm=correlation-compare=spearman"},
      {"rsa-compare=tau-a-rdm=cosine", "rsa-rdm=cosine-compare=tau-a"},
      {"rsa-compare=whitened-cosine-score", "rsa-rdm=correlation-compare=whitened-cosine"},
      {"rsm-difference", "rsm-difference-rdm=euclidean-norm=frobenius"},
      {"knn-jaccard", "knn-jaccard-neighbors=cosine-k=10"},
      {"knn-jaccard-search=hnsw:64", "knn-jaccard-neighbors=cosine-k=10-search=hnsw:64"},
      {"cknna-search=exact", "cknna-neighbors=cosine-k=10"},
      {"mutual-knn-k=5-neighbors=dot", "mutual-knn-neighbors=dot-k=5"},
      {"cknna-epsilon=0", "cknna-neighbors=cosine-k=10"},
      {"cknna-epsilon=0.000001", "cknna-neighbors=cosine-k=10-epsilon=1e-06"},
      {"imd", "imd-neighbors=euclidean-k=5-exact=4096-probes=256-seed=0"},
      {"rtd", "rtd-pick=random-rows=500-trials=10-seed=0"},
      {"rtd-pick=blocks", "rtd-pick=blocks-rows=500-trials=10"},
      {"minibatch-cka", "minibatch-cka-kernel=linear-batch=256-weights=equal"},
      {"magnitude-difference", "magnitude-difference"},
      {"uniformity-difference", "uniformity-difference-rows=unit-t=2"},
      {"jsd", "jsd"},
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
      {"distcorr-exponent=2", "exponent is from 0.01 to 1.99, not 2"},
      {"distcorr-whitening=half", "whitening is one of none, full"},
      {"distcorr-kernel=linear", "no parameter kernel"},
      {"bures-form=cosine", "form is one of similarity, fidelity, angle"},
      {"gulp-ridge=-1", "ridge is from 0 to"},
      {"procrustes-alpha=1-whitening=netrep", "no parameter whitening"},
      {"rsa-rdm=manhattan", "euclidean, sqeuclidean, correlation or cosine"},
      {"rsa-compare=tau", "tau-a|tau-b"},
      {"rsm-difference-norm=nuclear", "frobenius or spectral"},
      {"knn-jaccard-neighbors=manhattan", "cosine, euclidean or dot"},
      {"knn-jaccard-k=0", "from 1 to"},
      {"knn-jaccard-search=hnsw", "hnsw:E"},
      {"knn-jaccard-search=hnsw:0", "E from 1"},
      {"knn-jaccard-search=hnsw:100001", "to 100000"},
      {"knn-jaccard-k=2.5", "an integer"},
      {"knn-jaccard-k=+5", "an integer"},
      {"knn-jaccard-k=1000000001", "to 1000000000"},
      {"cknna-k=1", "from 2 to"},
      {"cknna-neighbors=euclidean", "cosine or dot"},
      {"cknna-epsilon=-1", ">= 0"},
      {"second-order-cosine-neighbors=dot", "those of cosine"},
      {"uniformity-difference-rows=scaled", "unit or raw"},
      {"uniformity-difference-t=0", "> 0"},
      {"jsd-k=3", "no parameter k"},
      {"minibatch-cka-batch=3", "from 4 to"},
      {"minibatch-cka-weights=linear", "weights is one of equal, pairs"},
      {"rtd-pick=all", "pick is one of random, blocks"},
      {"rtd-rows=2", "from 3 to"},
      {"rtd-rows=5001", "at most 5000"},
      {"rtd-trials=10001", "trials 10000"},
      {"imd-probes=100001", "at most 100000"},
      {"rtd-pick=blocks-seed=1", "no parameter seed"},
      {"imd-probes=0", "from 1 to"},
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
