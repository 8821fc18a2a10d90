#include "gramian/measure/shape_geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kNoise = 64.0 * kEps;
constexpr int kSamples = 8;

Matrix Multiply(const Matrix& a, const Matrix& b) {
  return Product(a, Transpose::kNo, b, Transpose::kNo);
}

double Inner(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i].cwiseProduct(b[i]).sum();
  return sum;
}

double ArcOf(double cosine) { return std::acos(std::clamp(cosine, 0.0, 1.0)); }

// arc / sin(arc) of cosines.
Vector Stretches(const Vector& cosines) {
  return cosines.unaryExpr([](double cosine) {
    const double arc = ArcOf(cosine);
    return arc == 0.0 ? 1.0 : arc / std::sin(arc);
  });
}

// Weights of both ends in the point of a geodesic, and their slopes.
struct EndWeights {
  double first;
  double last;
  double first_slope;
  double last_slope;
};

EndWeights OnLine(double fraction) { return {1.0 - fraction, fraction, -1.0, 1.0}; }

EndWeights OnCircle(double fraction, double length) {
  const double sine = std::sin(length);
  if (sine == 0.0) return OnLine(fraction);
  const double left = (1.0 - fraction) * length;
  const double right = fraction * length;
  return {std::sin(left) / sine, std::sin(right) / sine, -length * std::cos(left) / sine,
          length * std::cos(right) / sine};
}

}  // namespace

// How x_c is rotated onto x_a: x_c (turn, rest), whose first r_a columns lie along those of x_a.
struct ShapeGeometry::Turn {
  ScoreStatus status = ScoreStatus::kOk;
  double inner = 0.0;  // <x_a, x_c turn>: the sum of the singular values of x_c' x_a
  Matrix turn;         // r_c x r_a
  Matrix rest;         // r_c x r_c: projects on what x_a has no direction for; empty if
                       // nothing
};

// The products x_b' g with the points g = first x_a + last x_c (turn, rest) of a geodesic.
struct ShapeGeometry::Line {
  double inner = 0.0;  // <x_a, x_c turn>
  double squared_a = 0.0;
  double squared_b = 0.0;
  double squared_c = 0.0;
  Matrix first;  // r_b x (r_a, or r_a + r_c)
  Matrix last;
};

// m = sum_i x_i weights[i].
struct ShapeGeometry::Mean {
  std::vector<Matrix> weights;
  std::vector<Matrix> turns;  // x_i turns[i] lies along m
  Vector inner;               // <m, x_i turns[i]>
  double size = 0.0;          // |m|
};

ShapeGeometry::ShapeGeometry(const ComputeContext& context, bool angular,
                             std::vector<Vector> values, std::vector<Matrix> cross,
                             absl::Span<const Score> scores)
    : CurvedGeometry(context, scores, kSamples),
      angular_(angular),
      values_(std::move(values)),
      cross_(std::move(cross)) {}

Matrix ShapeGeometry::Cross(Index a, Index b) const {
  if (a == b) return values(a).cwiseAbs2().asDiagonal();
  if (a > b) return Cross(b, a).transpose();
  return cross_[static_cast<size_t>(a * size() + b)];
}

// Distances come from a difference of squares.
bool ShapeGeometry::Coincide(Index a, Index b) const {
  const double length = distance(a, b);
  return a == b || length * length <= kNoise * (squared_norm(a) + squared_norm(b));
}

absl::StatusOr<ShapeGeometry::Turn> ShapeGeometry::TurnTo(Index c, Index a) const {
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(Cross(c, a)));
  Turn result;
  result.inner = svd.values.sum();
  result.turn = Product(svd.left, Transpose::kYes, svd.right, Transpose::kNo);
  const Index width = values(c).size();
  if (width > values(a).size()) {
    result.rest = Matrix::Identity(width, width) -
                  Product(svd.left, Transpose::kYes, svd.left, Transpose::kNo);
  }
  // A direction of x_c that is orthogonal to all of x_a may be turned either way.
  const double size = std::sqrt(squared_norm(a) * squared_norm(c));
  for (Index k = 0; k < svd.values.size(); ++k) {
    if (svd.values[k] > kNoise * size) continue;
    const double of_c = svd.left.row(k).transpose().cwiseProduct(values(c)).norm();
    const double of_a = svd.right.row(k).transpose().cwiseProduct(values(a)).norm();
    if (of_c * of_a > std::sqrt(kEps) * size) result.status = ScoreStatus::kAntipodalPoints;
  }
  return result;
}

absl::StatusOr<PathValue> ShapeGeometry::CosineAt(Index a, Index b, Index c) const {
  GRAMIAN_ASSIGN_OR_RETURN(const Turn to_a, TurnTo(a, b));
  GRAMIAN_ASSIGN_OR_RETURN(const Turn to_c, TurnTo(c, b));
  if (to_a.status != ScoreStatus::kOk) return PathValue{to_a.status};
  if (to_c.status != ScoreStatus::kOk) return PathValue{to_c.status};
  const Matrix cross = Cross(a, c);
  double inner = Multiply(cross, to_c.turn).cwiseProduct(to_a.turn).sum();
  if (to_a.rest.size() > 0 && to_c.rest.size() > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(const Vector free,
                             SingularValuesOf(Multiply(to_a.rest, Multiply(cross, to_c.rest))));
    inner += free.sum();
  }
  if (angular_) {
    inner -= to_a.inner * to_c.inner;
    return PathValue{ScoreStatus::kOk,
                     inner / (std::sin(distance(a, b)) * std::sin(distance(b, c)))};
  }
  inner += squared_norm(b) - to_a.inner - to_c.inner;
  return PathValue{ScoreStatus::kOk, inner / (distance(a, b) * distance(b, c))};
}

absl::StatusOr<CurvedGeometry::Sight> ShapeGeometry::See(Index b, Index a, Index c) const {
  GRAMIAN_ASSIGN_OR_RETURN(const Turn turn, TurnTo(c, a));
  const auto line = std::make_shared<Line>();
  line->inner = turn.inner;
  line->squared_a = squared_norm(a);
  line->squared_b = squared_norm(b);
  line->squared_c = squared_norm(c);
  const Matrix with_c = Cross(b, c);
  const Index width = values(a).size();
  line->first = Matrix::Zero(with_c.rows(), width + turn.rest.cols());
  line->first.leftCols(width) = Cross(b, a);
  line->last.resize(with_c.rows(), width + turn.rest.cols());
  line->last.leftCols(width) = Multiply(with_c, turn.turn);
  if (turn.rest.size() > 0) line->last.rightCols(turn.rest.cols()) = Multiply(with_c, turn.rest);
  return Sight{turn.status, [this, line](double fraction) { return Near(*line, fraction); }};
}

// The value is the squared distance, or minus the cosine.
absl::StatusOr<Nearness> ShapeGeometry::Near(const Line& line, double fraction) const {
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  const EndWeights w = angular_ ? OnCircle(fraction, ArcOf(line.inner)) : OnLine(fraction);
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd,
                           SvdDecompose(w.first * line.first + w.last * line.last));
  const double inner = svd.values.sum();
  const Matrix along = w.first_slope * line.first + w.last_slope * line.last;
  const double inner_slope = Multiply(svd.left, along).cwiseProduct(svd.right).sum();
  if (angular_) return Nearness{-inner, -inner_slope, ArcOf(inner)};
  const double squared = w.first * w.first * line.squared_a + 2.0 * w.first * w.last * line.inner +
                         w.last * w.last * line.squared_c;
  const double squared_slope =
      2.0 * (w.last * (line.squared_c - line.inner) - w.first * (line.squared_a - line.inner));
  const double value = line.squared_b + squared - 2.0 * inner;
  return Nearness{value, squared_slope - 2.0 * inner_slope, std::sqrt(std::max(value, 0.0))};
}

std::vector<Matrix> ShapeGeometry::Times(absl::Span<const Index> chosen,
                                         const std::vector<Matrix>& weights) const {
  std::vector<Matrix> result;
  for (const Index i : chosen) {
    Matrix& sum = result.emplace_back(Matrix::Zero(values(i).size(), weights.front().cols()));
    for (size_t j = 0; j < chosen.size(); ++j) {
      sum += Multiply(Cross(i, chosen[j]), weights[j]);
    }
  }
  return result;
}

// The widest point; of several the one in the middle.
ShapeGeometry::Mean ShapeGeometry::StartMean(absl::Span<const Index> chosen) const {
  const std::vector<double> sums = SumsOfSquares(chosen);
  size_t start = 0;
  for (size_t i = 1; i < chosen.size(); ++i) {
    const Index width = values(chosen[i]).size();
    const Index widest = values(chosen[start]).size();
    if (width > widest || (width == widest && sums[i] < sums[start])) start = i;
  }
  Mean mean;
  for (const Index i : chosen) {
    mean.weights.push_back(Matrix::Zero(values(i).size(), values(chosen[start]).size()));
  }
  mean.weights[start].setIdentity();
  mean.turns.resize(chosen.size());
  mean.inner.resize(static_cast<Index>(chosen.size()));
  return mean;
}

absl::StatusOr<double> ShapeGeometry::MoveMean(absl::Span<const Index> chosen, Mean& mean) const {
  std::vector<Matrix> products = Times(chosen, mean.weights);
  mean.size = std::sqrt(std::max(Inner(mean.weights, products), 0.0));
  if (angular_) {
    for (Matrix& weight : mean.weights) weight /= mean.size;
    for (Matrix& product : products) product /= mean.size;
    mean.size = 1.0;
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
    GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(products[i]));
    mean.turns[i] = Product(svd.left, Transpose::kYes, svd.right, Transpose::kNo);
    mean.inner[static_cast<Index>(i)] = svd.values.sum();
  }
  // The mean of the logarithms is sum_i x_i step[i].
  const auto count = static_cast<double>(chosen.size());
  const Vector stretch = angular_ ? Stretches(mean.inner) : Vector(Vector::Ones(mean.inner.size()));
  const double along = angular_ ? stretch.dot(mean.inner) / count : 1.0;
  std::vector<Matrix> step;
  for (size_t i = 0; i < chosen.size(); ++i) {
    step.push_back(stretch[static_cast<Index>(i)] / count * mean.turns[i] -
                   along * mean.weights[i]);
  }
  const double length = std::sqrt(std::max(Inner(step, Times(chosen, step)), 0.0));
  const double keep = angular_ ? std::cos(length) : 1.0;
  const double move = angular_ && length > 0.0 ? std::sin(length) / length : 1.0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    mean.weights[i] = keep * mean.weights[i] + move * step[i];
  }
  return length / mean.size;
}

Matrix ShapeGeometry::LogarithmsAt(absl::Span<const Index> chosen, const Mean& mean) const {
  const Vector& inner = mean.inner;
  Matrix result(inner.size(), inner.size());
  for (size_t i = 0; i < chosen.size(); ++i) {
    for (size_t j = 0; j < chosen.size(); ++j) {
      result(static_cast<Index>(i), static_cast<Index>(j)) =
          Multiply(Cross(chosen[i], chosen[j]), mean.turns[j]).cwiseProduct(mean.turns[i]).sum();
    }
  }
  if (angular_) {
    const Vector stretch = Stretches(inner);
    result -= inner * inner.transpose();
    return stretch.asDiagonal() * result * stretch.asDiagonal();
  }
  result.colwise() -= inner;
  result.rowwise() -= inner.transpose();
  result.array() += mean.size * mean.size;
  return result;
}

absl::StatusOr<CurvedGeometry::MeanLogarithms> ShapeGeometry::FindMean(
    absl::Span<const Index> chosen) const {
  constexpr int kMaxIterations = 1000;
  constexpr double kStep = 1.0e-10;
  Mean mean = StartMean(chosen);
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    GRAMIAN_ASSIGN_OR_RETURN(const double step, MoveMean(chosen, mean));
    if (step <= kStep) return MeanLogarithms{ScoreStatus::kOk, LogarithmsAt(chosen, mean)};
  }
  return MeanLogarithms{ScoreStatus::kAntipodalPoints, {}};
}

}  // namespace gramian
