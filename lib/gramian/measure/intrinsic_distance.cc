// Multi-scale intrinsic distance (IMD).
//
//   h(t) = tr exp(-t L) / n, L the normalised Laplacian of the symmetrised, unweighted graph of k
//          nearest neighbours
//   IMD  = 10^6 max_t exp(-2 (t + 1/t)) |h_a(t) - h_b(t)| over 256 t spaced by their logarithm in
//          [0.1, 10]
//
// Up to `exact` inputs h is that of the exact spectrum: a layer costs 2 n^2 d + 9 n^3 flops once
// and 32 n^2 bytes of scratch. Above it is the mean over `probes` random sign vectors, by
// stochastic Lanczos quadrature: n probes (100 k + 4,000) flops, and about 4,000 / sqrt(n probes)
// is the standard deviation of a score of layers that are alike. A pair is O(1).
//
// Source: Tsitsulin et al. 2020, arXiv 1905.11141, whose code always estimates, with an error often
// larger than what tells networks apart.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/heat_trace.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/neighborhoods.h"

namespace gramian {
namespace {

constexpr Index kTimes = 256;
constexpr double kScale = 1.0e6;
constexpr int64_t kMostProbes = 100000;

double TimeAt(Index i) {
  return std::pow(10.0, -1.0 + 2.0 * static_cast<double>(i) / static_cast<double>(kTimes - 1));
}

// h(t) at the times; empty for a constant layer.
struct HeatTrace {
  Vector values;
  double recall = 1.0;
  int64_t size_bytes() const { return static_cast<int64_t>(sizeof(*this)) + 8 * values.size(); }
};

std::vector<double> Times() {
  std::vector<double> times;
  for (Index i = 0; i < kTimes; ++i) times.push_back(TimeAt(i));
  return times;
}

// How h is found.
struct Trace {
  int64_t exact = 4096;
  int64_t probes = 256;
  int64_t seed = 0;

  std::string ToString() const {
    return absl::StrCat("-exact=", exact, "-probes=", probes, "-seed=", seed);
  }
};

absl::StatusOr<std::shared_ptr<const HeatTrace>> ComputeHeatTrace(const ComputeContext& context,
                                                                  const Operand& layer,
                                                                  const NeighborhoodSpec& spec,
                                                                  const Trace& trace) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Neighbors> neighbors,
                           NeighborsOf(context, layer, spec));
  auto result = std::make_shared<HeatTrace>();
  if (neighbors->is_constant()) return result;
  result->recall = neighbors->recall();
  GRAMIAN_ASSIGN_OR_RETURN(result->values, layer.rows() <= trace.exact
                                               ? ExactHeatTrace(context, *neighbors, Times())
                                               : EstimatedHeatTrace(context, *neighbors, Times(),
                                                                    trace.probes, trace.seed));
  return result;
}

class IntrinsicDistance final : public LayerMeasure {
 public:
  IntrinsicDistance(const NeighborhoodSpec& spec, const Trace& trace)
      : LayerMeasure(absl::StrCat("imd", spec.ToString(), trace.ToString()), TraitsOf(spec),
                     Form::kSpectral),
        spec_(spec),
        trace_(trace) {}

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
    Score score = Value(kScale * largest);
    score.recall = static_cast<float>(std::min(a_trace->recall, b_trace->recall));
    return score;
  }

  absl::StatusOr<std::shared_ptr<const HeatTrace>> TraceOf(const ComputeContext& context,
                                                           const Operand& layer) const {
    return layer.Derive<HeatTrace>(
        context, absl::StrCat("heat_trace", spec_.ToString(), trace_.ToString()),
        [&](const ComputeContext& entry) { return ComputeHeatTrace(entry, layer, spec_, trace_); });
  }

  const NeighborhoodSpec spec_;
  const Trace trace_;
};

const NeighborhoodSpec kDefaults = {Nearness::kEuclidean, 5};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const NeighborhoodSpec spec, TakeNeighborhood(parameters, kDefaults, 1));
  Trace trace;
  GRAMIAN_ASSIGN_OR_RETURN(trace.exact, parameters.TakeCount("exact", trace.exact, 0));
  GRAMIAN_ASSIGN_OR_RETURN(trace.probes, parameters.TakeCount("probes", trace.probes, 1));
  if (trace.probes > kMostProbes) {
    return absl::InvalidArgumentError(
        absl::StrCat("probes is at most ", kMostProbes, ", not ", trace.probes));
  }
  GRAMIAN_ASSIGN_OR_RETURN(trace.seed, parameters.TakeCount("seed", trace.seed, 0));
  return std::make_shared<const IntrinsicDistance>(spec, trace);
}

}  // namespace

MeasureEntry ImdEntry() {
  MeasureFamily family;
  family.name = "imd";
  family.description =
      "Multi-scale intrinsic distance: largest difference of the heat traces of two k-nearest-"
      "neighbour graphs, exact or, for many inputs, by stochastic Lanczos quadrature.";
  family.source = "Tsitsulin et al. 2020, arXiv 1905.11141";
  family.parameters = NeighborhoodParameters("cosine|euclidean|dot", kDefaults);
  const Trace defaults;
  family.parameters.push_back({"exact", "integer >= 0", absl::StrCat(defaults.exact),
                               "most inputs for which the whole spectrum is computed"});
  family.parameters.push_back({"probes", absl::StrCat("integer from 1 to ", kMostProbes),
                               absl::StrCat(defaults.probes),
                               "random vectors of the estimate above that"});
  family.parameters.push_back({"seed", "integer >= 0", absl::StrCat(defaults.seed), "of these"});
  family.examples = {"imd-neighbors=euclidean-k=5-exact=4096-probes=256-seed=0",
                     "imd-neighbors=euclidean-k=5-exact=16-probes=32-seed=1"};
  return {std::move(family), &Make};
}

}  // namespace gramian
