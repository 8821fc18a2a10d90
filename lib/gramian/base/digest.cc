#include "gramian/base/digest.h"

#include <xxhash.h>

#include <memory>

#include "absl/strings/str_format.h"

namespace gramian {

std::string Digest::ToHex() const { return absl::StrFormat("%016x%016x", high, low); }

Digest ComputeDigest(absl::string_view header, const void* data, int64_t size) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  XXH3_128bits_update(state.get(), header.data(), header.size());
  XXH3_128bits_update(state.get(), data, static_cast<size_t>(size));
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return Digest{hash.high64, hash.low64};
}

}  // namespace gramian
