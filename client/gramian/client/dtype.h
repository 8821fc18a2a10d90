#ifndef GRAMIAN_CLIENT_DTYPE_H_
#define GRAMIAN_CLIENT_DTYPE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian::client {

// Element type of an activation matrix. Values are little-endian; the server keeps them as sent and
// computes with float32 values and double sums.
enum class DType {
  kFloat16,   // IEEE 754 binary16
  kBfloat16,  // upper half of a binary32
  kFloat32,
  kFloat64,
};

// Size of one element in bytes: 2, 2, 4 or 8.
int64_t ByteSize(DType dtype);

// "float16", "bfloat16", "float32" or "float64".
absl::string_view Name(DType dtype);

// The inverse of Name. INVALID_ARGUMENT for any other text.
absl::StatusOr<DType> ParseDType(absl::string_view name);

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_DTYPE_H_
