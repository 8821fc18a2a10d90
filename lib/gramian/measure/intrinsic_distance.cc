// Multi-scale intrinsic distance (IMD) with the exact spectrum.
//
//   h(t) = tr exp(-t L) / n, L the normalised Laplacian of the symmetrised, unweighted graph of k
//          nearest neighbours
//   IMD  = 10^6 max_t exp(-2 (t + 1/t)) |h_a(t) - h_b(t)| over 256 t spaced by their logarithm in
//          [0.1, 10]
//
// A layer costs 2 n^2 d + 9 n^3 flops once and 32 n^2 bytes of scratch (a few thousand inputs), a
// pair O(1). Source: Tsitsulin et al. 2020, arXiv 1905.11141, whose code estimates h(t) by
// stochastic Lanczos quadrature with an error often larger than what tells networks apart.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/neighborhoods.h"

namespace gramian {
namespace {

constexpr Index kTimes = 256;
constexpr double kScale = 1.0e6;

double TimeAt(Index i) {
  return std::pow(10.0, -1.0 + 2.0 * static_cast<double>(i) / static_cast<double>(kTimes - 1));
}

// h(t) at the times; empty for a constant layer.
struct HeatTrace {
  Vector values;
  int64_t size_bytes() const { return static_cast<int64_t>(sizeof(*this)) + 8 * values.size(); }
};

// I - D^(-1/2) A D^(-1/2), A_ij = 1 if one is a neighbour of the other, D their numbers.
Matrix NormalizedLaplacian(const Neighbors& neighbors) {
  const int64_t n = neighbors.rows();
  Matrix laplacian = Matrix::Zero(n, n);
  for (int64_t i = 0; i < n; ++i) {
    for (const int32_t j : neighbors.Of(i)) {
      laplacian(i, j) = 1.0;
      laplacian(j, i) = 1.0;
    }
  }
  const Eigen::ArrayXd scale = laplacian.rowwise().sum().array().sqrt().inverse();
  laplacian.array().colwise() *= -scale;
  laplacian.array().rowwise() *= scale.transpose();
  laplacian.diagonal().setOnes();
  return laplacian;
}

absl::StatusOr<std::shared_ptr<const HeatTrace>> ComputeHeatTrace(const ComputeContext& context,
                                                                  const Operand& layer,
                                                                  const NeighborhoodSpec& spec) {
  const int64_t n = layer.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * n * n, "the spectrum of a graph"));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Neighbors> neighbors,
                           NeighborsOf(context, layer, spec));
  auto trace = std::make_shared<HeatTrace>();
  if (neighbors->is_constant()) return trace;
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen,
                           EigenDecompose(context, NormalizedLaplacian(*neighbors)));
  trace->values.resize(kTimes);
  for (Index i = 0; i < kTimes; ++i) {
    trace->values[i] = (-TimeAt(i) * eigen.values.array()).exp().mean();
  }
  return trace;
}

class IntrinsicDistance final : public LayerMeasure {
 public:
  explicit IntrinsicDistance(const NeighborhoodSpec& spec)
      : LayerMeasure("imd" + spec.ToString(), TraitsOf(spec), Form::kSpectral), spec_(spec) {}

 private:
  static MeasureTraits TraitsOf(const NeighborhoodSpec& spec) {
    MeasureTraits traits = NeighborhoodTraits(spec);
    // The weight is largest at t = 1, and h is between 0 and 1.
    traits.range_max = kScale * std::exp(-4.0);
    traits.larger_is_more_similar = false;
    traits.is_metric = true;
    return traits;
  }

  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const auto a_trace, TraceOf(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(const auto b_trace, TraceOf(context, b));
    if (a_trace->values.size() == 0 || b_trace->values.size() == 0) {
      return Without(ScoreStatus::kConstant);
    }
    double largest = 0.0;
    for (Index i = 0; i < kTimes; ++i) {
      const double weight = std::exp(-2.0 * (TimeAt(i) + 1.0 / TimeAt(i)));
      largest = std::max(largest, weight * std::abs(a_trace->values[i] - b_trace->values[i]));
    }
    return Value(kScale * largest);
  }

  absl::StatusOr<std::shared_ptr<const HeatTrace>> TraceOf(const ComputeContext& context,
                                                           const Operand& layer) const {
    return layer.Derive<HeatTrace>(
        context, absl::StrCat("heat_trace", spec_.ToString()),
        [&](const ComputeContext& entry) { return ComputeHeatTrace(entry, layer, spec_); });
  }

  const NeighborhoodSpec spec_;
};

const NeighborhoodSpec kDefaults = {Nearness::kEuclidean, 5};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const NeighborhoodSpec spec, TakeNeighborhood(parameters, kDefaults, 1));
  return std::make_shared<const IntrinsicDistance>(spec);
}

}  // namespace

MeasureEntry ImdEntry() {
  MeasureFamily family;
  family.name = "imd";
  family.description =
      "Multi-scale intrinsic distance: largest difference of the heat traces of two k-nearest-"
      "neighbour graphs, exact.";
  family.source = "Tsitsulin et al. 2020, arXiv 1905.11141";
  family.parameters = NeighborhoodParameters("cosine|euclidean|dot", kDefaults);
  family.examples = {"imd-neighbors=euclidean-k=5"};
  return {std::move(family), &Make};
}

}  // namespace gramian
