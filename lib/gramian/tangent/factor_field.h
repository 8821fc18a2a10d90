// The pullback metric of a layer at every input: triangular factors, from whatever a client can
// send.
#ifndef GRAMIAN_TANGENT_FACTOR_FIELD_H_
#define GRAMIAN_TANGENT_FACTOR_FIELD_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"

namespace gramian {

// n factors R_i (m x m, see pullback_factor.h), packed. Immutable.
class FactorField {
 public:
  // `packed` is n x m (m + 1) / 2.
  FactorField(Index coordinates, Matrix packed)
      : coordinates_(coordinates), packed_(std::move(packed)) {}

  int64_t rows() const { return packed_.rows(); }
  Index coordinates() const { return coordinates_; }
  // R_i, packed row by row.
  const double* factor(int64_t i) const { return packed_.row(i).data(); }
  int64_t size_bytes() const {
    return static_cast<int64_t>(sizeof(*this)) +
           packed_.size() * static_cast<int64_t>(sizeof(double));
  }

 private:
  const Index coordinates_;
  const Matrix packed_;
};

// The field of uploaded factors (RowKind::kFactor). INVALID_ARGUMENT for rows of another kind.
// O(n m^2).
absl::StatusOr<std::shared_ptr<const FactorField>> FieldOfFactors(const ComputeContext& context,
                                                                  const Representation& factors);

// One coordinate of a regular grid of inputs.
struct GridAxis {
  int64_t size = 0;       // k >= kMinGridSize points
  double spacing = 1.0;   // finite, > 0
  bool periodic = false;  // the point after the last is the first
};

// Fewest points of an axis: what differences of fourth order reach.
inline constexpr int64_t kMinGridSize = 5;

// The field of activations at the points of a grid, the last coordinate running fastest: row
// (i_1 k_2 + i_2) k_3 + ... . Jacobians by differences of fourth order, of five points to one side
// at ends that are not periodic; exact for polynomials of degree 4. Time may be a coordinate.
// INVALID_ARGUMENT, naming value and limit: no axis or more than kMaxCoordinates, an axis that is
// too short, a spacing that is not positive, sizes whose product is not n, rows that are no
// activations. n (5 m d + 2 d m^2) flops; d m doubles of scratch per thread.
absl::StatusOr<std::shared_ptr<const FactorField>> FieldOfGrid(const ComputeContext& context,
                                                               const Representation& activations,
                                                               const std::vector<GridAxis>& axes);

// Most coordinates of scattered inputs: beyond that no sample is dense enough.
inline constexpr int64_t kMaxScatteredCoordinates = 8;

// The field of activations at scattered points, whose coordinates (n x m) are the rows of another
// representation. Around each point a quadratic is fitted to the 3 (m + q) + 5 nearest others, or
// all there are (q = m (m + 1) / 2; ties by row; weights exp(-2 r^2), r being the distance relative
// to the farthest); its linear part is the Jacobian. About 1 % of d_SR where the sample is dense; a
// grid is exact to much more. INVALID_ARGUMENT: m outside [1, kMaxScatteredCoordinates], another n,
// fewer than m + q + 1 points, neighbours of a row that do not determine the fit (its number is
// named). n^2 m + n k d m flops, n doubles and (k + m) d doubles of scratch per thread.
absl::StatusOr<std::shared_ptr<const FactorField>> FieldOfScattered(
    const ComputeContext& context, const Representation& activations,
    const Representation& coordinates);

}  // namespace gramian

#endif  // GRAMIAN_TANGENT_FACTOR_FIELD_H_
