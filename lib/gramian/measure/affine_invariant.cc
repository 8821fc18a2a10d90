// Affine-invariant Riemannian distance of what layers make of their inputs, or of their features.
//
//   airm(x, y) = |log eig(S_y^-1 S_x)|,   S = K + g I
//
// gram        K the n x n kernel matrix of the layer, x x' of the centred x for the linear kernel
// covariance  K = x' x / (n - 1) of the centred x; features of the same place are compared, and the
//             narrower layer is padded with zeros
//
// The ridge g makes S invertible, and says below which size an eigenvalue is as good as none;
// beside a K with a trace of g / (64 eps) it is lost, and the layer kRankDeficient. For the linear
// kernel both S are g outside the eigenvectors U of both layers, so that all is computed in an
// orthonormal basis of these, at most r_a + r_b of them, from U_a' U_b alone. Sources: Lange et al.
// 2022 (arXiv 2206.10999), who leave it to gram and covariance; Pennec et al. 2006.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/geometry/rsm.h"
#include "gramian/measure/affine_geometry.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap.h"

namespace gramian {
namespace {

// Factors of S in one basis, empty where a layer has no point; then its status.
struct Factors {
  std::vector<Matrix> lower;
  std::vector<ScoreStatus> statuses;

  void Add(Matrix semidefinite, double ridge) {
    lower.push_back(LowerFactor(std::move(semidefinite), ridge));
    statuses.push_back(lower.back().size() > 0 ? ScoreStatus::kOk : ScoreStatus::kRankDeficient);
  }
  void AddNone(ScoreStatus status) {
    lower.emplace_back();
    statuses.push_back(status);
  }
};

// Coordinates of all eigenvectors, N x sum r_i, in an orthonormal basis of what they span.
absl::StatusOr<Matrix> JointCoordinates(const ComputeContext& context,
                                        const std::vector<LayerOverlap>& overlaps,
                                        const std::vector<Index>& ranks) {
  Index total = 0;
  for (const Index rank : ranks) total += rank;
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      4 * total * total * static_cast<int64_t>(sizeof(double)), "a basis of several layers"));
  Matrix gram(total, total);
  Index row = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    Index col = row;
    for (size_t j = i; j < ranks.size(); ++j) {
      if (ranks[i] > 0 && ranks[j] > 0) {
        const Matrix& w = overlaps[i * ranks.size() + j].w;
        gram.block(row, col, ranks[i], ranks[j]) = w;
        gram.block(col, row, ranks[j], ranks[i]) = w.transpose();
      }
      col += ranks[j];
    }
    row += ranks[i];
  }
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen, EigenDecompose(context, std::move(gram)));
  const Index rank = NumericalRank(eigen.values, total);
  return Matrix(eigen.values.head(rank).cwiseSqrt().asDiagonal() * eigen.vectors.topRows(rank));
}

absl::Status CheckMatrices(const ComputeContext& context, size_t count, int64_t order) {
  return context.CheckScratch(
      static_cast<int64_t>(count + 2) * order * order * static_cast<int64_t>(sizeof(double)),
      "positive definite matrices");
}

absl::StatusOr<Factors> LinearGramFactors(const ComputeContext& context,
                                          absl::Span<const Operand> layers, double ridge) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<LayerOverlap> overlaps,
                           ComputeOverlaps(context, layers, {}));
  std::vector<Index> ranks;
  for (size_t i = 0; i < layers.size(); ++i) {
    ranks.push_back(overlaps[i * layers.size() + i].a_values.size());
  }
  Matrix basis;
  if (*std::max_element(ranks.begin(), ranks.end()) > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(basis, JointCoordinates(context, overlaps, ranks));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckMatrices(context, layers.size(), basis.rows()));
  Factors factors;
  Index first = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerOverlap& own = overlaps[i * layers.size() + i];
    if (own.status != ScoreStatus::kOk) {
      factors.AddNone(own.status);
      continue;
    }
    const Matrix u = basis.middleCols(first, ranks[i]);
    factors.Add(Product(u * own.a_values.asDiagonal(), Transpose::kNo, u, Transpose::kYes), ridge);
    first += ranks[i];
  }
  return factors;
}

absl::StatusOr<Factors> KernelGramFactors(const ComputeContext& context,
                                          absl::Span<const Operand> layers,
                                          const KernelSpec& kernel, double ridge) {
  GRAMIAN_RETURN_IF_ERROR(CheckMatrices(context, layers.size(), layers.front().rows()));
  Factors factors;
  for (const Operand& layer : layers) {
    GRAMIAN_ASSIGN_OR_RETURN(const double sigma, layer.GetBandwidth(context, kernel));
    if (sigma == 0.0) {
      factors.AddNone(ScoreStatus::kZeroBandwidth);
      continue;
    }
    GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm, ComputeRsm(context, *layer.layers()[0], kernel, sigma));
    if (rsm.minCoeff() == rsm.maxCoeff()) {
      factors.AddNone(ScoreStatus::kConstant);
    } else {
      factors.Add(std::move(rsm), ridge);
    }
  }
  return factors;
}

absl::StatusOr<Factors> CovarianceFactors(const ComputeContext& context,
                                          absl::Span<const Operand> layers, double ridge) {
  int64_t width = 0;
  for (const Operand& layer : layers) width = std::max(width, layer.cols());
  GRAMIAN_RETURN_IF_ERROR(CheckMatrices(context, layers.size(), width));
  Factors factors;
  for (const Operand& layer : layers) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Moments> moments,
                             layer.GetMoments(context, KernelKind::kLinear, Arithmetic::kFloat64));
    if (moments->is_constant()) {
      factors.AddNone(ScoreStatus::kConstant);
      continue;
    }
    Matrix covariance = Matrix::Zero(width, width);
    covariance.topLeftCorner(layer.cols(), layer.cols()) =
        moments->covariance() / static_cast<double>(layer.rows() - 1);
    factors.Add(std::move(covariance), ridge);
  }
  return factors;
}

enum class Object { kGram, kCovariance };

class AffineInvariant final : public SimilarityMeasure {
 public:
  AffineInvariant(Object object, const KernelSpec& kernel, double ridge)
      : object_(object), kernel_(kernel), ridge_(ridge) {
    if (object == Object::kGram) {
      name_ = absl::StrCat("airm-of=gram-kernel=", kernel.ToString());
      traits_ = KernelTraits(kernel);
      traits_.invariant_to_isotropic_scaling =
          kernel.has_bandwidth() && kernel.rule != BandwidthRule::kFixed;
    } else {
      name_ = "airm-of=covariance";
      traits_.invariant_to_translation = true;
    }
    absl::StrAppend(&name_, "-ridge=", FormatNumber(ridge));
    traits_.range_max = std::numeric_limits<double>::infinity();
    traits_.larger_is_more_similar = false;
    traits_.is_metric = true;
    traits_.space = ScoreSpace::kPositiveDefinite;
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (form != Form::kAuto && form != UsedForm()) {
      return absl::InvalidArgumentError(
          absl::StrCat("form ", ToString(form), " cannot compute ", name_));
    }
    Score score{ScoreStatus::kOk, 0.0, UsedForm()};
    if (a.rows() < traits_.min_inputs) score.status = ScoreStatus::kTooFewInputs;
    if (score.status != ScoreStatus::kOk) return score;
    GRAMIAN_ASSIGN_OR_RETURN(const Factors factors, MakeFactors(context, {a, b}));
    for (const ScoreStatus status : factors.statuses) {
      if (status == ScoreStatus::kOk) continue;
      score.status = status;
      return score;
    }
    if (a.key() == b.key()) return score;
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    GRAMIAN_ASSIGN_OR_RETURN(score.value,
                             AffineInvariantDistance(factors.lower[0], factors.lower[1]));
    return score;
  }

  absl::StatusOr<std::unique_ptr<const PathGeometry>> PlacePoints(
      const ComputeContext& context, absl::Span<const Operand> layers,
      absl::Span<const Score> scores) const override {
    GRAMIAN_ASSIGN_OR_RETURN(Factors factors, MakeFactors(context, layers));
    return std::make_unique<const AffineGeometry>(context, std::move(factors.lower), scores);
  }

 private:
  Form UsedForm() const {
    if (object_ == Object::kCovariance) return Form::kFeatureSpace;
    return kernel_.is_feature_map() ? Form::kSpectral : Form::kSampleSpace;
  }

  absl::StatusOr<Factors> MakeFactors(const ComputeContext& context,
                                      absl::Span<const Operand> layers) const {
    if (object_ == Object::kCovariance) return CovarianceFactors(context, layers, ridge_);
    if (kernel_.is_feature_map()) return LinearGramFactors(context, layers, ridge_);
    return KernelGramFactors(context, layers, kernel_, ridge_);
  }

  const Object object_;
  const KernelSpec kernel_;
  const double ridge_;
  std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string of,
                           parameters.TakeChoice("of", {"gram", "covariance"}));
  KernelSpec kernel;
  if (of == "gram") {
    GRAMIAN_ASSIGN_OR_RETURN(kernel, parameters.TakeKernel(false));
    if (kernel.kind == KernelKind::kCosine) {
      return absl::InvalidArgumentError("kernel is linear, rbf or laplacian, not 'cosine'");
    }
  }
  GRAMIAN_ASSIGN_OR_RETURN(const double ridge, parameters.TakePositive("ridge", 0.1));
  return std::make_shared<const AffineInvariant>(of == "gram" ? Object::kGram : Object::kCovariance,
                                                 kernel, ridge);
}

}  // namespace

MeasureEntry AffineInvariantEntry() {
  MeasureFamily family;
  family.name = "airm";
  family.description =
      "Affine-invariant Riemannian distance of Gram or covariance matrices with a ridge. Per pair "
      "O(n r^2 + r^3) for the linear kernel, O(n^3) for others, O(n d^2 + d^3) for covariances.";
  family.source = "Lange et al. 2022, arXiv 2206.10999; Pennec et al. 2006";
  family.parameters = {
      {"of", "gram|covariance", "gram",
       "matrices of the inputs, or of the features, which are then compared place by place"},
      {"kernel", "linear|rbf|laplacian", "linear", "of a Gram matrix; linear of centred features"},
      {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
       "sigma of the rbf and laplacian kernels"},
      {"ridge", "a number > 0", "0.1", "added to the diagonal"}};
  family.examples = {"airm-of=gram-kernel=linear-ridge=0.1",
                     "airm-of=gram-kernel=rbf-bandwidth=median:1-ridge=0.1",
                     "airm-of=covariance-ridge=0.1"};
  return {std::move(family), &Make};
}

}  // namespace gramian
