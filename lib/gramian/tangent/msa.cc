#include "gramian/tangent/msa.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

absl::Status CheckSides(const FactorField& a, const FactorField& b) {
  if (a.rows() != b.rows()) {
    return absl::InvalidArgumentError(absl::StrCat("the layers have pullback metrics at ", a.rows(),
                                                   " and ", b.rows(), " inputs"));
  }
  if (a.coordinates() != b.coordinates()) {
    return absl::InvalidArgumentError(absl::StrCat("the layers have pullback metrics in ",
                                                   a.coordinates(), " and ", b.coordinates(),
                                                   " coordinates"));
  }
  return absl::OkStatus();
}

// What weights are divided by so that none overflows in a sum: the largest, > 0.
absl::StatusOr<double> LargestWeight(absl::Span<const double> weights, int64_t rows) {
  if (weights.empty()) return 1.0;
  if (static_cast<int64_t>(weights.size()) != rows) {
    return absl::InvalidArgumentError(
        absl::StrCat(weights.size(), " weights are given for ", rows, " inputs"));
  }
  double largest = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i]) || weights[i] < 0.0) {
      return absl::InvalidArgumentError(
          absl::StrCat("weight ", i, " is ", weights[i], ", must be finite and at least 0"));
    }
    largest = std::max(largest, weights[i]);
  }
  if (largest == 0.0) return absl::InvalidArgumentError("all weights are 0");
  return largest;
}

// Weighted sums over the points.
class Summary {
 public:
  explicit Summary(Index coordinates) : coordinates_(coordinates) {}

  void Add(const PointComparison& point, double weight) {
    weight_ += weight;
    weight_squares_ += weight * weight;
    distance_ += weight * point.spectral_ratio;
    report_.degenerate += point.joint_rank < coordinates_ ? 1 : 0;
    report_.vanishing += point.joint_rank == 0 ? 1 : 0;
    report_.rank_mismatches += point.rank_mismatch ? 1 : 0;
    if (!point.has_distances(coordinates_)) return;
    ++report_.compared;
    report_.compared_weight += weight;
    report_.log_scale_mean += weight * point.log_scale;
    report_.shape_mean += weight * point.shape;
    report_.airm_mean += weight * point.airm;
  }

  // `weight_of(i)` as it was added.
  template <typename WeightOf>
  MsaReport Finish(std::vector<PointComparison> points, const WeightOf& weight_of) {
    report_.distance = std::clamp(distance_ / weight_, 0.0, 1.0);
    report_.similarity = 1.0 - report_.distance;
    if (report_.compared_weight > 0.0) {
      report_.log_scale_mean /= report_.compared_weight;
      report_.shape_mean /= report_.compared_weight;
      report_.airm_mean /= report_.compared_weight;
    }
    report_.compared_weight /= weight_;
    double squares = 0.0;
    for (size_t i = 0; i < points.size(); ++i) {
      const double difference = points[i].spectral_ratio - report_.distance;
      squares += weight_of(i) * difference * difference;
    }
    const double effective = weight_ * weight_ / weight_squares_;
    if (effective > 1.0) {
      report_.standard_error = std::sqrt(squares / weight_ / (effective - 1.0));
    }
    report_.points = std::move(points);
    return std::move(report_);
  }

 private:
  const Index coordinates_;
  MsaReport report_;
  double weight_ = 0.0;
  double weight_squares_ = 0.0;
  double distance_ = 0.0;
};

}  // namespace

absl::StatusOr<MsaReport> CompareFields(const ComputeContext& context, const FactorField& a,
                                        const FactorField& b, absl::Span<const double> weights) {
  GRAMIAN_RETURN_IF_ERROR(CheckSides(a, b));
  const int64_t n = a.rows();
  const Index m = a.coordinates();
  GRAMIAN_ASSIGN_OR_RETURN(const double largest, LargestWeight(weights, n));
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(n * static_cast<int64_t>(sizeof(PointComparison)),
                                               "the comparison of pullback metrics"));
  std::vector<PointComparison> points(static_cast<size_t>(n));
  // About 10 ms: a point takes some microseconds and 20 m^3 flops.
  const int64_t block = std::max<int64_t>(5'000'000 / (2'000 + 20 * m * m * m), 1);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (n + block - 1) / block, [&](int64_t index) {
    const int64_t end = std::min(n, (index + 1) * block);
    for (int64_t i = index * block; i < end; ++i) {
      points[static_cast<size_t>(i)] = CompareFactors(a.factor(i), b.factor(i), m);
    }
    return absl::OkStatus();
  }));
  const auto weight_of = [&](size_t i) { return weights.empty() ? 1.0 : weights[i] / largest; };
  Summary summary(m);
  for (size_t i = 0; i < points.size(); ++i) summary.Add(points[i], weight_of(i));
  return summary.Finish(std::move(points), weight_of);
}

}  // namespace gramian
