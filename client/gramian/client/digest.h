#ifndef GRAMIAN_CLIENT_DIGEST_H_
#define GRAMIAN_CLIENT_DIGEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gramian/client/dtype.h"
#include "gramian/client/types.h"

namespace gramian::client {

// The digest that a server gives rows with this content (LayerInfo::sent_digest), which become
// known piece by piece: XXH3 128 over the dtype, the shape, the kind of tangent data and the
// row-major bytes. Equal digests mean equal content. About 0.05 s per GiB. Thread-compatible.
class LayerDigest {
 public:
  LayerDigest(DType dtype, int64_t row_count, int64_t feature_count,
              RowKind row_kind = RowKind::kActivations, int64_t coordinate_count = 0);
  LayerDigest(LayerDigest&&) noexcept;
  LayerDigest& operator=(LayerDigest&&) noexcept;
  ~LayerDigest();

  // Adds the next `size_bytes` bytes of the matrix.
  void Update(const void* data, int64_t size_bytes);

  // 32 hexadecimal digits; of the layer once all of its bytes were added.
  std::string Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // null when moved from
};

// The same of a matrix in memory, its rows without gaps.
std::string ComputeLayerDigest(DType dtype, int64_t row_count, int64_t feature_count,
                               const void* data);

// The digest of the ids of inputs in their order, which probe sets and uploads are compared by
// (ProbeSetInfo::input_ids_digest): 32 hexadecimal digits.
std::string ComputeInputIdsDigest(const std::vector<std::string>& input_ids);

// A digest of any text, e.g. to make an upload_id of what describes an upload: 32 hexadecimal
// digits.
std::string ComputeTextDigest(absl::string_view text);

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_DIGEST_H_
