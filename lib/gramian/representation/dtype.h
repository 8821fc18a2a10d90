// Element types in which activations arrive and are kept.
#ifndef GRAMIAN_REPRESENTATION_DTYPE_H_
#define GRAMIAN_REPRESENTATION_DTYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace gramian {

// Little-endian IEEE formats; bfloat16 is the upper half of a float32.
enum class DType { kFloat32, kFloat16, kBFloat16, kFloat64 };

// 4, 2, 2, 8.
int64_t SizeOf(DType dtype);

// "float32", "float16", "bfloat16", "float64".
absl::string_view ToString(DType dtype);

// Widens or narrows `count` elements at `in` (any alignment) to float or double. float64 to float
// rounds to nearest; everything else is exact.
void Convert(DType dtype, const void* in, int64_t count, float* out);
void Convert(DType dtype, const void* in, int64_t count, double* out);

// Index of the first element that is infinite or NaN, also when float64 overflows float32
// (computation is in float32); -1 if there is none.
int64_t FindNonFinite(DType dtype, const void* in, int64_t count);

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_DTYPE_H_
