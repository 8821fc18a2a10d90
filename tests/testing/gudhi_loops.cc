#include "tests/testing/gudhi_loops.h"

// GUDHI prints without including it.
#include <iostream>
//
#include <gudhi/Persistent_cohomology.h>
#include <gudhi/Simplex_tree.h>

#include <algorithm>

namespace gramian::testing {

std::vector<std::pair<double, double>> GudhiLoops(const Matrix& distances) {
  using Complex = Gudhi::Simplex_tree<>;
  using Cohomology =
      Gudhi::persistent_cohomology::Persistent_cohomology<Complex,
                                                          Gudhi::persistent_cohomology::Field_Zp>;
  Complex complex;
  const auto points = static_cast<int>(distances.rows());
  for (int i = 0; i < points; ++i) complex.insert_simplex({i}, 0.0);
  for (int i = 0; i < points; ++i) {
    for (int j = i + 1; j < points; ++j) complex.insert_simplex({i, j}, distances(i, j));
  }
  complex.expansion(2);
  Cohomology cohomology(complex);
  cohomology.init_coefficients(2);
  cohomology.compute_persistent_cohomology(0.0);
  std::vector<std::pair<double, double>> bars = cohomology.intervals_in_dimension(1);
  std::sort(bars.begin(), bars.end());
  return bars;
}

std::vector<std::pair<double, double>> GudhiCrossLoops(const Matrix& from, const Matrix& to) {
  const Index n = from.rows();
  Matrix distances = Matrix::Zero(2 * n, 2 * n);
  distances.topRightCorner(n, n) = from;
  distances.bottomLeftCorner(n, n) = from;
  distances.bottomRightCorner(n, n) = from.cwiseMin(to);
  return GudhiLoops(distances);
}

}  // namespace gramian::testing
