#include "gramian/client/dtype.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gramian::client {
namespace {

constexpr std::array<DType, 4> kAll = {DType::kFloat16, DType::kBfloat16, DType::kFloat32,
                                       DType::kFloat64};

}  // namespace

int64_t ByteSize(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
    case DType::kBfloat16:
      return 2;
    case DType::kFloat32:
      return 4;
    case DType::kFloat64:
      break;
  }
  return 8;
}

absl::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return "float16";
    case DType::kBfloat16:
      return "bfloat16";
    case DType::kFloat32:
      return "float32";
    case DType::kFloat64:
      break;
  }
  return "float64";
}

absl::StatusOr<DType> ParseDType(absl::string_view name) {
  for (const DType dtype : kAll) {
    if (Name(dtype) == name) return dtype;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown dtype '", name, "': use float16, bfloat16, float32 or float64"));
}

}  // namespace gramian::client
