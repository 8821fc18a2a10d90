// Which representational similarity matrix (RSM) a measure compares.
#ifndef GRAMIAN_GEOMETRY_KERNEL_H_
#define GRAMIAN_GEOMETRY_KERNEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// The n x n matrix K of a representation x with rows x_i. After double centring every one of them
// is positive semidefinite, so K~ = H K H = F F' for some features F (H = I - 11'/n).
enum class KernelKind {
  kLinear,  // x_i . x_j
  kCosine,  // x_i . x_j / (|x_i| |x_j|); a zero row has similarity 0 to everything, itself included
  kRbf,     // exp(-|x_i - x_j|^2 / (2 sigma^2))
  kLaplacian,  // exp(-|x_i - x_j| / sigma)
  kDistance,   // -|x_i - x_j|^e (conditionally positive: distance correlation is the alignment of
               // this kernel)
};

// How sigma of kRbf and kLaplacian is found. Libraries disagree, so the choice is always explicit.
enum class BandwidthRule {
  kFixed,        // sigma = factor
  kMedian,       // sigma = factor * sqrt(median of |x_i - x_j|^2 over i < j)
  kKornblith,    // sigma = factor * sqrt(median of all n^2 values |x_i - x_j|^2, the n zeros of the
                 // diagonal included)
  kLowerMedian,  // sigma = factor * lower median of |x_i - x_j| over i < j
};

// A kernel with its parameters.
struct KernelSpec {
  KernelKind kind = KernelKind::kLinear;
  // Only for kRbf and kLaplacian; factor > 0.
  BandwidthRule rule = BandwidthRule::kMedian;
  double factor = 1.0;
  // e of kDistance, 0 < e < 2.
  double exponent = 1.0;

  friend bool operator==(const KernelSpec&, const KernelSpec&) = default;

  bool has_bandwidth() const { return kind == KernelKind::kRbf || kind == KernelKind::kLaplacian; }
  // Whether K is the Gram matrix of (possibly row-normalised) features, so that work can stay in
  // feature space.
  bool is_feature_map() const { return kind == KernelKind::kLinear || kind == KernelKind::kCosine; }
  // Canonical text, e.g. "linear", "rbf-bandwidth=median:0.5", "distance-exponent=1.5".
  std::string ToString() const;
};

// "linear" | "cosine" | "rbf" | "laplacian" | "distance". INVALID_ARGUMENT otherwise, listing the
// kernels.
absl::StatusOr<KernelKind> ParseKernelKind(absl::string_view text);

// "fixed:S" | "median:F" | "kornblith:F" | "lowermedian:F" with a number from 1e-60 to 1e60, into
// `spec`.
absl::Status ParseBandwidth(absl::string_view text, KernelSpec& spec);

// The shortest decimal text that reads back as exactly `value`: how numbers appear in canonical
// names.
std::string FormatNumber(double value);

// A finite number. INVALID_ARGUMENT otherwise, naming `what`.
absl::StatusOr<double> ParseNumber(absl::string_view text, absl::string_view what);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_KERNEL_H_
