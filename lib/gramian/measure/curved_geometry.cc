#include "gramian/measure/curved_geometry.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {

absl::StatusOr<double> FindNearest(const NearnessAt& near, int samples) {
  constexpr double kTolerance = 1.0e-13;
  constexpr int kMaxCalls = 60;
  const auto place = [samples](int i) { return static_cast<double>(i) / samples; };
  int best = 0;
  std::vector<Nearness> known;
  for (int i = 0; i <= samples; ++i) {
    GRAMIAN_ASSIGN_OR_RETURN(known.emplace_back(), near(place(i)));
    if (known.back().value < known[static_cast<size_t>(best)].value) best = i;
  }
  // The side on which the function falls.
  const bool is_left = known[static_cast<size_t>(best)].slope > 0.0;
  const int other = is_left ? best - 1 : best + 1;
  if (other < 0 || other > samples || known[static_cast<size_t>(best)].slope == 0.0) {
    return place(best);
  }
  double low = place(std::min(best, other));
  double high = place(std::max(best, other));
  double low_slope = known[static_cast<size_t>(std::min(best, other))].slope;
  double high_slope = known[static_cast<size_t>(std::max(best, other))].slope;
  if (high_slope == 0.0) return high;
  int side = 0;
  double last = -1.0;
  for (int call = 0; call < kMaxCalls && high - low > kTolerance; ++call) {
    // Halves until the slopes have the signs that a least value between has.
    const bool is_bracket = low_slope < 0.0 && high_slope > 0.0;
    double middle = 0.5 * (low + high);
    if (is_bracket) {
      middle =
          std::clamp((low * high_slope - high * low_slope) / (high_slope - low_slope), low, high);
    }
    GRAMIAN_ASSIGN_OR_RETURN(const Nearness found, near(middle));
    if (found.slope == 0.0 || std::abs(middle - last) <= kTolerance) return middle;
    last = middle;
    if (found.slope > 0.0) {
      high = middle;
      high_slope = found.slope;
      if (side == 1) low_slope *= 0.5;
      side = 1;
    } else {
      low = middle;
      low_slope = found.slope;
      if (side == -1) high_slope *= 0.5;
      side = -1;
    }
  }
  return 0.5 * (low + high);
}

CurvedGeometry::CurvedGeometry(const ComputeContext& context, absl::Span<const Score> scores,
                               int samples)
    : context_(context),
      scores_(scores.begin(), scores.end()),
      size_(static_cast<Index>(std::lround(std::sqrt(static_cast<double>(scores.size()))))),
      samples_(samples) {}

ScoreStatus CurvedGeometry::StatusOf(absl::Span<const Index> points) const {
  for (const Index a : points) {
    for (const Index b : points) {
      if (score(a, b).status != ScoreStatus::kOk) return score(a, b).status;
    }
  }
  return ScoreStatus::kOk;
}

std::vector<double> CurvedGeometry::SumsOfSquares(absl::Span<const Index> chosen) const {
  std::vector<double> sums;
  for (const Index a : chosen) {
    double& sum = sums.emplace_back(0.0);
    for (const Index b : chosen) sum += distance(a, b) * distance(a, b);
  }
  return sums;
}

absl::StatusOr<PathValue> CurvedGeometry::Distance(Index a, Index b) const {
  if (score(a, b).status != ScoreStatus::kOk) return PathValue{score(a, b).status};
  return PathValue{ScoreStatus::kOk, distance(a, b)};
}

absl::StatusOr<PathValue> CurvedGeometry::Angle(Index a, Index b, Index c) const {
  const ScoreStatus status = StatusOf({a, b, c});
  if (status != ScoreStatus::kOk) return PathValue{status};
  if (Coincide(a, b) || Coincide(b, c)) return PathValue{ScoreStatus::kCoincidingPoints};
  GRAMIAN_ASSIGN_OR_RETURN(PathValue angle, CosineAt(a, b, c));
  if (angle.status == ScoreStatus::kOk) angle.value = std::acos(std::clamp(angle.value, -1.0, 1.0));
  return angle;
}

absl::StatusOr<Projection> CurvedGeometry::Project(Index b, Index a, Index c) const {
  Projection result;
  result.status = StatusOf({a, b, c});
  if (result.status != ScoreStatus::kOk) return result;
  if (Coincide(a, c)) {
    result.status = ScoreStatus::kCoincidingPoints;
    return result;
  }
  GRAMIAN_ASSIGN_OR_RETURN(const Sight sight, See(b, a, c));
  result.status = sight.status;
  if (result.status != ScoreStatus::kOk) return result;
  GRAMIAN_ASSIGN_OR_RETURN(result.fraction, FindNearest(sight.near, samples_));
  GRAMIAN_ASSIGN_OR_RETURN(const PathValue away, ToGeodesic(b, a, c, result.fraction));
  result.distance = away.value;
  result.line_fraction = result.fraction;
  result.line_distance = result.distance;
  return result;
}

absl::StatusOr<PathValue> CurvedGeometry::ToGeodesic(Index b, Index a, Index c,
                                                     double fraction) const {
  const ScoreStatus status = StatusOf({a, b, c});
  if (status != ScoreStatus::kOk) return PathValue{status};
  if (fraction == 0.0 || a == c) return Distance(b, a);
  if (fraction == 1.0) return Distance(b, c);
  GRAMIAN_ASSIGN_OR_RETURN(const Sight sight, See(b, a, c));
  if (sight.status != ScoreStatus::kOk) return PathValue{sight.status};
  GRAMIAN_ASSIGN_OR_RETURN(const Nearness found, sight.near(fraction));
  return PathValue{ScoreStatus::kOk, found.distance};
}

absl::StatusOr<TangentAnalysis> CurvedGeometry::Tangents(absl::Span<const Index> chosen,
                                                         Index directions) const {
  TangentAnalysis result;
  result.status = StatusOf(chosen);
  if (result.status != ScoreStatus::kOk) return result;
  GRAMIAN_ASSIGN_OR_RETURN(MeanLogarithms mean, FindMean(chosen));
  result.status = mean.status;
  if (result.status != ScoreStatus::kOk) return result;
  result.distances = mean.inner_products.diagonal().cwiseMax(0.0).cwiseSqrt();
  GRAMIAN_RETURN_IF_ERROR(
      FindDirections(context_, std::move(mean.inner_products), directions, result));
  return result;
}

}  // namespace gramian
