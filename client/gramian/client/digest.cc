#include "gramian/client/digest.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gramian::client {
namespace {

std::string ToHex(const XXH128_hash_t& hash) {
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

}  // namespace

struct LayerDigest::State {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash{XXH3_createState(),
                                                                      &XXH3_freeState};
};

LayerDigest::LayerDigest(DType dtype, int64_t row_count, int64_t feature_count, RowKind row_kind,
                         int64_t coordinate_count)
    : state_(std::make_unique<State>()) {
  std::string header = absl::StrCat(Name(dtype), "[", row_count, ",", feature_count, "]");
  if (row_kind != RowKind::kActivations) {
    absl::StrAppend(&header, Name(row_kind), "(", coordinate_count, ")");
  }
  XXH3_128bits_reset(state_->hash.get());
  XXH3_128bits_update(state_->hash.get(), header.data(), header.size());
}

LayerDigest::LayerDigest(LayerDigest&&) noexcept = default;
LayerDigest& LayerDigest::operator=(LayerDigest&&) noexcept = default;
LayerDigest::~LayerDigest() = default;

void LayerDigest::Update(const void* data, int64_t size_bytes) {
  XXH3_128bits_update(state_->hash.get(), data, static_cast<size_t>(size_bytes));
}

std::string LayerDigest::Finish() const { return ToHex(XXH3_128bits_digest(state_->hash.get())); }

std::string ComputeLayerDigest(DType dtype, int64_t row_count, int64_t feature_count,
                               const void* data) {
  LayerDigest digest(dtype, row_count, feature_count);
  digest.Update(data, row_count * feature_count * ByteSize(dtype));
  return digest.Finish();
}

std::string ComputeInputIdsDigest(const std::vector<std::string>& input_ids) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash(XXH3_createState(),
                                                                      &XXH3_freeState);
  XXH3_128bits_reset(hash.get());
  // Each id with the zero byte that ends it, so that ("a", "bc") differs from ("ab", "c").
  for (const std::string& id : input_ids)
    XXH3_128bits_update(hash.get(), id.c_str(), id.size() + 1);
  return ToHex(XXH3_128bits_digest(hash.get()));
}

std::string ComputeTextDigest(absl::string_view text) {
  return ToHex(XXH3_128bits(text.data(), text.size()));
}

}  // namespace gramian::client
