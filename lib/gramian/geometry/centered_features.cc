#include "gramian/geometry/centered_features.h"

#include <utility>

namespace gramian {
namespace {

// Far above the doubles whose squares lose digits.
constexpr double kSmallNorm = 1.0e-120;

}  // namespace

CenteredFeatures::CenteredFeatures(std::shared_ptr<const Representation> layer, bool unit_rows)
    : layer_(std::move(layer)),
      unit_rows_(unit_rows),
      rows_(layer_->rows()),
      cols_(layer_->cols()) {}

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
  if (!unit_rows_) {
    layer_->ReadRows(first, count, out);
    return;
  }
  Eigen::RowVectorXd row(cols_);
  for (int64_t i = 0; i < count; ++i) {
    layer_->ReadRows(first + i, 1, row.data());
    // Squares of float32 extremes fit in double, so the plain norm cannot overflow; those of the
    // smallest doubles vanish.
    double norm = row.norm();
    if (norm < kSmallNorm) norm = row.stableNorm();
    if (norm > 0.0) row /= norm;
    block.row(i) = row.template cast<Scalar>();
  }
}

}  // namespace gramian
