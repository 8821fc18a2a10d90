// Seeded choices of inputs: permutations, bootstrap samples, halves.
#ifndef GRAMIAN_ENGINE_RESAMPLING_H_
#define GRAMIAN_ENGINE_RESAMPLING_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace gramian {

// Numbers of inputs, in [0, n).
using InputChoice = std::shared_ptr<const std::vector<int64_t>>;

// The `replicate`-th choice of its kind from n >= 1 inputs. It depends on the arguments alone and
// is the same on every platform; replicates, kinds and seeds have independent streams of a 64-bit
// Mersenne twister. O(n).
//
// All n in random order (Fisher and Yates): each order equally likely.
InputChoice PermuteInputs(int64_t n, uint64_t seed, int64_t replicate);
// n drawn with replacement, ascending.
InputChoice ResampleInputs(int64_t n, uint64_t seed, int64_t replicate);
// Two disjoint halves of floor(n / 2) each, ascending; n >= 2. Of an odd n one is left out.
std::pair<InputChoice, InputChoice> HalveInputs(int64_t n, uint64_t seed, int64_t replicate);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_RESAMPLING_H_
