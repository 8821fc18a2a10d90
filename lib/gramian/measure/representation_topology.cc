// Representation topology divergence (RTD): loops that the points of one layer close and those of
// the other do not.
//
// R, R' are the Euclidean distances of the same n inputs in two layers, each divided by the 0.9
// quantile of its n^2 entries. RTD(a -> b) is the summed length of the bars of dimension 1 of 2 n
// points with the distances
//
//   | 0  R          |
//   | R  min(R, R') |
//
// and RTD the mean of RTD(a -> b) and RTD(b -> a). Above `rows` inputs it is the mean over `trials`
// subsets of `rows` inputs, drawn at random from a seed (pick=random) or the first blocks in stored
// order (pick=blocks); otherwise it is exact. Cost of a trial: rows^2 (d_a + d_b) flops, and two
// persistence computations of some rows^3.
//
// Source: Barannikov, Trofimov, Balabin, Burnaev 2022, arXiv 2201.00058; 10 subsets of 500 as in
// ReSi (Klabunde et al. 2024).
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/persistence.h"
#include "gramian/geometry/rdm.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/representation/representation.h"

namespace gramian {
namespace {

constexpr double kQuantile = 0.9;
// Fewer have no loop, or one distance, which says nothing once it is divided by itself.
constexpr int64_t kLeastRows = 3;
// Both ways take 144 bytes for a pair of inputs.
constexpr int64_t kMostRows = 5000;
constexpr int64_t kMostTrials = 10000;

// Which inputs are compared.
struct Subsets {
  int64_t rows = 500;
  int64_t trials = 10;
  bool random = true;
  int64_t seed = 0;

  std::string ToString() const {
    return absl::StrCat("-pick=", random ? "random" : "blocks", "-rows=", rows, "-trials=", trials,
                        random ? absl::StrCat("-seed=", seed) : "");
  }

  // How many there are of n inputs.
  int64_t CountOf(int64_t n) const {
    if (n <= rows) return 1;
    return random ? trials : std::min(trials, n / rows);
  }

  // Distinct inputs of a trial.
  std::vector<int64_t> Draw(int64_t n, int64_t trial) const {
    const int64_t count = std::min(n, rows);
    std::vector<int64_t> inputs(static_cast<size_t>(n));
    std::iota(inputs.begin(), inputs.end(), random ? 0 : trial * count);
    if (random && count < n) {
      // Distributions of the standard library differ from one to the next.
      std::seed_seq seeds{static_cast<uint32_t>(seed), static_cast<uint32_t>(trial)};
      std::mt19937_64 generator(seeds);
      for (int64_t i = 0; i < count; ++i) {
        const auto left = static_cast<uint64_t>(n - i);
        std::swap(inputs[static_cast<size_t>(i)],
                  inputs[static_cast<size_t>(i) + static_cast<size_t>(generator() % left)]);
      }
    }
    inputs.resize(static_cast<size_t>(count));
    return inputs;
  }
};

// Distances of all pairs; `is_constant` if all inputs coincide.
struct Distances {
  Matrix values;
  bool is_constant = false;
};

absl::StatusOr<Distances> DistancesOf(const ComputeContext& context, const Representation& layer) {
  GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles tiles,
                           RdmTiles::Create(context, layer, Dissimilarity::kEuclidean));
  const int64_t n = layer.rows();
  Distances distances{Matrix(n, n), tiles.is_constant()};
  const int64_t blocks = (n + RdmTiles::kTile - 1) / RdmTiles::kTile;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, blocks * blocks, [&](int64_t block) {
    const int64_t row = block / blocks * RdmTiles::kTile;
    const int64_t col = block % blocks * RdmTiles::kTile;
    const int64_t row_count = std::min(RdmTiles::kTile, n - row);
    const int64_t col_count = std::min(RdmTiles::kTile, n - col);
    Matrix tile;
    tiles.Tile(row, row_count, col, col_count, tile);
    distances.values.block(row, col, row_count, col_count) = tile;
    return absl::OkStatus();
  }));
  // A pair has one distance, whichever tile it is from.
  distances.values = distances.values.triangularView<Eigen::Upper>();
  distances.values += distances.values.transpose().eval();
  distances.values.diagonal().setZero();
  return distances;
}

// The quantile between the two nearest of the sorted entries, by linear interpolation.
double QuantileOf(const Matrix& values) {
  std::vector<double> sorted(values.data(), values.data() + values.size());
  const double place = kQuantile * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<int64_t>(place);
  std::nth_element(sorted.begin(), sorted.begin() + low, sorted.end());
  const double below = sorted[static_cast<size_t>(low)];
  if (low + 1 == static_cast<int64_t>(sorted.size())) return below;
  const double above = *std::min_element(sorted.begin() + low + 1, sorted.end());
  return below + (place - static_cast<double>(low)) * (above - below);
}

absl::StatusOr<double> OneWay(const ComputeContext& context, const Matrix& from, const Matrix& to) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Bar> bars, CrossLoops(context, from, to));
  double sum = 0.0;
  for (const Bar& bar : bars) sum += bar.death - bar.birth;
  return sum;
}

class TopologyDivergence final : public LayerMeasure {
 public:
  explicit TopologyDivergence(const Subsets& subsets)
      : LayerMeasure("rtd" + subsets.ToString(), Traits(), Form::kSampleSpace), subsets_(subsets) {}

 private:
  static MeasureTraits Traits() {
    MeasureTraits traits;
    traits.range_max = std::numeric_limits<double>::infinity();
    traits.larger_is_more_similar = false;
    traits.invariant_to_orthogonal = true;
    traits.invariant_to_permutation = true;
    traits.invariant_to_isotropic_scaling = true;
    traits.invariant_to_translation = true;
    traits.min_inputs = kLeastRows;
    return traits;
  }

  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    const int64_t rows = std::min(a.rows(), subsets_.rows);
    // Distances of two layers, and both ways at once.
    GRAMIAN_RETURN_IF_ERROR(
        context.CheckScratch((2 * 8 + 2 * 64) * rows * rows, "the distances of a filtration"));
    double sum = 0.0;
    const int64_t trials = subsets_.CountOf(a.rows());
    for (int64_t trial = 0; trial < trials; ++trial) {
      const auto inputs =
          std::make_shared<const std::vector<int64_t>>(subsets_.Draw(a.rows(), trial));
      GRAMIAN_ASSIGN_OR_RETURN(
          const Score score,
          CompareSubset(context, *Representation::SelectRows(a.layers()[0], inputs),
                        *Representation::SelectRows(b.layers()[0], inputs)));
      if (score.status != ScoreStatus::kOk) return score;
      sum += score.value;
    }
    return Value(sum / static_cast<double>(trials));
  }

  static absl::StatusOr<Score> CompareSubset(const ComputeContext& context, const Representation& a,
                                             const Representation& b) {
    GRAMIAN_ASSIGN_OR_RETURN(Distances from, DistancesOf(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(Distances to, DistancesOf(context, b));
    if (from.is_constant || to.is_constant) return Without(ScoreStatus::kConstant);
    for (Matrix* distances : {&from.values, &to.values}) {
      const double unit = QuantileOf(*distances);
      if (unit == 0.0) return Without(ScoreStatus::kZeroBandwidth);
      *distances /= unit;
    }
    double ways[2] = {};
    GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, 2, [&](int64_t way) -> absl::Status {
      const Matrix& first = way == 0 ? from.values : to.values;
      const Matrix& second = way == 0 ? to.values : from.values;
      GRAMIAN_ASSIGN_OR_RETURN(ways[way], OneWay(context, first, second));
      return absl::OkStatus();
    }));
    return Value(0.5 * (ways[0] + ways[1]));
  }

  const Subsets subsets_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  Subsets subsets;
  GRAMIAN_ASSIGN_OR_RETURN(const std::string pick,
                           parameters.TakeChoice("pick", {"random", "blocks"}));
  subsets.random = pick == "random";
  GRAMIAN_ASSIGN_OR_RETURN(subsets.rows, parameters.TakeCount("rows", subsets.rows, kLeastRows));
  GRAMIAN_ASSIGN_OR_RETURN(subsets.trials, parameters.TakeCount("trials", subsets.trials, 1));
  if (subsets.rows > kMostRows || subsets.trials > kMostTrials) {
    return absl::InvalidArgumentError(absl::StrCat("rows is at most ", kMostRows, " and trials ",
                                                   kMostTrials, ", not ", subsets.rows, " and ",
                                                   subsets.trials));
  }
  if (subsets.random) {
    GRAMIAN_ASSIGN_OR_RETURN(subsets.seed, parameters.TakeCount("seed", subsets.seed, 0));
  }
  return std::make_shared<const TopologyDivergence>(subsets);
}

}  // namespace

MeasureEntry RtdEntry() {
  MeasureFamily family;
  family.name = "rtd";
  family.description =
      "Representation topology divergence: summed life of the loops that the inputs close in one "
      "layer and not in the other, exact or over subsets of the inputs.";
  family.source = "Barannikov et al. 2022, arXiv 2201.00058; ReSi (Klabunde et al. 2024)";
  const Subsets defaults;
  family.parameters = {
      {"pick", "random|blocks", "random",
       "how subsets are chosen where there are more inputs than `rows`: at random, or the first "
       "blocks in stored order"},
      {"rows", absl::StrCat("integer from ", kLeastRows, " to ", kMostRows),
       absl::StrCat(defaults.rows), "inputs of a subset"},
      {"trials", absl::StrCat("integer from 1 to ", kMostTrials), absl::StrCat(defaults.trials),
       "subsets, over which is averaged"},
      {"seed", "integer >= 0", absl::StrCat(defaults.seed), "of pick=random"}};
  family.examples = {"rtd-pick=random-rows=20-trials=2-seed=1", "rtd-pick=blocks-rows=30-trials=2"};
  return {std::move(family), &Make};
}

}  // namespace gramian
