#include "gramian/representation/dtype.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

#include "gramian/base/wider.h"

namespace gramian {
namespace {

using Eigen::Index;

// Elements converted at a time: small enough for the first-level cache, and the copy makes
// alignment irrelevant.
constexpr int64_t kBlock = 1024;

template <typename In, typename Out>
void ConvertBlock(const In* in, Index size, Out* out) {
  Eigen::Map<Eigen::Array<Out, Eigen::Dynamic, 1>>(out, size) =
      Eigen::Map<const Eigen::Array<In, Eigen::Dynamic, 1>>(in, size).template cast<Out>();
}

// A plain loop: the compiler vectorises the change of type, Eigen's cast does not.
GRAMIAN_WIDER void ConvertBlock(const float* __restrict in, Index size, double* __restrict out) {
  for (Index i = 0; i < size; ++i) out[i] = static_cast<double>(in[i]);
}

template <typename In, typename Out>
void ConvertFrom(const void* in, int64_t count, Out* out) {
  if constexpr (std::is_same_v<In, Out>) {
    if (count > 0) std::memcpy(out, in, static_cast<size_t>(count) * sizeof(In));
    return;
  }
  Eigen::Array<In, kBlock, 1> block;
  const auto* bytes = static_cast<const std::byte*>(in);
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const Index size = std::min(kBlock, count - begin);
    std::memcpy(block.data(), bytes + static_cast<size_t>(begin) * sizeof(In),
                static_cast<size_t>(size) * sizeof(In));
    ConvertBlock(block.data(), size, out + begin);
  }
}

template <typename Out>
void ConvertAny(DType dtype, const void* in, int64_t count, Out* out) {
  switch (dtype) {
    case DType::kFloat32:
      return ConvertFrom<float>(in, count, out);
    case DType::kFloat16:
      return ConvertFrom<Eigen::half>(in, count, out);
    case DType::kBFloat16:
      return ConvertFrom<Eigen::bfloat16>(in, count, out);
    case DType::kFloat64:
      return ConvertFrom<double>(in, count, out);
  }
}

// Whether one of kBlock elements has an exponent of ones, which marks infinities and NaNs. With the
// sign gone, those are the elements that are not below `exponent`.
GRAMIAN_WIDER bool AnyNonFinite32(const std::byte* in, int32_t exponent) {
  int32_t largest = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    int32_t bits;
    std::memcpy(&bits, in + i * sizeof(bits), sizeof(bits));
    largest = std::max(largest, bits & std::numeric_limits<int32_t>::max());
  }
  return largest >= exponent;
}

GRAMIAN_WIDER bool AnyNonFinite16(const std::byte* in, int16_t exponent) {
  int16_t largest = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    int16_t bits;
    std::memcpy(&bits, in + i * sizeof(bits), sizeof(bits));
    largest = std::max(largest, static_cast<int16_t>(bits & std::numeric_limits<int16_t>::max()));
  }
  return largest >= exponent;
}

// Whether kBlock elements are all finite; false also means "look closer".
bool BlockIsFinite(DType dtype, const std::byte* in) {
  switch (dtype) {
    case DType::kFloat32:
      return !AnyNonFinite32(in, 0x7F800000);
    case DType::kFloat16:
      return !AnyNonFinite16(in, 0x7C00);
    case DType::kBFloat16:
      return !AnyNonFinite16(in, 0x7F80);
    case DType::kFloat64:
      return false;  // It may overflow float32.
  }
  return false;
}

}  // namespace

int64_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return 4;
    case DType::kFloat16:
    case DType::kBFloat16:
      return 2;
    case DType::kFloat64:
      return 8;
  }
  return 0;
}

absl::string_view ToString(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kFloat16:
      return "float16";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kFloat64:
      return "float64";
  }
  return "unknown";
}

void Convert(DType dtype, const void* in, int64_t count, float* out) {
  ConvertAny(dtype, in, count, out);
}

void Convert(DType dtype, const void* in, int64_t count, double* out) {
  ConvertAny(dtype, in, count, out);
}

int64_t FindNonFinite(DType dtype, const void* in, int64_t count) {
  Eigen::Array<float, kBlock, 1> block;
  const auto* bytes = static_cast<const std::byte*>(in);
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const Index size = std::min(kBlock, count - begin);
    if (size == kBlock && BlockIsFinite(dtype, bytes + begin * SizeOf(dtype))) continue;
    Convert(dtype, bytes + begin * SizeOf(dtype), size, block.data());
    // x - x is 0 for a finite x and NaN for any other, which a vectorised sum keeps.
    if ((block.head(size) - block.head(size)).sum() == 0.0F) continue;
    for (Index i = 0; i < size; ++i) {
      if (!std::isfinite(block[i])) return begin + i;
    }
  }
  return -1;
}

}  // namespace gramian
