// Representational similarity analysis: two layers compared by their dissimilarity matrices (RDMs).
//
// With d the n (n - 1) / 2 entries i < j of the RDM D of a layer, and r their average ranks:
//   pearson, cosine   of the vectors d
//   spearman          Pearson correlation of r
//   rho-a             12 <r_a - mean, r_b - mean> / (m^3 - m), of m entries: the mean of
//                     Spearman's rho over random orders of ties
//   tau-a, tau-b      (C - D) / P and (C - D) / sqrt((P - T_a) (P - T_b)): C, D pairs of entries
//                     in equal and in opposite order, P all pairs, T those tied
//   whitened-cosine   d_a' V^-1 d_b, normalised, V the covariance of d under independent noise:
//                     <H D_a H, H D_b H>, normalised; of squared distances it is linear CKA
//   whitened-pearson  the same after the mean of d is taken off
//
// Sources: Kriegeskorte, Mur, Bandettini 2008; Nili et al. 2014 (tau-a); Schuett et al. 2023
// (rho-a); Diedrichsen et al. 2021, arXiv 2007.02789 (whitened).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rdm.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/rdm_ranks.h"

namespace gramian {
namespace {

enum class Comparison {
  kPearson,
  kSpearman,
  kRhoA,
  kTauA,
  kTauB,
  kCosine,
  kWhitenedCosine,
  kWhitenedPearson
};

constexpr std::pair<const char*, Comparison> kComparisons[] = {
    {"pearson", Comparison::kPearson},
    {"spearman", Comparison::kSpearman},
    {"rho-a", Comparison::kRhoA},
    {"tau-a", Comparison::kTauA},
    {"tau-b", Comparison::kTauB},
    {"cosine", Comparison::kCosine},
    {"whitened-cosine", Comparison::kWhitenedCosine},
    {"whitened-pearson", Comparison::kWhitenedPearson},
};
constexpr char kComparisonNames[] =
    "pearson|spearman|rho-a|tau-a|tau-b|cosine|whitened-cosine|whitened-pearson";

// What rounding leaves of the variance of equal entries, as a share of their mean.
constexpr double kRounding = 64.0 * std::numeric_limits<double>::epsilon();

std::string NameOf(Dissimilarity rdm, Comparison comparison) {
  std::string name = absl::StrCat("rsa-rdm=", ToString(rdm), "-compare=");
  for (const auto& [text, value] : kComparisons) {
    if (value == comparison) name += text;
  }
  return name;
}

MeasureTraits TraitsOf(Dissimilarity rdm, Comparison comparison) {
  const bool is_distance =
      rdm == Dissimilarity::kEuclidean || rdm == Dissimilarity::kSquaredEuclidean;
  const bool is_uncentred =
      comparison == Comparison::kCosine || comparison == Comparison::kWhitenedCosine;
  MeasureTraits traits;
  traits.range_min = is_uncentred ? 0.0 : -1.0;
  traits.invariant_to_orthogonal = rdm != Dissimilarity::kCorrelation;
  traits.invariant_to_permutation = true;
  traits.invariant_to_isotropic_scaling = true;
  traits.invariant_to_translation = is_distance;
  traits.invariant_to_dead_units = rdm != Dissimilarity::kCorrelation;
  traits.min_inputs = is_uncentred ? 2 : 3;
  traits.min_features = rdm == Dissimilarity::kCorrelation ? 2 : 1;
  // Ties lower them, also those of a layer with itself.
  traits.best_with_itself = comparison != Comparison::kRhoA && comparison != Comparison::kTauA;
  return traits;
}

// An inner product of two sides, with the self terms and what rounding may have left of them.
struct Products {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  double a_noise = 0.0;
  double b_noise = 0.0;
};

// Sums over entries i != j, which a shift has been taken off, of the centred entries.
Products PearsonOf(const RsmPairSums& sums) {
  const auto n = static_cast<double>(sums.rows);
  const double count = n * (n - 1.0);
  const double a_mean = sums.a_rows.sum() / count;
  const double b_mean = sums.b_rows.sum() / count;
  const double a_noise = kRounding * (sums.a_shift + a_mean);
  const double b_noise = kRounding * (sums.b_shift + b_mean);
  return {sums.ab - count * a_mean * b_mean, sums.aa - count * a_mean * a_mean,
          sums.bb - count * b_mean * b_mean, count * a_noise * a_noise, count * b_noise * b_noise};
}

Products CosineOf(const RsmPairSums& sums) {
  const auto n = static_cast<double>(sums.rows);
  const double count = n * (n - 1.0);
  const auto unshifted = [count](double product, double x_shift, double x_sum, double y_shift,
                                 double y_sum) {
    return product + x_shift * y_sum + y_shift * x_sum + count * x_shift * y_shift;
  };
  const double a = sums.a_rows.sum();
  const double b = sums.b_rows.sum();
  return {unshifted(sums.ab, sums.a_shift, a, sums.b_shift, b),
          unshifted(sums.aa, sums.a_shift, a, sums.a_shift, a),
          unshifted(sums.bb, sums.b_shift, b, sums.b_shift, b), 0.0, 0.0};
}

// <H D_a H, H D_b H>; taking the mean off the entries beside the diagonal takes (n - 1) times the
// product of the means off it.
Products WhitenedOf(const RsmPairSums& sums, bool centered) {
  const AlignmentSums whitened = BiasedSums(sums);
  Products products = {whitened.ab, whitened.aa, whitened.bb, whitened.a_noise, whitened.b_noise};
  if (!centered) return products;
  const auto n = static_cast<double>(sums.rows);
  const double a_mean = sums.a_shift + sums.a_rows.sum() / (n * (n - 1.0));
  const double b_mean = sums.b_shift + sums.b_rows.sum() / (n * (n - 1.0));
  products.ab -= (n - 1.0) * a_mean * b_mean;
  products.aa -= (n - 1.0) * a_mean * a_mean;
  products.bb -= (n - 1.0) * b_mean * b_mean;
  products.a_noise += kRounding * (n - 1.0) * a_mean * a_mean;
  products.b_noise += kRounding * (n - 1.0) * b_mean * b_mean;
  return products;
}

class Rsa final : public LayerMeasure {
 public:
  Rsa(Dissimilarity rdm, Comparison comparison)
      : LayerMeasure(NameOf(rdm, comparison), TraitsOf(rdm, comparison), Form::kSampleSpace),
        rdm_(rdm),
        comparison_(comparison) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    switch (comparison_) {
      case Comparison::kSpearman:
      case Comparison::kRhoA:
      case Comparison::kTauA:
      case Comparison::kTauB:
        return CompareRanks(context, a, b);
      default:
        return CompareValues(context, a, b);
    }
  }

  absl::StatusOr<Score> CompareValues(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const {
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles a_rdm, RdmTiles::Create(context, *a.layers()[0], rdm_));
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles b_rdm, RdmTiles::Create(context, *b.layers()[0], rdm_));
    if (a_rdm.is_constant() || b_rdm.is_constant()) return Without(ScoreStatus::kConstant);
    GRAMIAN_ASSIGN_OR_RETURN(const RsmPairSums sums, SumRdmPair(context, a_rdm, b_rdm));
    const Products products = comparison_ == Comparison::kPearson ? PearsonOf(sums)
                              : comparison_ == Comparison::kCosine
                                  ? CosineOf(sums)
                                  : WhitenedOf(sums, comparison_ == Comparison::kWhitenedPearson);
    if (!(products.aa > products.a_noise && products.bb > products.b_noise)) {
      return Without(ScoreStatus::kConstant);
    }
    if (a.key() == b.key()) return Value(1.0);
    return Normalized(products.ab, products.aa, products.bb);
  }

  absl::StatusOr<Score> CompareRanks(const ComputeContext& context, const Operand& a,
                                     const Operand& b) const {
    GRAMIAN_ASSIGN_OR_RETURN(const auto a_ranks, RanksOf(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(const auto b_ranks, RanksOf(context, b));
    if (a_ranks->is_constant() || b_ranks->is_constant()) return Without(ScoreStatus::kConstant);
    const auto count = static_cast<double>(a_ranks->doubled().size());
    if (comparison_ == Comparison::kTauA || comparison_ == Comparison::kTauB) {
      GRAMIAN_ASSIGN_OR_RETURN(const int64_t concordance,
                               ConcordanceOf(context, *a_ranks, *b_ranks));
      const double pairs = count * (count - 1.0) / 2.0;
      const bool corrected = comparison_ == Comparison::kTauB;
      const auto untied = [&](const RdmRanks& ranks) {
        return corrected ? pairs - static_cast<double>(ranks.tied_pairs()) : pairs;
      };
      return Normalized(static_cast<double>(concordance), untied(*a_ranks), untied(*b_ranks));
    }
    GRAMIAN_ASSIGN_OR_RETURN(const double ab, RankProduct(context, *a_ranks, *b_ranks));
    if (comparison_ == Comparison::kRhoA) {
      const double untied = count * (count * count - 1.0) / 12.0;
      return Normalized(ab, untied, untied);
    }
    GRAMIAN_ASSIGN_OR_RETURN(const double aa, RankProduct(context, *a_ranks, *a_ranks));
    GRAMIAN_ASSIGN_OR_RETURN(const double bb, RankProduct(context, *b_ranks, *b_ranks));
    return Normalized(ab, aa, bb);
  }

  absl::StatusOr<std::shared_ptr<const RdmRanks>> RanksOf(const ComputeContext& context,
                                                          const Operand& layer) const {
    return layer.Derive<RdmRanks>(context, absl::StrCat("rdm_ranks/", ToString(rdm_)),
                                  [&](const ComputeContext& entry) {
                                    return RdmRanks::Compute(entry, *layer.layers()[0], rdm_);
                                  });
  }

  // ab / sqrt(aa bb) within the range; equal self terms need no root.
  Score Normalized(double ab, double aa, double bb) const {
    const double norm = aa == bb ? aa : std::sqrt(aa) * std::sqrt(bb);
    return Value(std::clamp(ab / norm, traits().range_min, traits().range_max));
  }

  const Dissimilarity rdm_;
  const Comparison comparison_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const Dissimilarity rdm,
                           ParseDissimilarity(parameters.Take("rdm", "correlation")));
  const std::string text = parameters.Take("compare", "spearman");
  for (const auto& [name, comparison] : kComparisons) {
    if (text == name) return std::make_shared<const Rsa>(rdm, comparison);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("compare is one of ", kComparisonNames, ", not '", text, "'"));
}

}  // namespace

MeasureEntry RsaEntry() {
  MeasureFamily family;
  family.name = "rsa";
  family.description =
      "Representational similarity analysis: correlation of the dissimilarities of all pairs of "
      "inputs.";
  family.source =
      "Kriegeskorte et al. 2008; Nili et al. 2014 (tau-a); Schuett et al. 2023 (rho-a); "
      "Diedrichsen et al. 2021 (whitened)";
  family.parameters = {{"rdm", "euclidean|sqeuclidean|correlation|cosine", "correlation",
                        "dissimilarity of two inputs; correlation and cosine are 1 minus it"},
                       {"compare", kComparisonNames, "spearman",
                        "how the dissimilarities of two layers are compared"}};
  family.examples = {"rsa-rdm=correlation-compare=spearman",
                     "rsa-rdm=euclidean-compare=spearman",
                     "rsa-rdm=euclidean-compare=pearson",
                     "rsa-rdm=sqeuclidean-compare=cosine",
                     "rsa-rdm=correlation-compare=pearson",
                     "rsa-rdm=cosine-compare=rho-a",
                     "rsa-rdm=euclidean-compare=tau-a",
                     "rsa-rdm=cosine-compare=tau-b",
                     "rsa-rdm=sqeuclidean-compare=whitened-cosine",
                     "rsa-rdm=correlation-compare=whitened-pearson"};
  return {std::move(family), &Make};
}

}  // namespace gramian
