#include "gramian/engine/resampling.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace gramian {
namespace {

enum class Kind : uint64_t { kPermutation = 1, kBootstrap = 2, kHalves = 3 };

// splitmix64, which spreads neighbouring numbers over all 64 bits.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

// The distributions and shuffles of the standard library differ between its implementations.
class Stream {
 public:
  Stream(Kind kind, uint64_t seed, int64_t replicate)
      : engine_(
            Mix(Mix(Mix(seed) + static_cast<uint64_t>(kind)) + static_cast<uint64_t>(replicate))) {}

  // Uniform in [0, bound).
  int64_t Below(int64_t bound) {
    const auto range = static_cast<uint64_t>(bound);
    const uint64_t limit = std::numeric_limits<uint64_t>::max() / range * range;
    uint64_t value = engine_();
    while (value >= limit) value = engine_();
    return static_cast<int64_t>(value % range);
  }

 private:
  std::mt19937_64 engine_;
};

std::vector<int64_t> Shuffled(int64_t n, Stream stream) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(stream.Below(i + 1))]);
  }
  return order;
}

InputChoice Sorted(std::vector<int64_t> choice) {
  std::sort(choice.begin(), choice.end());
  return std::make_shared<const std::vector<int64_t>>(std::move(choice));
}

}  // namespace

InputChoice PermuteInputs(int64_t n, uint64_t seed, int64_t replicate) {
  return std::make_shared<const std::vector<int64_t>>(
      Shuffled(n, Stream(Kind::kPermutation, seed, replicate)));
}

InputChoice ResampleInputs(int64_t n, uint64_t seed, int64_t replicate) {
  Stream stream(Kind::kBootstrap, seed, replicate);
  std::vector<int64_t> choice(static_cast<size_t>(n));
  for (int64_t& input : choice) input = stream.Below(n);
  return Sorted(std::move(choice));
}

std::pair<InputChoice, InputChoice> HalveInputs(int64_t n, uint64_t seed, int64_t replicate) {
  const std::vector<int64_t> order = Shuffled(n, Stream(Kind::kHalves, seed, replicate));
  const auto middle = order.begin() + n / 2;
  return {Sorted({order.begin(), middle}), Sorted({middle, middle + n / 2})};
}

}  // namespace gramian
