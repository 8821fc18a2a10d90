// Ranks of the dissimilarities of a layer, and the correlations of ranks of two layers.
#ifndef GRAMIAN_MEASURE_RDM_RANKS_H_
#define GRAMIAN_MEASURE_RDM_RANKS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/geometry/rdm.h"
#include "gramian/representation/representation.h"

namespace gramian {

// The average ranks (1 to m) of the m = n (n - 1) / 2 dissimilarities i < j. Values that differ by
// rounding only, 64 eps of their size from the next, are ties.
class RdmRanks {
 public:
  // O(n^2 (d + log n)); 12 n^2 bytes of scratch beside 8 n d, of which 2 n^2 are kept.
  // RESOURCE_EXHAUSTED if they do not fit, and for n > 65,536, whose ranks do not fit in 32 bits.
  static absl::StatusOr<std::shared_ptr<const RdmRanks>> Compute(const ComputeContext& context,
                                                                 const Representation& layer,
                                                                 Dissimilarity kind);

  // Twice the rank, an integer, of each entry of Triangle().
  const std::vector<uint32_t>& doubled() const { return doubled_; }
  // Number of pairs of tied entries.
  int64_t tied_pairs() const { return tied_pairs_; }
  // Whether all entries are tied, or all inputs alike.
  bool is_constant() const { return is_constant_; }
  int64_t size_bytes() const {
    return static_cast<int64_t>(sizeof(*this) + doubled_.size() * sizeof(uint32_t));
  }

 private:
  std::vector<uint32_t> doubled_;
  int64_t tied_pairs_ = 0;
  bool is_constant_ = true;
};

// sum (r_a - mean) (r_b - mean) over the entries. O(n^2). With its own self terms Spearman's rho,
// with those of ranks without ties, (m^3 - m) / 12, rho-a.
absl::StatusOr<double> RankProduct(const ComputeContext& context, const RdmRanks& a,
                                   const RdmRanks& b);

// Pairs of entries in the same and in the opposite order, ties counting as neither: C - D.
// O(n^2 log n); 8 n^2 bytes of scratch.
absl::StatusOr<int64_t> ConcordanceOf(const ComputeContext& context, const RdmRanks& a,
                                      const RdmRanks& b);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_RDM_RANKS_H_
