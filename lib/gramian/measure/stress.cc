// Stress: the root mean square difference of two matrices of distances.
//
//   stress(x, y) = sqrt( 2 / (n (n - 1)) sum_(i < j) (d_ij - e_ij)^2 )
//
// d, e being the distances that a kernel gives, d_ij^2 = k_ii + k_jj - 2 k_ij: |x_i - x_j| for the
// linear kernel. With rescale=median each side is divided by the lower median of its distances. A
// distance matrix is a point of a Euclidean space, and stress the distance of two such points.
// Source: Lange et al. 2022, arXiv 2206.10999 (their Stress).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rsm_stream.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

// Turns a tile of |x_i - x_j|^2 into distances of the kernel.
void ToKernelDistances(const KernelSpec& kernel, double sigma, Matrix& tile) {
  auto entries = tile.array();
  switch (kernel.kind) {
    case KernelKind::kRbf:
      // 2 - 2 exp(-q), without cancelling where q is small.
      entries = (-2.0 * (entries * (-0.5 / (sigma * sigma))).expm1()).sqrt();
      break;
    case KernelKind::kLaplacian:
      entries = (-2.0 * (entries.sqrt() * (-1.0 / sigma)).expm1()).sqrt();
      break;
    default:
      entries = entries.sqrt();
  }
}

// One side: where its distances come from.
struct Side {
  RsmTiles<double> tiles;
  double sigma;
  double scale;  // what distances are multiplied by
};

// Sums over the pairs i < j of a row of tiles.
struct PairSums {
  double difference = 0.0;  // of squared differences
  double a = 0.0;           // of squared distances
  double b = 0.0;
};

class Stress final : public SimilarityMeasure {
 public:
  Stress(const KernelSpec& kernel, bool rescaled)
      : kernel_(kernel),
        rescaled_(rescaled),
        name_(absl::StrCat("stress-kernel=", kernel.ToString(), rescaled ? "-rescale=median" : "")),
        traits_(KernelTraits(kernel)) {
    traits_.range_max = std::numeric_limits<double>::infinity();
    traits_.larger_is_more_similar = false;
    traits_.is_metric = true;
    traits_.invariant_to_isotropic_scaling =
        kernel.has_bandwidth() ? kernel.rule != BandwidthRule::kFixed : rescaled;
    traits_.space = ScoreSpace::kDistance;
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (form != Form::kAuto && form != Form::kSampleSpace) {
      return absl::InvalidArgumentError(
          absl::StrCat("form ", ToString(form), " cannot compute ", name_));
    }
    if (a.rows() < traits_.min_inputs) return Score{ScoreStatus::kTooFewInputs};
    const Score constant{ScoreStatus::kConstant, 0.0, Form::kSampleSpace};
    const Score zero_bandwidth{ScoreStatus::kZeroBandwidth, 0.0, Form::kSampleSpace};
    GRAMIAN_ASSIGN_OR_RETURN(const Side side_a, MakeSide(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(const Side side_b, MakeSide(context, b));
    if (!std::isfinite(side_a.scale) || !std::isfinite(side_b.scale)) return zero_bandwidth;
    GRAMIAN_ASSIGN_OR_RETURN(const PairSums sums, SumPairs(context, side_a, side_b));
    if (sums.a == 0.0 || sums.b == 0.0) return constant;
    const auto n = static_cast<double>(a.rows());
    return Score{ScoreStatus::kOk, std::sqrt(2.0 * sums.difference / (n * (n - 1.0))),
                 Form::kSampleSpace};
  }

 private:
  // Its scale is infinite if the median that it needs is 0.
  absl::StatusOr<Side> MakeSide(const ComputeContext& context, const Operand& operand) const {
    GRAMIAN_ASSIGN_OR_RETURN(const double sigma, operand.GetBandwidth(context, kernel_));
    GRAMIAN_ASSIGN_OR_RETURN(
        RsmTiles<double> tiles,
        RsmTiles<double>::Create(context, *operand.layers()[0], kernel_, sigma, /*centered=*/true));
    Side side{std::move(tiles), sigma, 1.0};
    if (kernel_.has_bandwidth() && sigma == 0.0) {
      side.scale = std::numeric_limits<double>::infinity();
    } else if (rescaled_) {
      // Distances of a kernel grow with those of the inputs, so it is at the same pair.
      GRAMIAN_ASSIGN_OR_RETURN(
          const double median,
          operand.GetBandwidth(context, {KernelKind::kRbf, BandwidthRule::kLowerMedian, 1.0}));
      Matrix entry = Matrix::Constant(1, 1, median * median);
      ToKernelDistances(kernel_, sigma, entry);
      side.scale = 1.0 / entry(0, 0);
    }
    return side;
  }

  void Distances(const Side& side, int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                 Matrix& tile) const {
    side.tiles.SquaredDistances(row, row_count, col, col_count, tile);
    ToKernelDistances(kernel_, side.sigma, tile);
    tile *= side.scale;
  }

  // Pairs of one row of tiles.
  absl::Status AddRow(const ComputeContext& context, const Side& a, const Side& b, int64_t row,
                      PairSums& sums) const {
    const int64_t n = a.tiles.rows();
    const int64_t row_count = std::min(kTile, n - row);
    Matrix a_tile;
    Matrix b_tile;
    for (int64_t col = row; col < n; col += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t col_count = std::min(kTile, n - col);
      Distances(a, row, row_count, col, col_count, a_tile);
      Distances(b, row, row_count, col, col_count, b_tile);
      // A tile on the diagonal holds every pair twice.
      const double weight = row == col ? 0.5 : 1.0;
      sums.difference += weight * (a_tile - b_tile).squaredNorm();
      sums.a += weight * a_tile.squaredNorm();
      sums.b += weight * b_tile.squaredNorm();
    }
    return absl::OkStatus();
  }

  // Differences are taken before they are squared and summed, so that near layers lose no digits.
  // n^2 (d_a + d_b) flops, O(n) memory beside the tiles' own; the order of summation is fixed.
  absl::StatusOr<PairSums> SumPairs(const ComputeContext& context, const Side& a,
                                    const Side& b) const {
    std::vector<PairSums> rows(static_cast<size_t>((a.tiles.rows() + kTile - 1) / kTile));
    GRAMIAN_RETURN_IF_ERROR(
        ParallelFor(context, static_cast<int64_t>(rows.size()), [&](int64_t index) {
          return AddRow(context, a, b, index * kTile, rows[static_cast<size_t>(index)]);
        }));
    PairSums total;
    for (const PairSums& sums : rows) {
      total.difference += sums.difference;
      total.a += sums.a;
      total.b += sums.b;
    }
    return total;
  }

  static constexpr int64_t kTile = RsmTiles<double>::kTile;

  const KernelSpec kernel_;
  const bool rescaled_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(false));
  if (kernel.kind == KernelKind::kCosine) {
    return absl::InvalidArgumentError("kernel is linear, rbf or laplacian, not 'cosine'");
  }
  const std::string rescale = parameters.Take("rescale", "none");
  if (rescale != "none" && rescale != "median") {
    return absl::InvalidArgumentError(
        absl::StrCat("rescale is none or median, not '", rescale, "'"));
  }
  return std::make_shared<const Stress>(kernel, rescale == "median");
}

}  // namespace

MeasureEntry StressEntry() {
  MeasureFamily family;
  family.name = "stress";
  family.description =
      "Root mean square difference of the distances between inputs, over all pairs of inputs.";
  family.source = "Lange et al. 2022, arXiv 2206.10999";
  family.parameters = {
      {"kernel", "linear|rbf|laplacian", "linear",
       "the kernel whose distances sqrt(k_ii + k_jj - 2 k_ij) are taken; linear means |x_i - x_j|"},
      {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
       "sigma of the rbf and laplacian kernels"},
      {"rescale", "none|median", "none",
       "as they are, or each side divided by the lower median of its distances"}};
  family.examples = {"stress-kernel=linear", "stress-kernel=linear-rescale=median",
                     "stress-kernel=rbf-bandwidth=median:1",
                     "stress-kernel=laplacian-bandwidth=lowermedian:1-rescale=median"};
  return {std::move(family), &Make};
}

}  // namespace gramian
