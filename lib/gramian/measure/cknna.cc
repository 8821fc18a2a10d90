// Centred kernel nearest-neighbour alignment (CKNNA): CKA that looks at common neighbours only.
//
// With K_ij the similarities of layer a and the mask M_ij = 1 if j is one of the k neighbours of i
// in both layers, A = M o K and B = M o L are put into the debiased HSIC of Song et al. 2012, which
// for matrices that are not symmetric reads
//
//   HSIC(A, B) = sum_ij A_ij B_ji + (1'A1)(1'B1) / ((n-1)(n-2)) - 2/(n-2) 1'AB1
//
// and CKNNA(K, L) = HSIC(K, L) / (sqrt(HSIC(K, K) HSIC(L, L)) + epsilon). As published code does
// it; the third term makes it slightly asymmetric. Not bounded: the mask of the numerator is
// another than those of the self terms. Cost: O(n k log k) for a pair beyond its lists of
// neighbours. Source: Huh et al. 2024, arXiv 2405.07987, appendix A, and its code (epsilon =
// 1e-06).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/neighborhoods.h"

namespace gramian {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A self term below this share of the terms that it is the sum of is rounding.
constexpr double kNoiseFactor = 64.0 * std::numeric_limits<double>::epsilon();

// An entry of both masked matrices.
struct Entry {
  int64_t col;
  double a;
  double b;
};

class MaskedPair {
 public:
  // Rows of common neighbours, each sorted by column.
  static absl::StatusOr<MaskedPair> Create(const ComputeContext& context, const Neighbors& a,
                                           const Neighbors& b, Nearness nearness) {
    MaskedPair pair;
    pair.rows_.resize(static_cast<size_t>(a.rows()));
    const double at_zero = nearness == Nearness::kCosine ? 1.0 : 0.0;
    GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, a.rows(), [&](int64_t i) {
      std::vector<Entry>& row = pair.rows_[static_cast<size_t>(i)];
      for (const CommonNeighbor& common : CommonNeighbors(a, b, i)) {
        row.push_back({common.index,
                       at_zero - a.DistancesOf(i)[static_cast<size_t>(common.a_rank - 1)],
                       at_zero - b.DistancesOf(i)[static_cast<size_t>(common.b_rank - 1)]});
      }
      std::sort(row.begin(), row.end(), &IsBefore);
      return absl::OkStatus();
    }));
    return pair;
  }

  // HSIC as above: the value, and the size of what was summed.
  std::pair<double, double> Hsic() const {
    const auto n = static_cast<double>(rows_.size());
    Vector a_cols = Vector::Zero(static_cast<Index>(rows_.size()));
    Vector b_rows = a_cols;
    double product = 0.0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      for (const Entry& entry : rows_[i]) {
        a_cols[entry.col] += entry.a;
        b_rows[static_cast<Index>(i)] += entry.b;
        product += entry.a * Mirrored(static_cast<int64_t>(i), entry.col);
      }
    }
    const double total = a_cols.sum() * b_rows.sum() / ((n - 1.0) * (n - 2.0));
    const double crossed = 2.0 / (n - 2.0) * a_cols.dot(b_rows);
    return {product + total - crossed, std::abs(product) + std::abs(total) + std::abs(crossed)};
  }

 private:
  static bool IsBefore(const Entry& x, const Entry& y) { return x.col < y.col; }

  // B_ji, 0 if it is masked out.
  double Mirrored(int64_t i, int64_t j) const {
    const std::vector<Entry>& row = rows_[static_cast<size_t>(j)];
    const auto found = std::lower_bound(row.begin(), row.end(), Entry{i, 0.0, 0.0}, &IsBefore);
    return found != row.end() && found->col == i ? found->b : 0.0;
  }

  std::vector<std::vector<Entry>> rows_;
};

class Cknna final : public LayerMeasure {
 public:
  Cknna(const NeighborhoodSpec& spec, double epsilon)
      : LayerMeasure(
            absl::StrCat("cknna", spec.ToString(),
                         epsilon > 0.0 ? absl::StrCat("-epsilon=", FormatNumber(epsilon)) : ""),
            TraitsOf(spec, epsilon), Form::kSampleSpace),
        spec_(spec),
        epsilon_(epsilon) {}

 private:
  static MeasureTraits TraitsOf(const NeighborhoodSpec& spec, double epsilon) {
    MeasureTraits traits = NeighborhoodTraits(spec);
    traits.range_min = -kInfinity;
    traits.range_max = kInfinity;
    traits.is_symmetric = false;
    traits.best_with_itself = false;
    traits.invariant_to_isotropic_scaling = spec.nearness == Nearness::kCosine || epsilon == 0.0;
    traits.min_inputs = std::max<int64_t>(traits.min_inputs, 4);
    return traits;
  }

  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_a, NeighborsOf(context, a, spec_));
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_b, NeighborsOf(context, b, spec_));
    if (near_a->is_constant() || near_b->is_constant()) return Without(ScoreStatus::kConstant);
    GRAMIAN_ASSIGN_OR_RETURN(const double aa, SelfTerm(context, *near_a));
    GRAMIAN_ASSIGN_OR_RETURN(const double bb, SelfTerm(context, *near_b));
    if (!(aa > 0.0 && bb > 0.0)) return Without(ScoreStatus::kNonpositiveSelfTerm);
    GRAMIAN_ASSIGN_OR_RETURN(const MaskedPair pair,
                             MaskedPair::Create(context, *near_a, *near_b, spec_.nearness));
    const auto n = static_cast<double>(a.rows());
    const double norm = aa == bb ? aa : std::sqrt(aa) * std::sqrt(bb);
    return WithRecall(Value(pair.Hsic().first / (norm + epsilon_ * n * (n - 3.0))), *near_a,
                      *near_b);
  }

  // 0 if nothing but rounding is left of it.
  absl::StatusOr<double> SelfTerm(const ComputeContext& context, const Neighbors& layer) const {
    GRAMIAN_ASSIGN_OR_RETURN(const MaskedPair pair,
                             MaskedPair::Create(context, layer, layer, spec_.nearness));
    const auto [value, magnitude] = pair.Hsic();
    return value > kNoiseFactor * magnitude ? value : 0.0;
  }

  const NeighborhoodSpec spec_;
  const double epsilon_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const NeighborhoodSpec spec, TakeNeighborhood(parameters, {}, 2));
  if (spec.nearness == Nearness::kEuclidean) {
    return absl::InvalidArgumentError(
        "cknna weighs neighbours by their similarity: neighbors is cosine or dot");
  }
  const std::string text = parameters.Take("epsilon", "0");
  GRAMIAN_ASSIGN_OR_RETURN(const double epsilon, ParseNumber(text, "epsilon"));
  if (epsilon < 0.0) {
    return absl::InvalidArgumentError(absl::StrCat("epsilon is >= 0, not ", text));
  }
  return std::make_shared<const Cknna>(spec, epsilon);
}

}  // namespace

MeasureEntry CknnaEntry() {
  MeasureFamily family;
  family.name = "cknna";
  family.description =
      "Centred kernel nearest-neighbour alignment: debiased CKA of similarities of common "
      "neighbours only.";
  family.source = "Huh et al. 2024, arXiv 2405.07987";
  family.parameters = NeighborhoodParameters("cosine|dot", {});
  family.parameters[1].values = "integer >= 2";
  family.parameters.push_back({"epsilon", "real >= 0", "0",
                               "added to the normalisation, as published code does with 1e-06"});
  family.examples = {"cknna-neighbors=cosine-k=10", "cknna-neighbors=dot-k=4",
                     "cknna-neighbors=cosine-k=10-epsilon=1e-06"};
  return {std::move(family), &Make};
}

}  // namespace gramian
