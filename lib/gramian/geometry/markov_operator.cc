#include "gramian/geometry/markov_operator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gramian/base/error_reason.h"
#include "gramian/geometry/rsm.h"

namespace gramian {

absl::StatusOr<MarkovOperator> MarkovOperator::FromRsm(Matrix rsm) {
  const double size = rsm.size() == 0 ? 0.0 : rsm.lpNorm<Eigen::Infinity>();
  DoubleCenter(rsm);
  const double least = rsm.size() == 0 ? 0.0 : -rsm.minCoeff();
  // Centring a constant matrix leaves the roundings of its means, each a sum of n entries.
  const double roundings = std::max(8.0, static_cast<double>(rsm.rows()));
  if (!(least > roundings * std::numeric_limits<double>::epsilon() * size)) {
    return WithReason(absl::FailedPreconditionError(
                          "the centred RSM is 0: all inputs have the same representation"),
                      "LAYER_CONSTANT");
  }
  return MarkovOperator(std::move(rsm), least);
}

MarkovOperator::MarkovOperator(Matrix centered, double least)
    : centered_(std::move(centered)),
      least_(least),
      scale_(1.0 / (static_cast<double>(centered_.rows()) * least)) {}

Matrix MarkovOperator::Rows(int64_t first, int64_t count) const {
  // Adding |min| before scaling keeps every entry >= 0 exactly.
  return ((centered_.middleRows(first, count).array() + least_) * scale_).matrix();
}

}  // namespace gramian
