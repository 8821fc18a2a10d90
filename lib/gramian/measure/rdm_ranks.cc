#include "gramian/measure/rdm_ranks.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/parallel_sort.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

constexpr int64_t kBlock = int64_t{1} << 17;
// Twice the ranks of n (n - 1) / 2 entries fit in 32 bits.
constexpr int64_t kMaxInputs = 65536;
constexpr double kTie = 64.0 * std::numeric_limits<double>::epsilon();

int64_t PairsOf(int64_t count) { return count * (count - 1) / 2; }

// Calls body(begin, end) for blocks of [0, count) in parallel.
template <typename Body>
absl::Status ForEachBlock(const ComputeContext& context, int64_t count, const Body& body) {
  return ParallelFor(context, (count + kBlock - 1) / kBlock, [&](int64_t block) {
    body(block * kBlock, std::min((block + 1) * kBlock, count));
    return absl::OkStatus();
  });
}

// Twice the average rank at each place of the sorted values; counts pairs of tied values.
absl::StatusOr<std::vector<uint32_t>> RankPlaces(const ComputeContext& context,
                                                 const std::vector<double>& sorted,
                                                 int64_t& tied_pairs) {
  const size_t size = sorted.size();
  std::vector<uint32_t> doubled(size);
  size_t next_check = 0;
  for (size_t first = 0; first < size;) {
    if (first >= next_check) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      next_check = first + static_cast<size_t>(kBlock);
    }
    size_t last = first + 1;
    while (last < size && sorted[last] - sorted[last - 1] <= kTie * sorted[last]) ++last;
    // Ranks first + 1 to last, on average half their sum.
    std::fill(doubled.begin() + static_cast<int64_t>(first),
              doubled.begin() + static_cast<int64_t>(last),
              static_cast<uint32_t>(first + 1 + last));
    tied_pairs += PairsOf(static_cast<int64_t>(last - first));
    first = last;
  }
  return doubled;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const RdmRanks>> RdmRanks::Compute(const ComputeContext& context,
                                                                  const Representation& layer,
                                                                  Dissimilarity kind) {
  const int64_t n = layer.rows();
  if (n > kMaxInputs) {
    return NeverFits(absl::StrCat("ranks of all pairs of ", n, " inputs"), n, kMaxInputs);
  }
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(12 * n * n + 8 * n * layer.cols(), "the ranks of an RDM"));
  auto result = std::make_shared<RdmRanks>();
  std::vector<double> values;
  {
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles tiles, RdmTiles::Create(context, layer, kind));
    if (tiles.is_constant()) return result;
    GRAMIAN_ASSIGN_OR_RETURN(values, Triangle(context, tiles));
  }
  std::vector<double> sorted = values;
  GRAMIAN_RETURN_IF_ERROR(ParallelSort(context, sorted));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<uint32_t> places,
                           RankPlaces(context, sorted, result->tied_pairs_));
  const auto count = static_cast<int64_t>(values.size());
  result->is_constant_ = result->tied_pairs_ == PairsOf(count);
  result->doubled_.resize(values.size());
  GRAMIAN_RETURN_IF_ERROR(ForEachBlock(context, count, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const auto place = std::lower_bound(sorted.begin(), sorted.end(), values[i]) - sorted.begin();
      result->doubled_[i] = places[static_cast<size_t>(place)];
    }
  }));
  return result;
}

absl::StatusOr<double> RankProduct(const ComputeContext& context, const RdmRanks& a,
                                   const RdmRanks& b) {
  const auto count = static_cast<int64_t>(a.doubled().size());
  const auto twice_mean = static_cast<double>(count + 1);
  std::vector<double> sums(static_cast<size_t>((count + kBlock - 1) / kBlock));
  GRAMIAN_RETURN_IF_ERROR(ForEachBlock(context, count, [&](int64_t begin, int64_t end) {
    double sum = 0.0;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      sum += (static_cast<double>(a.doubled()[i]) - twice_mean) *
             (static_cast<double>(b.doubled()[i]) - twice_mean);
    }
    sums[static_cast<size_t>(begin / kBlock)] = sum;
  }));
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total / 4.0;
}

absl::StatusOr<int64_t> ConcordanceOf(const ComputeContext& context, const RdmRanks& a,
                                      const RdmRanks& b) {
  const auto count = static_cast<int64_t>(a.doubled().size());
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(16 * count, "the order of pairs of inputs"));
  // Knight's algorithm: sorted by a, ties by b, the inversions left in b are the discordant pairs.
  std::vector<uint64_t> keys(a.doubled().size());
  GRAMIAN_RETURN_IF_ERROR(ForEachBlock(context, count, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      keys[i] = uint64_t{a.doubled()[i]} << 32 | b.doubled()[i];
    }
  }));
  GRAMIAN_RETURN_IF_ERROR(ParallelSort(context, keys));
  int64_t tied_in_both = 0;
  std::vector<uint32_t> order(keys.size());
  int64_t run = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    run = i > 0 && keys[i] == keys[i - 1] ? run + 1 : 0;
    tied_in_both += run;
    order[i] = static_cast<uint32_t>(keys[i]);
  }
  keys = {};
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t discordant, CountInversions(context, order));
  return PairsOf(count) - a.tied_pairs() - b.tied_pairs() + tied_in_both - 2 * discordant;
}

}  // namespace gramian
