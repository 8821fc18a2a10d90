#include "gramian/cli/npy.h"

#include <limits>
#include <optional>
#include <span>

#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzNpy(absl::string_view input) {
  using client::ByteSize;
  using client::DType;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(input.data()),
                                         input.size());
  for (const std::optional<DType> declared :
       {std::optional<DType>(), std::optional<DType>(DType::kBfloat16)}) {
    const auto header = client::cli::ParseNpyHeader(bytes, declared);
    if (!header.ok()) {
      Require(!header.status().message().empty(), "a refusal has a message");
      continue;
    }
    Require(header->data_offset > 0, "elements come after a header");
    Require(static_cast<size_t>(header->data_offset) <= input.size(), "a header is not cut short");
    int64_t count = 1;
    for (const int64_t extent : header->shape) {
      Require(extent >= 0, "an extent is no negative number");
      Require(!__builtin_mul_overflow(count, extent, &count), "a size fits an int64");
    }
    Require(count == header->element_count(), "the count is the product of the shape");
    Require(count <= std::numeric_limits<int64_t>::max() / ByteSize(header->dtype),
            "a size in bytes fits an int64");
  }
}

}  // namespace gramian::fuzz
