#include "gramian/measure/units.h"

#include <algorithm>
#include <limits>

#include "gramian/base/status_macros.h"
#include "gramian/geometry/moments.h"

namespace gramian {
namespace {

absl::StatusOr<std::shared_ptr<const UnitMoments>> ComputeUnitMoments(
    const ComputeContext& context, const CenteredFeatures& features) {
  constexpr int64_t kRows = 256;
  // Rounding of a mean, relative to it, as for covariances.
  constexpr double kMeanRounding = 2048.0 * std::numeric_limits<double>::epsilon();
  auto moments = std::make_shared<UnitMoments>();
  GRAMIAN_ASSIGN_OR_RETURN(moments->mean, ColumnMeans(context, features));
  moments->squared = Vector::Zero(features.cols());
  Matrix block(kRows, features.cols());
  for (int64_t first = 0; first < features.rows(); first += kRows) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t rows = std::min(kRows, features.rows() - first);
    features.ReadRows(first, rows, block.data());
    for (int64_t i = 0; i < rows; ++i) {
      moments->squared += (block.row(i).transpose() - moments->mean).cwiseAbs2();
    }
  }
  const Eigen::ArrayXd rounding = kMeanRounding * moments->mean.array();
  const auto n = static_cast<double>(features.rows());
  moments->squared =
      (moments->squared.array() > n * rounding.square()).select(moments->squared, 0.0);
  return moments;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const UnitMoments>> GetUnitMoments(const ComputeContext& context,
                                                                  const Operand& layer) {
  return layer.Derive<UnitMoments>(context, "units", [&](const ComputeContext& entry) {
    return ComputeUnitMoments(entry, *layer.Features(KernelKind::kLinear));
  });
}

absl::StatusOr<Matrix> UnitProducts(const ComputeContext& context, const Operand& x,
                                    const Operand& y, Centering centering) {
  GRAMIAN_ASSIGN_OR_RETURN(Matrix products,
                           CrossCovariance(context, *x.Features(KernelKind::kLinear),
                                           *y.Features(KernelKind::kLinear), Arithmetic::kFloat64));
  if (centering == Centering::kColumns) return products;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> x_units,
                           GetUnitMoments(context, x));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UnitMoments> y_units,
                           GetUnitMoments(context, y));
  products += static_cast<double>(x.rows()) * x_units->mean * y_units->mean.transpose();
  return products;
}

}  // namespace gramian
