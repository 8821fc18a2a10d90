// Content digests: what activations, and everything derived from them, are named by.
#ifndef GRAMIAN_BASE_DIGEST_H_
#define GRAMIAN_BASE_DIGEST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace gramian {

// A 128-bit content digest. Equal digests are taken to mean equal content.
struct Digest {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;

  // 32 lower-case hexadecimal digits, high word first.
  std::string ToHex() const;
  // The inverse of ToHex, upper-case digits allowed; nothing for any other text.
  static std::optional<Digest> FromHex(absl::string_view hex);
};

// XXH3-128 of `header` (what the bytes mean: dtype and shape) followed by `size` bytes at `data`.
Digest ComputeDigest(absl::string_view header, const void* data, int64_t size);

// The same digest for bytes that become known piece by piece. Thread-compatible.
class DigestBuilder {
 public:
  explicit DigestBuilder(absl::string_view header);
  DigestBuilder(DigestBuilder&& other) noexcept;
  DigestBuilder& operator=(DigestBuilder&& other) noexcept;
  ~DigestBuilder();

  // Adds the next `size` bytes.
  void Update(const void* data, int64_t size);
  // The digest of everything added so far.
  Digest Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // Null when moved from.
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_DIGEST_H_
