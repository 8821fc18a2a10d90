#include "gramian/measure/neighborhoods.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

absl::StatusOr<NeighborSearch> ParseSearch(const std::string& text) {
  constexpr int64_t kMostEffort = 100000;
  if (text == "exact") return NeighborSearch{};
  absl::string_view rest = text;
  int64_t effort = 0;
  if (absl::ConsumePrefix(&rest, "hnsw:") && absl::SimpleAtoi(rest, &effort) &&
      absl::StrCat(effort) == rest && effort >= 1 && effort <= kMostEffort) {
    return NeighborSearch{effort};
  }
  return absl::InvalidArgumentError(absl::StrCat("search is exact, or hnsw:E with E from 1 to ",
                                                 kMostEffort, ", not '", text, "'"));
}

}  // namespace

std::string NeighborhoodSpec::ToString() const {
  return absl::StrCat("-neighbors=", gramian::ToString(nearness), "-k=", k,
                      search.is_exact() ? "" : absl::StrCat("-search=hnsw:", search.effort));
}

absl::StatusOr<NeighborhoodSpec> TakeNeighborhood(MeasureParameters& parameters,
                                                  const NeighborhoodSpec& defaults,
                                                  int64_t least_k) {
  NeighborhoodSpec spec;
  GRAMIAN_ASSIGN_OR_RETURN(
      spec.nearness, ParseNearness(parameters.Take("neighbors", ToString(defaults.nearness))));
  GRAMIAN_ASSIGN_OR_RETURN(spec.k, parameters.TakeCount("k", defaults.k, least_k));
  GRAMIAN_ASSIGN_OR_RETURN(spec.search, ParseSearch(parameters.Take("search", "exact")));
  return spec;
}

std::vector<MeasureParameter> NeighborhoodParameters(const std::string& nearness,
                                                     const NeighborhoodSpec& defaults) {
  return {{"neighbors", nearness, ToString(defaults.nearness),
           "by what inputs are near; ties go to the smaller index"},
          {"k", "integer >= 1", absl::StrCat(defaults.k),
           "neighbours of each input, itself not counted"},
          {"search", "exact|hnsw:E", "exact",
           "all pairs of inputs, or an index for many of them that keeps E inputs in view; the "
           "share of neighbours it finds comes with the score"}};
}

MeasureTraits NeighborhoodTraits(const NeighborhoodSpec& spec) {
  MeasureTraits traits;
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_permutation = true;
  traits.invariant_to_isotropic_scaling = true;
  traits.invariant_to_translation = spec.nearness == Nearness::kEuclidean;
  traits.min_inputs = spec.k + 1;
  return traits;
}

absl::StatusOr<std::shared_ptr<const Neighbors>> NeighborsOf(const ComputeContext& context,
                                                             const Operand& layer,
                                                             const NeighborhoodSpec& spec) {
  return layer.Derive<Neighbors>(
      context, absl::StrCat("neighbors", spec.ToString()), [&](const ComputeContext& entry) {
        return Neighbors::Compute(entry, *layer.layers()[0], spec.nearness, spec.k, spec.search);
      });
}

Score WithRecall(Score score, const Neighbors& a, const Neighbors& b) {
  score.recall = static_cast<float>(std::min(a.recall(), b.recall()));
  return score;
}

std::vector<CommonNeighbor> CommonNeighbors(const Neighbors& a, const Neighbors& b, int64_t i) {
  std::vector<std::pair<int32_t, int64_t>> b_ranks;
  b_ranks.reserve(static_cast<size_t>(b.k()));
  for (const int32_t index : b.Of(i)) {
    b_ranks.emplace_back(index, static_cast<int64_t>(b_ranks.size()) + 1);
  }
  std::sort(b_ranks.begin(), b_ranks.end());
  std::vector<CommonNeighbor> common;
  int64_t a_rank = 0;
  for (const int32_t index : a.Of(i)) {
    ++a_rank;
    const auto found =
        std::lower_bound(b_ranks.begin(), b_ranks.end(), std::pair<int32_t, int64_t>(index, 0));
    if (found == b_ranks.end() || found->first != index) continue;
    common.push_back({index, a_rank, found->second});
  }
  return common;
}

absl::StatusOr<double> MeanOverInputs(const ComputeContext& context, int64_t n,
                                      const std::function<double(int64_t i)>& row_score) {
  constexpr int64_t kBlock = 256;
  std::vector<double> sums(static_cast<size_t>((n + kBlock - 1) / kBlock));
  GRAMIAN_RETURN_IF_ERROR(
      ParallelFor(context, static_cast<int64_t>(sums.size()), [&](int64_t block) {
        for (int64_t i = block * kBlock; i < std::min((block + 1) * kBlock, n); ++i) {
          sums[static_cast<size_t>(block)] += row_score(i);
        }
        return absl::OkStatus();
      }));
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total / static_cast<double>(n);
}

}  // namespace gramian
