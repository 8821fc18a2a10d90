// From what is known about a layer around one input to the triangular factor of its pullback
// metric.
//
//   G = J' J = R' R,  J the Jacobian (d x m) of the layer with respect to m coordinates,
//   R (m x m) upper triangular with a diagonal >= 0
//
// Everything downstream works on R: cond(G) = cond(R)^2, so that forming G would throw away half of
// the digits. R is all that a comparison of pullback metrics needs, whatever d is. Source: Cayco
// Gajic and Pellegrino 2026, arXiv 2603.28764 (G); the factor is a QR decomposition.
#ifndef GRAMIAN_TANGENT_PULLBACK_FACTOR_H_
#define GRAMIAN_TANGENT_PULLBACK_FACTOR_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"

namespace gramian {

// R of the Jacobian (d x m, d >= 1; fewer rows than m leave R singular), packed row by row. Equal
// for Q J with orthogonal Q, to rounding. Safe from over- and underflow. 2 d m^2 flops.
Vector FactorOfJacobian(const Matrix& jacobian);

// R of a packed pullback metric G. Eigenvalues, with the coordinates scaled to a unit diagonal,
// that are 0 to `precision` times 8 m count as 0. INVALID_ARGUMENT, naming the eigenvalue, if one
// is below that: G is not positive semidefinite. O(m^3).
absl::StatusOr<Vector> FactorOfPullbackMetric(const Vector& packed, Index coordinates,
                                              double precision);

// R of the Fisher information of softmax(logits), from the Jacobian (C x m) of the C logits: the
// pullback metric of the probability simplex. The rows whose QR is taken are
// sqrt(p_c) (J_c - sum_b p_b J_b). Its rank is at most C - 1. O(C m^2).
Vector FactorOfSoftmax(const Vector& logits, const Matrix& jacobian);

// The m x m matrix that a packed upper triangle is.
Matrix UnpackUpper(const double* packed, Index coordinates);

// What is kept of rows with this shape: the shape itself unless they are tangent data other than
// factors, which become rows of float64 factors.
RepresentationShape KeptShape(const RepresentationShape& shape);

// What an upload of this shape takes while it is open: what is sent, and beside it what that is
// reduced to if it is tangent data other than factors. Errors of SizeBytes.
absl::StatusOr<int64_t> BytesWhileOpen(const RepresentationShape& shape);

// Rows [first, first + count) of tangent data other than factors, as factors: count x
// KeptShape(...).cols numbers at `out`. INVALID_ARGUMENT, naming the row, for a pullback metric
// that is not positive semidefinite. O(count d m^2).
absl::Status FactorRows(const Representation& rows, int64_t first, int64_t count, double* out);

// Tangent data as factors: n rows, KeptShape. Shares nothing with `rows`; of factors and
// activations a copy of the pointer. INVALID_ARGUMENT, naming the row, for a pullback metric that
// is not positive semidefinite, or a factor too large for float32. O(n d m^2).
absl::StatusOr<std::shared_ptr<const Representation>> ReduceToFactors(
    std::shared_ptr<const Representation> rows);

}  // namespace gramian

#endif  // GRAMIAN_TANGENT_PULLBACK_FACTOR_H_
