// Networks of three layers whose relations are known, in an engine.
#ifndef GRAMIAN_TESTS_ENGINE_SMALL_NETWORKS_H_
#define GRAMIAN_TESTS_ENGINE_SMALL_NETWORKS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian::testing {

inline SnapshotSelection Network(const std::string& network) {
  return {{"default", network, 0}, {}};
}

inline constexpr Index kSmallInputs = 60;

// "a": three unrelated layers. "turned": the same layers rotated, so that CKA is 1. "noisy": half
// of each. "other": unrelated.
class SmallNetworks : public ::testing::Test {
 protected:
  SmallNetworks() : engine_(SimilarityEngine::Open(EngineOptions()).value()) {
    for (uint64_t i = 0; i < 3; ++i) {
      const Matrix x = RandomNormal(kSmallInputs, 6, i + 1);
      Upload("a", i, x);
      Upload("turned", i, x * RandomOrthogonal(6, i + 10));
      Upload("noisy", i, x + RandomNormal(kSmallInputs, 6, i + 20));
      Upload("other", i, RandomNormal(kSmallInputs, 6, i + 30));
    }
  }

  void Upload(const std::string& network, uint64_t ordinal, const Matrix& activations,
              const std::string& probe_set = "probes") {
    LayerDescription description;
    description.key = {Network(network).snapshot, absl::StrCat("fc", ordinal)};
    description.probe_set = probe_set;
    description.ordinal = static_cast<int64_t>(ordinal);
    const auto committed = Commit(engine_->store(), description, *AsFloat32(activations));
    ASSERT_TRUE(committed.ok()) << committed.status();
  }

  double Layers(const std::string& a, const std::string& b, int i, int j,
                const std::string& measure) {
    const LayerKey x = {Network(a).snapshot, absl::StrCat("fc", i)};
    const LayerKey y = {Network(b).snapshot, absl::StrCat("fc", j)};
    return engine_->CompareLayers(x, y, {measure}, Form::kAuto, {}).value().front().score.value;
  }

  std::unique_ptr<SimilarityEngine> engine_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_ENGINE_SMALL_NETWORKS_H_
