// Projection-weighted CCA: canonical correlations rho_i weighted by how much of a layer each
// canonical variable h_i accounts for.
//
//   PWCCA = sum_i alpha_i rho_i / sum_i alpha_i,  alpha_i = sum_j |<h_i, x_j>|
//
// over the features x_j of one layer, centred. Source: Morcos et al. 2018 (arXiv 1806.05759);
// Kornblith et al. 2019 (arXiv 1905.00414), eq. 9.
//
// weights=google is google/svcca's pwcca.py, which ReSi copies and whose numbers papers hold: its
// directions lack the inverse root of the covariance and have the mean added back, so that it
// depends on means, on the order and scales of single features, and on the signs of LAPACK's
// singular vectors. Here the features of the layer with fewer live ones are always its own (the
// library takes the first layer's), and dependent features do no harm.
#include <Eigen/Cholesky>
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/geometry/moments.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"
#include "gramian/measure/units.h"

namespace gramian {
namespace {

// A matrix in the cache.
struct CachedMatrix {
  Matrix value;
  int64_t size_bytes() const { return value.size() * static_cast<int64_t>(sizeof(double)); }
};

// U' x (r x d) of the centred layer, cached.
absl::StatusOr<std::shared_ptr<const CachedMatrix>> GetLoadings(const ComputeContext& context,
                                                                const Operand& layer,
                                                                const SpectralOperator& centered) {
  using Result = absl::StatusOr<std::shared_ptr<const CachedMatrix>>;
  if (!centered.features().is_explicit()) {
    return std::make_shared<const CachedMatrix>(
        CachedMatrix{centered.gram().cwiseSqrt().asDiagonal() * centered.loadings()});
  }
  return layer.Derive<CachedMatrix>(
      context, "loadings", [&](const ComputeContext& entry) -> Result {
        GRAMIAN_ASSIGN_OR_RETURN(
            Matrix loadings,
            CrossCovariance(entry, centered.features(), *layer.Features(KernelKind::kLinear),
                            Arithmetic::kFloat64));
        return std::make_shared<const CachedMatrix>(CachedMatrix{std::move(loadings)});
      });
}

// Weighted mean of rho; `directions` (k x r) are the canonical variables in eigenvectors of a side.
double Weigh(const Vector& rho, const Matrix& directions, const Matrix& loadings) {
  const Vector alpha =
      Product(directions, Transpose::kNo, loadings, Transpose::kNo).cwiseAbs().rowwise().sum();
  return alpha.dot(rho) / alpha.sum();
}

enum class Weights { kSmaller, kFirst, kSecond };

absl::StatusOr<double> Pwcca(const ComputeContext& context, const Operand& a, const Operand& b,
                             const LayerOverlap& overlap, Weights weights) {
  if (std::max(overlap.w.rows(), overlap.w.cols()) >= overlap.rows - 1) return 1.0;
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(overlap.w));
  const Vector rho = svd.values.cwiseMin(1.0);
  const Index difference = overlap.w.rows() - overlap.w.cols();
  double sum = 0.0;
  int sides = 0;
  if (weights == Weights::kFirst || (weights == Weights::kSmaller && difference <= 0)) {
    GRAMIAN_ASSIGN_OR_RETURN(const auto loadings, GetLoadings(context, a, *overlap.a_centered));
    sum += Weigh(rho, svd.left, loadings->value);
    ++sides;
  }
  if (weights == Weights::kSecond || (weights == Weights::kSmaller && difference >= 0)) {
    GRAMIAN_ASSIGN_OR_RETURN(const auto loadings, GetLoadings(context, b, *overlap.b_centered));
    sum += Weigh(rho, svd.right, loadings->value);
    ++sides;
  }
  return sum / sides;
}

// The live features of a layer as google/svcca takes them.
struct LiveUnits {
  Matrix covariance;  // centred
  Matrix inverse_root;
  Vector mean;
};

std::vector<Index> LiveIndices(const UnitMoments& units) {
  std::vector<Index> live;
  for (Index j = 0; j < units.squared.size(); ++j) {
    if (units.squared[j] > 0.0) live.push_back(j);
  }
  return live;
}

absl::StatusOr<LiveUnits> MakeLiveUnits(const ComputeContext& context, const Operand& layer,
                                        const std::vector<Index>& live) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Moments> moments,
                           layer.GetMoments(context, KernelKind::kLinear, Arithmetic::kFloat64));
  LiveUnits units;
  units.covariance = moments->covariance()(live, live);
  units.mean = moments->mean()(live);
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen, EigenDecompose(context, units.covariance));
  const Index rank = NumericalRank(eigen.values, eigen.values.size());
  const Matrix vectors = eigen.vectors.topRows(rank);
  units.inverse_root = vectors.transpose() *
                       eigen.values.head(rank).cwiseSqrt().cwiseInverse().asDiagonal() * vectors;
  return units;
}

// Weights from directions u (k x d, orthonormal rows) of one side: the Gram-Schmidt basis P of
// D = x u' + 1 mean', and sum_j |<P_i, x_j>| over the features as they are.
absl::StatusOr<Vector> GoogleWeights(const Matrix& u, const LiveUnits& units, double n) {
  const Vector mean = units.mean.head(u.rows());
  const Matrix projected = Product(u, Transpose::kNo, units.covariance, Transpose::kNo);
  const Matrix gram =
      Product(projected, Transpose::kNo, u, Transpose::kYes) + n * mean * mean.transpose();
  const Matrix onto = projected + n * mean * units.mean.transpose();
  const Eigen::LLT<Matrix> cholesky(gram);
  if (cholesky.info() != Eigen::Success) {
    return absl::InternalError("directions above the rank cut are dependent");
  }
  return Vector(cholesky.matrixL().solve(onto).cwiseAbs().rowwise().sum());
}

// `a` has at most as many live features as `b`, and weighs.
absl::StatusOr<double> GooglePwcca(const ComputeContext& context, const Operand& a,
                                   const std::vector<Index>& a_live, const Operand& b,
                                   const std::vector<Index>& b_live, Index rank) {
  GRAMIAN_ASSIGN_OR_RETURN(const LiveUnits x, MakeLiveUnits(context, a, a_live));
  GRAMIAN_ASSIGN_OR_RETURN(const LiveUnits y, MakeLiveUnits(context, b, b_live));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix cross, UnitProducts(context, a, b, Centering::kColumns));
  const Matrix whitened = x.inverse_root * cross(a_live, b_live) * y.inverse_root;
  // Transposed, so that LAPACK sees the matrix that NumPy gives it and chooses the same signs.
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(whitened.transpose()));
  GRAMIAN_ASSIGN_OR_RETURN(const Vector weights, GoogleWeights(svd.right.topRows(rank), x,
                                                               static_cast<double>(a.rows())));
  return weights.dot(svd.values.head(rank)) / weights.sum();
}

absl::StatusOr<double> GooglePwccaOfPair(const ComputeContext& context, const Operand& a,
                                         const Operand& b, const LayerOverlap& overlap) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> a_moments,
                           GetUnitMoments(context, a));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> b_moments,
                           GetUnitMoments(context, b));
  const std::vector<Index> a_live = LiveIndices(*a_moments);
  const std::vector<Index> b_live = LiveIndices(*b_moments);
  const Index rank = std::min(overlap.w.rows(), overlap.w.cols());
  return a_live.size() <= b_live.size() ? GooglePwcca(context, a, a_live, b, b_live, rank)
                                        : GooglePwcca(context, b, b_live, a, a_live, rank);
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::string text,
      parameters.TakeChoice("weights", {"smaller", "first", "second", "google"}));
  OverlapMeasure pwcca;
  pwcca.name = absl::StrCat("pwcca-weights=", text);
  pwcca.traits.is_symmetric = text == "smaller";
  pwcca.traits.invariant_to_isotropic_scaling = true;
  if (text == "google") {
    pwcca.value = &GooglePwccaOfPair;
    return MakeOverlapMeasure(std::move(pwcca));
  }
  const Weights weights = text == "first"    ? Weights::kFirst
                          : text == "second" ? Weights::kSecond
                                             : Weights::kSmaller;
  // Of the layer that does not weigh only its span counts.
  pwcca.traits.invariant_to_permutation = true;
  pwcca.traits.invariant_to_translation = true;
  pwcca.traits.invariant_to_orthogonal = weights == Weights::kSecond;
  pwcca.traits.invariant_to_invertible_linear = weights == Weights::kSecond;
  pwcca.traits.invariant_to_affine = weights == Weights::kSecond;
  pwcca.value = [weights](const ComputeContext& context, const Operand& a, const Operand& b,
                          const LayerOverlap& overlap) {
    return Pwcca(context, a, b, overlap, weights);
  };
  return MakeOverlapMeasure(std::move(pwcca));
}

}  // namespace

MeasureEntry PwccaEntry() {
  MeasureFamily family;
  family.name = "pwcca";
  family.description =
      "Canonical correlations weighted by sum_j |<h_i, x_j>|, h_i canonical variables and x_j "
      "features of a layer. Per layer O(n d^2 + d^3), per pair O(n r^2 + r^2 d + r^3).";
  family.source = "Morcos et al. 2018, arXiv 1806.05759; Kornblith et al. 2019, eq. 9";
  family.parameters = {
      {"weights", "smaller|first|second|google", "smaller",
       "the layer that weighs: of the smaller rank (both, averaged, if equal), or named; google is "
       "the library's different formula"}};
  family.examples = {"pwcca-weights=smaller", "pwcca-weights=first", "pwcca-weights=second",
                     "pwcca-weights=google"};
  return {std::move(family), &Make};
}

}  // namespace gramian
