// What the rows of a representation say about their inputs: how a layer answers, or how its answer
// changes around each input.
#ifndef GRAMIAN_REPRESENTATION_ROW_LAYOUT_H_
#define GRAMIAN_REPRESENTATION_ROW_LAYOUT_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gramian {

// What one row holds. All but kActivations are tangent data: they describe the pullback metric
// G = J' J (m x m) at one input, J being the Jacobian (d x m) of the layer with respect to m
// coordinates of the manifold of inputs. `packed` is an upper triangle, row by row: m (m + 1) / 2
// values.
enum class RowKind {
  kActivations,      // d features
  kFactor,           // R packed, upper triangular with R' R = G: what is kept of tangent data
  kJacobian,         // J row by row, d m values
  kPullbackMetric,   // G packed
  kSoftmaxJacobian,  // each of d logits with its m derivatives behind it, d (m + 1) values; G is
                     // the Fisher information of the softmax of the logits
};

// Most coordinates m. A pair costs O(m^3) for each input.
inline constexpr int64_t kMaxCoordinates = 64;

// How rows are read. Two layers over the same inputs can be compared by their pullback metrics if
// they have the same m.
struct RowLayout {
  RowKind kind = RowKind::kActivations;
  int64_t coordinates = 0;  // m, from 1 to kMaxCoordinates; 0 for activations

  bool is_tangent() const { return kind != RowKind::kActivations; }
  friend bool operator==(const RowLayout&, const RowLayout&) = default;
};

// "activations", "factor", "jacobian", "pullback_metric", "softmax_jacobian".
absl::string_view ToString(RowKind kind);
// The kind of that name; nothing if there is none.
std::optional<RowKind> ParseRowKind(absl::string_view name);

// m (m + 1) / 2: values of a packed triangle.
constexpr int64_t PackedSize(int64_t coordinates) { return coordinates * (coordinates + 1) / 2; }

// Whether rows of `cols` values can have this layout. INVALID_ARGUMENT, naming value and limit: m
// outside [1, kMaxCoordinates], or other than 0 for activations; a width that is not that of the
// kind.
absl::Status CheckRowLayout(const RowLayout& layout, int64_t cols);

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_ROW_LAYOUT_H_
