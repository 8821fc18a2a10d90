// Dissimilarity matrices from their definition.
#ifndef GRAMIAN_TESTS_MEASURE_NAIVE_RDM_H_
#define GRAMIAN_TESTS_MEASURE_NAIVE_RDM_H_

#include <string>
#include <vector>

#include "gramian/base/matrix.h"
#include "tests/measure/naive.h"

namespace gramian::testing {

inline Matrix NaiveRdm(const Matrix& x, const std::string& kind) {
  if (kind == "euclidean") return NaiveDistances(x);
  if (kind == "sqeuclidean") return NaiveDistances(x).cwiseAbs2();
  Matrix rows = x;
  if (kind == "correlation") rows = x.colwise() - x.rowwise().mean();
  for (Index i = 0; i < rows.rows(); ++i) rows.row(i).normalize();  // leaves zeros alone
  Matrix rdm = Matrix::Ones(x.rows(), x.rows()) - rows * rows.transpose();
  rdm.diagonal().setZero();
  return rdm;
}

// The entries i < j, row after row.
inline Vector NaiveTriangle(const Matrix& rdm) {
  std::vector<double> values;
  for (Index i = 0; i < rdm.rows(); ++i) {
    for (Index j = i + 1; j < rdm.rows(); ++j) values.push_back(rdm(i, j));
  }
  return Eigen::Map<Vector>(values.data(), static_cast<Index>(values.size()));
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_NAIVE_RDM_H_
