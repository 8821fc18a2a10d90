// Small layers for tests of the store.
#ifndef GRAMIAN_TESTS_STORE_SAMPLE_LAYERS_H_
#define GRAMIAN_TESTS_STORE_SAMPLE_LAYERS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"
#include "gramian/store/layer.h"
#include "gramian/store/upload.h"
#include "tests/testing/commit.h"

namespace gramian {

inline constexpr int64_t kRows = 10;
inline constexpr int64_t kRowBytes = 5 * 4;
inline constexpr int64_t kLayerBytes = kRows * kRowBytes;

// A kRows x 5 float32 representation, kLayerBytes large, that differs with `seed`.
inline std::shared_ptr<const Representation> Activations(int seed) {
  MatrixF matrix(kRows, 5);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(1000 * seed + i);
  return Representation::FromMatrix(matrix).value();
}

inline SnapshotKey Snapshot(int64_t step = 0, const std::string& network = "net",
                            const std::string& project = "default") {
  return {project, network, step};
}

inline LayerDescription Description(const SnapshotKey& snapshot, const std::string& layer,
                                    int64_t ordinal = 0) {
  return {{snapshot, layer}, "module." + layer, "probes", "none", ordinal};
}

// A plan for Activations(seed) that does not announce the digest.
inline UploadPlan Plan(const LayerDescription& description, int seed,
                       const std::string& upload_id = "upload") {
  UploadPlan plan = testing::PlanFor(description, *Activations(seed));
  plan.upload_id = upload_id;
  return plan;
}

// Rows [first, first + count) of Activations(seed).
inline std::string Rows(int seed, int64_t first, int64_t count) {
  return testing::BytesOf(*Activations(seed))
      .substr(static_cast<size_t>(first * kRowBytes), static_cast<size_t>(count * kRowBytes));
}

inline absl::Status AppendRows(Upload& upload, int seed, int64_t first, int64_t count) {
  const std::string rows = Rows(seed, first, count);
  const absl::string_view piece = rows;
  return upload.Append(first, 0, {piece});
}

}  // namespace gramian

#endif  // GRAMIAN_TESTS_STORE_SAMPLE_LAYERS_H_
