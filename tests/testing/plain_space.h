// The spaces of paths written plainly: points are n x n matrices, geodesics, logarithms and
// projections are computed with them. Slow, literal, in double.
#ifndef GRAMIAN_TESTS_TESTING_PLAIN_SPACE_H_
#define GRAMIAN_TESTS_TESTING_PLAIN_SPACE_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"
#include "tests/measure/naive.h"

namespace gramian::testing {

// AngularCKA (on the unit sphere) or stress.
struct PlainSpace {
  bool is_sphere = true;
  KernelSpec kernel;
  bool zero_diagonal = false;  // of the centred RSM; sphere only
  bool rescaled = false;       // distances divided by their lower median; stress only

  // The point of a representation.
  Matrix Point(const Matrix& x) const {
    if (is_sphere) {
      Matrix point = NaiveRsm(x, kernel);
      const Vector rows = point.rowwise().mean();
      point.colwise() -= rows;
      point.rowwise() -= rows.transpose();
      point.array() += rows.mean();
      if (zero_diagonal) point.diagonal().setZero();
      return point / point.norm();
    }
    Matrix point = kernel.kind == KernelKind::kLinear ? NaiveDistances(x) : KernelDistances(x);
    if (rescaled) point /= LowerMedian(point);
    return point;
  }

  // Of two tangents, or of two points of the sphere.
  double Inner(const Matrix& v, const Matrix& w) const {
    const double sum = v.cwiseProduct(w).sum();
    // Over the pairs i < j; the diagonal of a distance matrix is 0.
    return is_sphere ? sum : sum / static_cast<double>(v.rows() * (v.rows() - 1));
  }
  double Length(const Matrix& v) const { return std::sqrt(Inner(v, v)); }

  double Distance(const Matrix& a, const Matrix& b) const {
    if (!is_sphere) return Length(a - b);
    // Accurate for near points too.
    return 2.0 * std::atan2((a - b).norm(), (a + b).norm());
  }

  Matrix Geodesic(const Matrix& a, const Matrix& b, double s) const {
    if (!is_sphere) return (1.0 - s) * a + s * b;
    const double theta = Distance(a, b);
    const Matrix g = (std::sin((1.0 - s) * theta) * a + std::sin(s * theta) * b) / std::sin(theta);
    return g / g.norm();
  }

  // The tangent at a that leads to b in one step.
  Matrix Log(const Matrix& a, const Matrix& b) const {
    if (!is_sphere) return b - a;
    const Matrix w = b - Inner(a, b) * a;
    return Distance(a, b) / w.norm() * w;
  }
  Matrix Exp(const Matrix& a, const Matrix& v) const {
    if (!is_sphere) return a + v;
    const double length = v.norm();
    return length == 0.0 ? a : Matrix(std::cos(length) * a + std::sin(length) / length * v);
  }

  // At b.
  double Angle(const Matrix& a, const Matrix& b, const Matrix& c) const {
    const Matrix v = Log(b, a);
    const Matrix w = Log(b, c);
    return std::acos(std::clamp(Inner(v, w) / (Length(v) * Length(w)), -1.0, 1.0));
  }

  // The fraction of the point of the geodesic a -> c that is nearest to b: the half whose end is
  // nearer is kept, again and again.
  double ProjectBySearch(const Matrix& b, const Matrix& a, const Matrix& c) const {
    double low = 0.0;
    double high = 1.0;
    for (int step = 0; step < 52; ++step) {
      const double middle = 0.5 * (low + high);
      const bool keeps_low = Distance(Geodesic(a, c, low), b) < Distance(Geodesic(a, c, high), b);
      (keeps_low ? high : low) = middle;
    }
    return 0.5 * (low + high);
  }

  // d(b, middle of a and c) minus the median of a Euclidean triangle with the same sides.
  double Curvature(const Matrix& a, const Matrix& b, const Matrix& c) const {
    const double ab = Distance(a, b);
    const double bc = Distance(b, c);
    const double ac = Distance(a, c);
    return Distance(b, Geodesic(a, c, 0.5)) -
           std::sqrt(0.5 * ab * ab + 0.5 * bc * bc - 0.25 * ac * ac);
  }

 private:
  Matrix KernelDistances(const Matrix& x) const {
    const Matrix k = NaiveRsm(x, kernel);
    return (2.0 - 2.0 * k.array()).max(0.0).sqrt().matrix();
  }
  static double LowerMedian(const Matrix& distances) {
    std::vector<double> values;
    for (Index i = 0; i < distances.rows(); ++i) {
      for (Index j = i + 1; j < distances.cols(); ++j) values.push_back(distances(i, j));
    }
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
  }
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_PLAIN_SPACE_H_
