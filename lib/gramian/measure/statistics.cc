// Differences of one number per layer.
//
//   magnitude      norm of the mean row
//   concentricity  mean cosine of the rows to the mean row; a zero row or mean has cosine 0
//   uniformity     log of the mean over all n^2 pairs of inputs, each with itself too, of
//                  exp(-t |x_i - x_j|^2); rows=unit scales rows to unit length first, as its
//                  authors do, rows=raw does not, as ReSi: activations far apart then only leave
//                  log(1/n)
//
// Sources: Wang and Isola 2020 (uniformity); Wang et al. 2020 (concentricity); ReSi (Klabunde et
// al. 2024).
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/moments.h"
#include "gramian/geometry/rsm_stream.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

// What a layer has of the statistic.
struct Statistic {
  double value;
  int64_t size_bytes() const { return sizeof(*this); }
};

using ComputeStatistic =
    std::function<absl::StatusOr<double>(const ComputeContext&, const Operand&)>;

absl::StatusOr<double> Magnitude(const ComputeContext& context, const Operand& layer) {
  GRAMIAN_ASSIGN_OR_RETURN(const Vector mean,
                           ColumnMeans(context, *layer.Features(KernelKind::kLinear)));
  return mean.stableNorm();
}

absl::StatusOr<double> Concentricity(const ComputeContext& context, const Operand& layer) {
  // A mean below this share of the rows' length is what rounding leaves of zero.
  constexpr double kRounding = 64.0 * std::numeric_limits<double>::epsilon();
  GRAMIAN_ASSIGN_OR_RETURN(const Vector mean,
                           ColumnMeans(context, *layer.Features(KernelKind::kLinear)));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const RowNorms> norms,
                           layer.GetRowNorms(context, KernelKind::kLinear));
  if (mean.norm() <= kRounding * std::sqrt(norms->squared().mean())) return 0.0;
  GRAMIAN_ASSIGN_OR_RETURN(const Vector direction,
                           ColumnMeans(context, *layer.Features(KernelKind::kCosine)));
  return direction.dot(mean.stableNormalized());
}

absl::StatusOr<double> Uniformity(const ComputeContext& context, const Operand& layer,
                                  KernelKind rows, double t) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const RsmTiles<double> tiles,
      RsmTiles<double>::Create(context, *layer.Features(rows), {KernelKind::kDistance}, 0.0,
                               /*centered=*/true));
  Vector sums = Vector::Zero(kLanes);
  GRAMIAN_RETURN_IF_ERROR(VisitSquaredDistances<double>(
      context, tiles, [&](int64_t lane, const Matrix& tile, bool is_diagonal) {
        // Tiles beside the diagonal stand for two.
        sums[lane] += (is_diagonal ? 1.0 : 2.0) * (-t * tile.array()).exp().sum();
      }));
  const auto n = static_cast<double>(layer.rows());
  return std::log(sums.sum() / (n * n));
}

class StatisticDifference final : public LayerMeasure {
 public:
  StatisticDifference(const std::string& name, const MeasureTraits& traits, Form form,
                      ComputeStatistic compute)
      : LayerMeasure(name, traits, form), compute_(std::move(compute)) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const double a_value, ValueOf(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(const double b_value, ValueOf(context, b));
    return Value(std::abs(a_value - b_value));
  }

  absl::StatusOr<double> ValueOf(const ComputeContext& context, const Operand& layer) const {
    GRAMIAN_ASSIGN_OR_RETURN(
        const std::shared_ptr<const Statistic> statistic,
        layer.Derive<Statistic>(
            context, absl::StrCat("statistic/", name()),
            [&](const ComputeContext& entry) -> absl::StatusOr<std::shared_ptr<const Statistic>> {
              GRAMIAN_ASSIGN_OR_RETURN(const double value, compute_(entry, layer));
              return std::make_shared<const Statistic>(Statistic{value});
            }));
    return statistic->value;
  }

  const ComputeStatistic compute_;
};

MeasureTraits StatisticTraits() {
  MeasureTraits traits;
  traits.range_max = std::numeric_limits<double>::infinity();
  traits.larger_is_more_similar = false;
  traits.is_metric = true;
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_permutation = true;
  traits.scores_constant_layers = true;
  traits.min_inputs = 1;
  return traits;
}

using Made = absl::StatusOr<std::shared_ptr<const SimilarityMeasure>>;

Made MakeMagnitude(MeasureParameters& /*parameters*/) {
  return std::make_shared<const StatisticDifference>("magnitude-difference", StatisticTraits(),
                                                     Form::kFeatureSpace, &Magnitude);
}

Made MakeConcentricity(MeasureParameters& /*parameters*/) {
  MeasureTraits traits = StatisticTraits();
  traits.range_max = 2.0;
  traits.invariant_to_isotropic_scaling = true;
  return std::make_shared<const StatisticDifference>("concentricity-difference", traits,
                                                     Form::kFeatureSpace, &Concentricity);
}

Made MakeUniformity(MeasureParameters& parameters) {
  const std::string rows = parameters.Take("rows", "unit");
  if (rows != "unit" && rows != "raw") {
    return absl::InvalidArgumentError(absl::StrCat("rows is unit or raw, not '", rows, "'"));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const double t, parameters.TakePositive("t", 2.0));
  const bool is_unit = rows == "unit";
  MeasureTraits traits = StatisticTraits();
  traits.invariant_to_isotropic_scaling = is_unit;
  traits.invariant_to_translation = !is_unit;
  const KernelKind kind = is_unit ? KernelKind::kCosine : KernelKind::kLinear;
  return std::make_shared<const StatisticDifference>(
      absl::StrCat("uniformity-difference-rows=", rows, "-t=", FormatNumber(t)), traits,
      Form::kSampleSpace, [kind, t](const ComputeContext& context, const Operand& layer) {
        return Uniformity(context, layer, kind, t);
      });
}

MeasureFamily Family(const char* name, const char* description, const char* source) {
  MeasureFamily family;
  family.name = name;
  family.description = description;
  family.source = source;
  family.examples = {name};
  return family;
}

}  // namespace

MeasureEntry MagnitudeDifferenceEntry() {
  return {Family("magnitude-difference", "Difference of the norms of the mean rows of two layers.",
                 "ReSi (Klabunde et al. 2024)"),
          &MakeMagnitude};
}

MeasureEntry ConcentricityDifferenceEntry() {
  return {Family("concentricity-difference",
                 "Difference of the mean cosines of the rows of two layers to their mean rows.",
                 "Wang et al. 2020; ReSi (Klabunde et al. 2024)"),
          &MakeConcentricity};
}

MeasureEntry UniformityDifferenceEntry() {
  MeasureFamily family =
      Family("uniformity-difference",
             "Difference of log mean exp(-t |x_i - x_j|^2) over all pairs of inputs of two layers.",
             "Wang and Isola 2020, arXiv 2005.10242; ReSi (Klabunde et al. 2024)");
  family.parameters = {{"rows", "unit|raw", "unit", "whether rows are scaled to unit length first"},
                       {"t", "real > 0", "2", "inverse width of the Gaussian"}};
  family.examples = {"uniformity-difference-rows=unit-t=2",
                     "uniformity-difference-rows=raw-t=0.01"};
  return {std::move(family), &MakeUniformity};
}

}  // namespace gramian
