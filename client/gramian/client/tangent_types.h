#ifndef GRAMIAN_CLIENT_TANGENT_TYPES_H_
#define GRAMIAN_CLIENT_TANGENT_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gramian::client {

// One coordinate of a regular grid of inputs.
struct GridAxis {
  int64_t size = 0;       // points, at least 5
  double spacing = 1;     // of neighbours, finite and > 0
  bool periodic = false;  // the point after the last is the first
};

// Two layers to compare by their pullback metrics (metric similarity analysis). Each is tangent
// data or activations of inputs that lie on `grid` or have the rows of `coordinates`.
struct TangentQuery {
  std::string layer_a;  // resource name
  std::string layer_b;
  std::vector<GridAxis> grid = {};   // the last axis runs fastest; empty: none
  std::string coordinates = {};      // resource name of a layer, n x m; empty: none
  std::vector<double> weights = {};  // n volumes >= 0; empty: all alike
  bool with_field = false;           // the comparison at each input as well, of at most 100,000
};

// The comparison at one input. Numbers that need both pullback metrics to be of full rank may be
// absent.
struct TangentPoint {
  double spectral_ratio = 0;
  std::optional<double> log_scale;
  std::optional<double> shape;
  std::optional<double> airm;
  int joint_rank = 0;
  bool rank_mismatch = false;
};

// The answer. With the eigenvalues l of one pullback metric relative to the other, the spectral
// ratio is 1 - sqrt(l_min / l_max), the log scale mean(log l) / 2, the shape distance |log l -
// mean(log l)|, the affine-invariant Riemannian distance (AIRM) |log l|.
struct TangentReport {
  int64_t input_count = 0;       // n
  int64_t coordinate_count = 0;  // m
  double distance = 0;           // MSA: weighted mean of the spectral ratios
  double similarity = 0;         // 1 - distance
  double standard_error = 0;     // of the distance, for a random sample of inputs
  double log_scale_mean = 0;     // these three over compared_count inputs; > 0: layer_a is larger
  double shape_mean = 0;
  double airm_mean = 0;
  int64_t compared_count = 0;       // inputs where both pullback metrics have full rank
  double compared_weight = 0;       // their share of the weight
  int64_t degenerate_count = 0;     // inputs where both are blind in some direction
  int64_t rank_mismatch_count = 0;  // inputs where one sees directions that the other does not
  int64_t vanishing_count = 0;      // inputs where both are 0
  std::vector<TangentPoint> field;  // one per input if it was asked for
  double elapsed_seconds = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_TANGENT_TYPES_H_
