#include "gramian/representation/rows.h"

#include <cstddef>
#include <cstring>
#include <utility>

namespace gramian {
namespace {

std::shared_ptr<const Representation> Wrap(const Representation& layer, int64_t count,
                                           std::shared_ptr<const std::byte> bytes) {
  RepresentationShape shape = layer.shape();
  shape.rows = count;
  const Digest digest = Representation::DigestOf(shape, bytes.get());
  return Representation::FromVerified(shape, std::move(bytes), digest);
}

}  // namespace

std::shared_ptr<const Representation> SliceRows(const std::shared_ptr<const Representation>& layer,
                                                int64_t first, int64_t count) {
  const int64_t row_bytes = layer->size_bytes() / layer->rows();
  return Wrap(*layer, count,
              std::shared_ptr<const std::byte>(layer, layer->data() + first * row_bytes));
}

std::shared_ptr<const Representation> GatherRows(const Representation& layer,
                                                 absl::Span<const int64_t> rows) {
  const auto row_bytes = static_cast<size_t>(layer.size_bytes() / layer.rows());
  const std::shared_ptr<std::byte[]> bytes(new std::byte[rows.size() * row_bytes]);
  std::byte* to = bytes.get();
  for (const int64_t row : rows) {
    std::memcpy(to, layer.data() + static_cast<size_t>(row) * row_bytes, row_bytes);
    to += row_bytes;
  }
  return Wrap(layer, static_cast<int64_t>(rows.size()),
              std::shared_ptr<const std::byte>(bytes, bytes.get()));
}

}  // namespace gramian
