#include "gramian/tangent/pullback_factor.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// What a comparison can expect of the digits of an element type.
double PrecisionOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return std::ldexp(1.0, -11);
    case DType::kBFloat16:
      return std::ldexp(1.0, -8);
    case DType::kFloat32:
      return std::numeric_limits<float>::epsilon();
    default:
      return std::numeric_limits<double>::epsilon();
  }
}

absl::StatusOr<Vector> FactorOfRow(const RepresentationShape& shape, const Vector& row) {
  const Index m = shape.layout.coordinates;
  const auto rows_of = [&row](Index cols) {
    return Eigen::Map<const Matrix>(row.data(), row.size() / cols, cols);
  };
  switch (shape.layout.kind) {
    case RowKind::kPullbackMetric:
      return FactorOfPullbackMetric(row, m, PrecisionOf(shape.dtype));
    case RowKind::kSoftmaxJacobian: {
      const auto rows = rows_of(m + 1);
      return FactorOfSoftmax(rows.col(0), rows.rightCols(m));
    }
    default:
      return FactorOfJacobian(rows_of(m));
  }
}

}  // namespace

Vector FactorOfJacobian(const Matrix& jacobian) {
  const Index m = jacobian.cols();
  Vector packed = Vector::Zero(PackedSize(m));
  const double largest = jacobian.cwiseAbs().maxCoeff();
  if (largest == 0.0) return packed;
  // A power of two: exact.
  int exponent = 0;
  std::frexp(largest, &exponent);
  const Eigen::MatrixXd scaled =
      jacobian.unaryExpr([exponent](double x) { return std::ldexp(x, -exponent); });
  const Eigen::MatrixXd r = Eigen::HouseholderQR<Eigen::MatrixXd>(scaled).matrixQR();
  Index next = 0;
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j, ++next) {
      if (i >= r.rows()) continue;
      packed[next] = std::ldexp(std::signbit(r(i, i)) ? -r(i, j) : r(i, j), exponent);
    }
  }
  return packed;
}

absl::StatusOr<Vector> FactorOfPullbackMetric(const Vector& packed, Index coordinates,
                                              double precision) {
  const Index m = coordinates;
  const Eigen::MatrixXd g = UnpackUpper(packed.data(), m).selfadjointView<Eigen::Upper>();
  if (g.diagonal().minCoeff() < 0.0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the pullback metric has ", g.diagonal().minCoeff(), " on its diagonal, must be >= 0"));
  }
  // A change of coordinates: small ones keep their digits beside large ones.
  const Vector scale =
      g.diagonal().unaryExpr([](double x) { return x > 0.0 ? std::sqrt(x) : 1.0; });
  const Vector inverse = scale.cwiseInverse();
  const Eigen::MatrixXd scaled = inverse.asDiagonal() * g * inverse.asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(scaled);
  const double tolerance = 8.0 * static_cast<double>(m) * precision;
  // Ascending. The trace is m or less, so that the tolerance is relative.
  if (!(eigen.eigenvalues()[0] >= -tolerance)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the pullback metric is not positive semidefinite: with a diagonal of ones it "
                     "has the eigenvalue ",
                     eigen.eigenvalues()[0], ", must be at least ", -tolerance));
  }
  const Vector roots = eigen.eigenvalues().unaryExpr(
      [tolerance](double x) { return x > tolerance ? std::sqrt(x) : 0.0; });
  return FactorOfJacobian(roots.asDiagonal() * eigen.eigenvectors().transpose() *
                          scale.asDiagonal());
}

Vector FactorOfSoftmax(const Vector& logits, const Matrix& jacobian) {
  Vector p = (logits.array() - logits.maxCoeff()).exp();
  p /= p.sum();
  const Eigen::RowVectorXd mean = p.transpose() * jacobian;
  return FactorOfJacobian(p.cwiseSqrt().asDiagonal() * (jacobian.rowwise() - mean));
}

Matrix UnpackUpper(const double* packed, Index coordinates) {
  Matrix upper = Matrix::Zero(coordinates, coordinates);
  for (Index i = 0; i < coordinates; ++i) {
    const Index count = coordinates - i;
    upper.row(i).tail(count) = Eigen::Map<const Eigen::RowVectorXd>(packed, count);
    packed += count;
  }
  return upper;
}

RepresentationShape KeptShape(const RepresentationShape& shape) {
  const RowLayout& layout = shape.layout;
  if (!layout.is_tangent() || layout.kind == RowKind::kFactor) return shape;
  return {shape.rows,
          PackedSize(layout.coordinates),
          DType::kFloat64,
          {RowKind::kFactor, layout.coordinates}};
}

absl::StatusOr<int64_t> BytesWhileOpen(const RepresentationShape& shape) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t sent, SizeBytes(shape));
  const RepresentationShape kept = KeptShape(shape);
  if (kept == shape) return sent;
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t reduced, SizeBytes(kept));
  return sent + reduced;
}

absl::Status FactorRows(const Representation& rows, int64_t first, int64_t count, double* out) {
  const RepresentationShape& shape = rows.shape();
  GRAMIAN_RETURN_IF_ERROR(CheckRowLayout(shape.layout, shape.cols));
  const int64_t packed = PackedSize(shape.layout.coordinates);
  Vector row(shape.cols);
  for (int64_t i = 0; i < count; ++i) {
    rows.ReadRows(first + i, 1, row.data());
    absl::StatusOr<Vector> factor = FactorOfRow(shape, row);
    if (!factor.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("row ", first + i, ": ", factor.status().message()));
    }
    std::copy_n(factor->data(), packed, out + i * packed);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Representation>> ReduceToFactors(
    std::shared_ptr<const Representation> rows) {
  const RepresentationShape kept = KeptShape(rows->shape());
  if (kept == rows->shape()) return rows;
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(kept));
  auto bytes = std::make_unique<std::byte[]>(static_cast<size_t>(size));
  GRAMIAN_RETURN_IF_ERROR(FactorRows(*rows, 0, kept.rows, reinterpret_cast<double*>(bytes.get())));
  return Representation::Create(kept, std::move(bytes));
}

}  // namespace gramian
