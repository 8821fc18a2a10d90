#include "gramian/store/safetensors.h"

#include <string>

#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzSafetensors(absl::string_view input) {
  const absl::StatusOr<int64_t> size = SafetensorsHeaderSize(input.substr(0, 8));
  if (size.ok()) Require(*size >= 8 && *size <= (int64_t{1} << 17), "a header has a bound");
  const absl::StatusOr<SafetensorsHeader> header = DecodeSafetensorsHeader(input);
  if (!header.ok()) {
    Require(!header.status().message().empty(), "a refusal has a message");
    return;
  }
  Require(size.ok() && *size == static_cast<int64_t>(input.size()), "a header knows its size");
  Require(header->shape.rows >= 1 && header->shape.cols >= 1, "a matrix has elements");
  const std::string encoded = EncodeSafetensorsHeader(*header);
  const absl::StatusOr<SafetensorsHeader> again = DecodeSafetensorsHeader(encoded);
  Require(again.ok() && *again == *header, "a header that is written again means the same");
}

}  // namespace gramian::fuzz
