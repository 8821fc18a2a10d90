#include "gramian/base/digest.h"

#if defined(__x86_64__)
// The same functions, with a choice by the processor's vector width.
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#include <charconv>
#include <memory>
#include <system_error>

#include "absl/strings/str_format.h"

namespace gramian {

std::string Digest::ToHex() const { return absl::StrFormat("%016x%016x", high, low); }

std::optional<Digest> Digest::FromHex(absl::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  Digest digest;
  const char* const end = hex.data() + hex.size();
  const char* const middle = hex.data() + 16;
  // from_chars takes no sign for unsigned numbers and stops at the first character it does not
  // know.
  const auto high = std::from_chars(hex.data(), middle, digest.high, 16);
  const auto low = std::from_chars(middle, end, digest.low, 16);
  if (high.ec != std::errc() || high.ptr != middle || low.ec != std::errc() || low.ptr != end) {
    return std::nullopt;
  }
  return digest;
}

struct DigestBuilder::State {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash{XXH3_createState(),
                                                                      &XXH3_freeState};
};

DigestBuilder::DigestBuilder(absl::string_view header) : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(state_->hash.get());
  XXH3_128bits_update(state_->hash.get(), header.data(), header.size());
}

DigestBuilder::DigestBuilder(DigestBuilder&& other) noexcept = default;
DigestBuilder& DigestBuilder::operator=(DigestBuilder&& other) noexcept = default;
DigestBuilder::~DigestBuilder() = default;

void DigestBuilder::Update(const void* data, int64_t size) {
  XXH3_128bits_update(state_->hash.get(), data, static_cast<size_t>(size));
}

Digest DigestBuilder::Finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash.get());
  return Digest{hash.high64, hash.low64};
}

Digest ComputeDigest(absl::string_view header, const void* data, int64_t size) {
  DigestBuilder builder(header);
  builder.Update(data, size);
  return builder.Finish();
}

}  // namespace gramian
