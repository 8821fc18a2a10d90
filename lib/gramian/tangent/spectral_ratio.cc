#include "gramian/tangent/spectral_ratio.h"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gramian/tangent/pullback_factor.h"

namespace gramian {
namespace {

using Dense = Eigen::MatrixXd;

// Below this size Jacobi's method is faster, and it is the more accurate.
constexpr Index kSmall = 16;

// Descending.
Vector SingularValuesOfBlock(const Dense& block) {
  if (block.cols() <= kSmall) return Eigen::JacobiSVD<Dense>(block).singularValues();
  return Eigen::BDCSVD<Dense>(block).singularValues();
}

// Divides by the norm and returns it; leaves zero as it is.
double Normalize(Dense& factor) {
  // Squares of what is stored as float64 may not fit.
  const double norm = factor.stableNorm();
  if (norm > 0.0) factor /= norm;
  return norm;
}

// Of the columns brought to one length: scales of the coordinates are no matter of the comparison.
Eigen::ColPivHouseholderQR<Dense> RankRevealing(Dense stacked, double tolerance) {
  for (Index j = 0; j < stacked.cols(); ++j) {
    const double norm = stacked.col(j).stableNorm();
    if (norm > 0.0) stacked.col(j) /= norm;
  }
  Eigen::ColPivHouseholderQR<Dense> qr(stacked);
  qr.setThreshold(tolerance);
  return qr;
}

double ToleranceOf(Index m) {
  return 16.0 * static_cast<double>(m) * std::numeric_limits<double>::epsilon();
}

PointComparison CompareOrdered(const double* packed_a, const double* packed_b, Index m) {
  Dense a = UnpackUpper(packed_a, m);
  Dense b = UnpackUpper(packed_b, m);
  const double norm_a = Normalize(a);
  const double norm_b = Normalize(b);
  PointComparison result;
  if (norm_a == 0.0 && norm_b == 0.0) return result;
  const double tolerance = ToleranceOf(m);
  Dense stacked(2 * m, m);
  stacked << a, b;
  const Eigen::ColPivHouseholderQR<Dense> qr = RankRevealing(std::move(stacked), tolerance);
  const Index r = qr.rank();
  result.joint_rank = r;
  const Dense q = qr.householderQ() * Dense::Identity(2 * m, r);
  const Vector c = SingularValuesOfBlock(q.topRows(m));
  const Vector s = SingularValuesOfBlock(q.bottomRows(m));  // of the opposite order
  if (c[r - 1] <= tolerance || s[r - 1] <= tolerance) {
    result.spectral_ratio = 1.0;
    result.rank_mismatch = true;
    return result;
  }
  result.spectral_ratio = std::clamp(1.0 - (c[r - 1] * s[r - 1]) / (c[0] * s[0]), 0.0, 1.0);
  if (r < m) return result;
  const Vector logs =
      2.0 * (c.array().log() - s.reverse().array().log() + std::log(norm_a) - std::log(norm_b));
  result.log_scale = 0.5 * logs.mean();
  result.shape = (logs.array() - logs.mean()).matrix().norm();
  result.airm = logs.norm();
  return result;
}

}  // namespace

PointComparison CompareFactors(const double* a, const double* b, Index coordinates) {
  const Index size = PackedSize(coordinates);
  const auto [in_a, in_b] = std::mismatch(a, a + size, b);
  if (in_a == a + size) {
    PointComparison equal;
    equal.joint_rank = RankRevealing(UnpackUpper(a, coordinates), ToleranceOf(coordinates)).rank();
    return equal;
  }
  // One order for both calls, so that rounding is the same.
  if (*in_a < *in_b) return CompareOrdered(a, b, coordinates);
  PointComparison result = CompareOrdered(b, a, coordinates);
  result.log_scale = -result.log_scale;
  return result;
}

}  // namespace gramian
