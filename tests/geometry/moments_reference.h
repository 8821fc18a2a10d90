// Covariances in long double, and what rounding may cost.
#ifndef GRAMIAN_TESTS_GEOMETRY_MOMENTS_REFERENCE_H_
#define GRAMIAN_TESTS_GEOMETRY_MOMENTS_REFERENCE_H_

#include "gramian/geometry/moments.h"
#include "tests/geometry/reference.h"

namespace gramian::testing {

inline LongMatrix Centered(const Matrix& x) {
  LongMatrix wide = x.cast<Long>();
  wide.rowwise() -= wide.colwise().mean().eval();
  return wide;
}

inline LongMatrix NaiveCross(const Matrix& x, const Matrix& y) {
  return Centered(x).transpose() * Centered(y);
}

inline double Error(const Matrix& got, const LongMatrix& expected) {
  return static_cast<double>((got.cast<Long>() - expected).norm());
}

// What rounding may cost: of products, in units of the product of the norms; of means, which are
// sums in double, in the same units times mean over standard deviation.
inline double Bound(Arithmetic arithmetic, const Matrix& x, const Matrix& y) {
  const auto x_norm = static_cast<double>(Centered(x).norm());
  const auto y_norm = static_cast<double>(Centered(y).norm());
  const double products = arithmetic == Arithmetic::kFloat32 ? kEpsilonF : kEpsilon;
  const double means = kEpsilon * (x.norm() / x_norm + y.norm() / y_norm);
  return 16.0 * (products + means) * x_norm * y_norm;
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_GEOMETRY_MOMENTS_REFERENCE_H_
