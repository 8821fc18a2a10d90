// Single features ("units") of two layers against each other: what matching unit by unit needs.
#ifndef GRAMIAN_MEASURE_UNITS_H_
#define GRAMIAN_MEASURE_UNITS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/overlap.h"

namespace gramian {

// Of every feature of a layer; `squared` is 0 for a dead one, which varies no more than the
// rounding of its mean.
struct UnitMoments {
  Vector mean;     // d
  Vector squared;  // d, sum over the inputs of (x_ij - mean_j)^2

  int64_t live() const { return (squared.array() > 0.0).count(); }
  // |x|^2, centred or not; n inputs.
  double SquaredNorm(Centering centering, int64_t n) const {
    return squared.sum() +
           (centering == Centering::kNone ? static_cast<double>(n) * mean.squaredNorm() : 0.0);
  }
  int64_t size_bytes() const {
    return (mean.size() + squared.size()) * static_cast<int64_t>(sizeof(double));
  }
};
// Through the cache. O(n d).
absl::StatusOr<std::shared_ptr<const UnitMoments>> GetUnitMoments(const ComputeContext& context,
                                                                  const Operand& layer);

// x' y (d_x x d_y), centred or not. 2 n d_x d_y flops.
absl::StatusOr<Matrix> UnitProducts(const ComputeContext& context, const Operand& x,
                                    const Operand& y, Centering centering);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_UNITS_H_
