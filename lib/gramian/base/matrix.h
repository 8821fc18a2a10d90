// Matrix types and the one layout rule of the library.
//
// Everything is row-major and compact. A representation is n x d: n inputs (rows) by d features
// (columns); entry (i, j) of an n x d array x is x[i * d + j]. A set of r eigenvectors is stored r
// x d, row i belonging to eigenvalue i, so that projecting features onto them is one matrix product
// without a transpose.
#ifndef GRAMIAN_BASE_MATRIX_H_
#define GRAMIAN_BASE_MATRIX_H_

#include <Eigen/Core>

namespace gramian {

using Eigen::Index;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

// Row-major matrix of Scalar (float or double).
template <typename Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace gramian

#endif  // GRAMIAN_BASE_MATRIX_H_
