#include "gramian/geometry/centered_features.h"

#include <limits>
#include <utility>

namespace gramian {
namespace {

// Far above the doubles whose squares lose digits.
constexpr double kSmallNorm = 1.0e-120;

// Takes the mean off; what only rounding of the mean leaves becomes zero.
void TakeMeanOff(Eigen::RowVectorXd& row) {
  constexpr double kRounding = 64.0 * std::numeric_limits<double>::epsilon();
  const double largest = row.lpNorm<Eigen::Infinity>();
  row.array() -= row.mean();
  if (row.lpNorm<Eigen::Infinity>() <= kRounding * largest) row.setZero();
}

}  // namespace

CenteredFeatures::CenteredFeatures(std::shared_ptr<const Representation> layer, RowScaling scaling)
    : layer_(std::move(layer)), scaling_(scaling), rows_(layer_->rows()), cols_(layer_->cols()) {}

CenteredFeatures::CenteredFeatures(Matrix modes)
    : modes_(std::move(modes)), rows_(modes_.cols()), cols_(modes_.rows()) {}

std::shared_ptr<const CenteredFeatures> CenteredFeatures::SelectRows(
    const std::shared_ptr<const std::vector<int64_t>>& rows) const {
  if (is_explicit())
    return std::make_shared<const CenteredFeatures>(Matrix(modes_(Eigen::all, *rows)));
  auto selected = std::make_shared<CenteredFeatures>(*this);
  selected->layer_ = Representation::SelectRows(layer_, rows);
  selected->rows_ = selected->layer_->rows();
  return selected;
}

void CenteredFeatures::ReadRows(int64_t first, int64_t count, float* out) const {
  Read(first, count, out);
}

void CenteredFeatures::ReadRows(int64_t first, int64_t count, double* out) const {
  Read(first, count, out);
}

template <typename Scalar>
void CenteredFeatures::Read(int64_t first, int64_t count, Scalar* out) const {
  Eigen::Map<MatrixOf<Scalar>> block(out, count, cols_);
  if (is_explicit()) {
    block = modes_.middleCols(first, count).transpose().template cast<Scalar>();
    return;
  }
  if (scaling_ == RowScaling::kNone) {
    layer_->ReadRows(first, count, out);
    return;
  }
  Eigen::RowVectorXd row(cols_);
  for (int64_t i = 0; i < count; ++i) {
    layer_->ReadRows(first + i, 1, row.data());
    if (scaling_ == RowScaling::kStandardized) TakeMeanOff(row);
    // Squares of float32 extremes fit in double, so the plain norm cannot overflow; those of the
    // smallest doubles vanish.
    double norm = row.norm();
    if (norm < kSmallNorm) norm = row.stableNorm();
    if (norm > 0.0) row /= norm;
    block.row(i) = row.template cast<Scalar>();
  }
}

bool HasEqualRows(const CenteredFeatures& features) {
  constexpr double kRounding = 2048.0 * std::numeric_limits<double>::epsilon();
  Vector first(features.cols());
  Vector row(features.cols());
  features.ReadRows(0, 1, first.data());
  const double allowed = kRounding * first.lpNorm<Eigen::Infinity>();
  for (int64_t i = 1; i < features.rows(); ++i) {
    features.ReadRows(i, 1, row.data());
    if ((row - first).lpNorm<Eigen::Infinity>() > allowed) return false;
  }
  return true;
}

}  // namespace gramian
