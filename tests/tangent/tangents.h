// Tangent data for tests: packed triangles, representations of a kind, points of known surfaces.
#ifndef GRAMIAN_TESTS_TANGENT_TANGENTS_H_
#define GRAMIAN_TESTS_TANGENT_TANGENTS_H_

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "gramian/representation/representation.h"
#include "gramian/tangent/factor_field.h"
#include "gramian/tangent/pullback_factor.h"

namespace gramian::testing {

inline constexpr double kEps = std::numeric_limits<double>::epsilon();

// Upper triangle, row by row.
inline Vector PackUpper(const Matrix& matrix) {
  Vector packed(PackedSize(matrix.cols()));
  Index next = 0;
  for (Index i = 0; i < matrix.cols(); ++i) {
    for (Index j = i; j < matrix.cols(); ++j) packed[next++] = matrix(i, j);
  }
  return packed;
}

// float64 rows with a layout.
inline absl::StatusOr<std::shared_ptr<const Representation>> AsTangents(const Matrix& rows,
                                                                        const RowLayout& layout) {
  const RepresentationShape shape{rows.rows(), rows.cols(), DType::kFloat64, layout};
  const auto size = static_cast<size_t>(rows.size()) * sizeof(double);
  auto bytes = std::make_unique<std::byte[]>(size);
  std::memcpy(bytes.get(), rows.data(), size);
  return Representation::Create(shape, std::move(bytes));
}

// The field of Jacobians (all d x m).
inline FactorField FieldOf(const std::vector<Matrix>& jacobians) {
  const Index m = jacobians.front().cols();
  Matrix packed(static_cast<Index>(jacobians.size()), PackedSize(m));
  for (size_t i = 0; i < jacobians.size(); ++i) {
    packed.row(static_cast<Index>(i)) = FactorOfJacobian(jacobians[i]);
  }
  return FactorField(m, std::move(packed));
}

// Activations at the points of a grid, the last coordinate running fastest: answer(p) -> vector.
template <typename Answer>
Matrix OnGrid(const std::vector<GridAxis>& axes, const std::vector<double>& origin,
              const Answer& answer) {
  Index count = 1;
  for (const GridAxis& axis : axes) count *= axis.size;
  std::vector<std::vector<double>> rows;
  for (Index row = 0; row < count; ++row) {
    std::vector<double> point(axes.size());
    Index rest = row;
    for (size_t a = axes.size(); a-- > 0; rest /= axes[a].size) {
      point[a] = origin[a] + axes[a].spacing * static_cast<double>(rest % axes[a].size);
    }
    rows.push_back(answer(point));
  }
  Matrix matrix(count, static_cast<Index>(rows.front().size()));
  for (Index row = 0; row < count; ++row) {
    const std::vector<double>& values = rows[static_cast<size_t>(row)];
    matrix.row(row) = Eigen::Map<const Eigen::RowVectorXd>(values.data(), matrix.cols());
  }
  return matrix;
}

// Both angles of a torus.
inline std::vector<GridAxis> TorusAxes(int64_t size) {
  const GridAxis axis{size, 2.0 * std::numbers::pi / static_cast<double>(size), true};
  return {axis, axis};
}

// A torus in four dimensions, flat in its angles.
inline std::vector<double> FlatTorus(const std::vector<double>& p) {
  return {std::cos(p[0]), std::sin(p[0]), std::cos(p[1]), std::sin(p[1])};
}

// A doughnut with radii 2 and 1: its pullback metric is diag((2 + cos b)^2, 1).
inline std::vector<double> Doughnut(const std::vector<double>& p) {
  const double radius = 2.0 + std::cos(p[1]);
  return {radius * std::cos(p[0]), radius * std::sin(p[0]), std::sin(p[1])};
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TANGENT_TANGENTS_H_
