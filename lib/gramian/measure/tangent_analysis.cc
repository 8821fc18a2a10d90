#include "gramian/measure/tangent_analysis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"

namespace gramian {
namespace {

constexpr double kNoise = 64.0 * std::numeric_limits<double>::epsilon();
constexpr int kMaxIterations = 1000;

// The sides among the chosen points, and the first status that is not kOk.
struct ChosenSides {
  ScoreStatus status = ScoreStatus::kOk;
  Matrix sides;
};

ChosenSides Choose(const PointSet& points, absl::Span<const Index> chosen) {
  const auto count = static_cast<Index>(chosen.size());
  ChosenSides result{ScoreStatus::kOk, Matrix(count, count)};
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      const Index a = chosen[static_cast<size_t>(i)];
      const Index b = chosen[static_cast<size_t>(j)];
      const ScoreStatus status = points.Distance(a, b).status;
      if (result.status == ScoreStatus::kOk) result.status = status;
      result.sides(i, j) = points.side(a, b);
    }
  }
  return result;
}

// Arc lengths theta, and theta / sin theta.
struct Arcs {
  Vector lengths;
  Vector stretch;
};

Arcs ToArcs(const Vector& cosines) {
  Arcs arcs{cosines.array().max(-1.0).min(1.0).acos().matrix(), Vector(cosines.size())};
  for (Index i = 0; i < cosines.size(); ++i) {
    const double length = arcs.lengths[i];
    arcs.stretch[i] = length == 0.0 ? 1.0 : length / std::sin(length);
  }
  return arcs;
}

// The cosines of the mean with each of the points, whose inner products are `gram`; status
// kAntipodalPoints if none is found. The mean is kept by its weights w, m = sum_i w_i x_i.
struct SphericalMean {
  ScoreStatus status = ScoreStatus::kOk;
  Vector cosines;
};

absl::StatusOr<SphericalMean> FindSphericalMean(const ComputeContext& context, const Matrix& gram) {
  const Index count = gram.rows();
  const auto points = static_cast<double>(count);
  Vector weights = Vector::Constant(count, 1.0 / points);
  SphericalMean mean;
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    Vector cosines = gram * weights;
    const double norm = std::sqrt(std::max(weights.dot(cosines), 0.0));
    if (norm <= kNoise) break;
    weights /= norm;
    cosines /= norm;
    const bool is_settled =
        mean.cosines.size() > 0 && (cosines - mean.cosines).cwiseAbs().maxCoeff() <= kNoise;
    mean.cosines = std::move(cosines);
    if (mean.cosines.minCoeff() <= kNoise - 1.0) break;
    if (is_settled) return mean;
    // v = mean of log_m(x_i) = sum_i stretch_i (x_i - cos_i m) / K, then m <- cos|v| m + sin|v|
    // v/|v|.
    const Arcs arcs = ToArcs(mean.cosines);
    const Vector step = (arcs.stretch - arcs.stretch.dot(mean.cosines) * weights) / points;
    const double length = std::sqrt(std::max(step.dot(gram * step), 0.0));
    const double sinc = length == 0.0 ? 1.0 : std::sin(length) / length;
    weights = std::cos(length) * weights + sinc * step;
  }
  mean.status = ScoreStatus::kAntipodalPoints;
  return mean;
}

// Of the logarithms at the mean: stretch_i stretch_j (c_ij - cos_i cos_j).
Matrix SphericalTangents(const Matrix& gram, const Vector& cosines) {
  const Vector stretch = ToArcs(cosines).stretch;
  const Matrix horizontal = gram - cosines * cosines.transpose();
  return stretch.asDiagonal() * horizontal * stretch.asDiagonal();
}

// Inner products relative to the arithmetic mean, from squared distances: -H D H / 2.
Matrix EuclideanTangents(const Matrix& squared) {
  const Vector rows = squared.rowwise().mean();
  const double mean = rows.mean();
  Matrix result = -0.5 * squared;
  result.colwise() += 0.5 * rows;
  result.rowwise() += 0.5 * rows.transpose();
  result.array() -= 0.5 * mean;
  return result;
}

}  // namespace

absl::StatusOr<TangentAnalysis> AnalyzeTangents(const ComputeContext& context,
                                                const PointSet& points,
                                                absl::Span<const Index> chosen, Index directions) {
  TangentAnalysis result;
  ChosenSides sides = Choose(points, chosen);
  result.status = sides.status;
  if (result.status != ScoreStatus::kOk) return result;
  Matrix tangents;
  if (points.is_sphere()) {
    GRAMIAN_ASSIGN_OR_RETURN(const SphericalMean mean, FindSphericalMean(context, sides.sides));
    result.status = mean.status;
    if (result.status != ScoreStatus::kOk) return result;
    result.distances = ToArcs(mean.cosines).lengths;
    tangents = SphericalTangents(sides.sides, mean.cosines);
  } else {
    tangents = EuclideanTangents(sides.sides);
    result.distances = tangents.diagonal().array().max(0.0).sqrt();
  }
  GRAMIAN_RETURN_IF_ERROR(FindDirections(context, std::move(tangents), directions, result));
  return result;
}

absl::Status FindDirections(const ComputeContext& context, Matrix inner_products, Index directions,
                            TangentAnalysis& result) {
  const auto count = static_cast<double>(result.distances.size());
  result.variance = result.distances.squaredNorm() / count;
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen,
                           EigenDecompose(context, std::move(inner_products)));
  const Index kept = std::min(directions, eigen.values.size());
  const Vector values = eigen.values.head(kept).cwiseMax(0.0);
  result.coordinates = eigen.vectors.topRows(kept).transpose() * values.cwiseSqrt().asDiagonal();
  for (Index k = 0; k < kept; ++k) {
    Index largest = 0;
    result.coordinates.col(k).cwiseAbs().maxCoeff(&largest);
    if (result.coordinates(largest, k) < 0.0) result.coordinates.col(k) *= -1.0;
  }
  const double total = eigen.values.cwiseMax(0.0).sum();
  result.shares = total > 0.0 ? Vector(values / total) : Vector(Vector::Zero(kept));
  return absl::OkStatus();
}

}  // namespace gramian
