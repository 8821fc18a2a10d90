// What a measure is: the one seam between the mathematics and everything that asks for scores.
#ifndef GRAMIAN_MEASURE_MEASURE_H_
#define GRAMIAN_MEASURE_MEASURE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"

namespace gramian {

class Operand;
class PathGeometry;

// Why a pair has no value. A degenerate pair is an answer, never a NaN and never the failure of a
// whole matrix.
enum class ScoreStatus {
  kOk,
  kConstant,             // nothing varies on a side: all inputs have the same representation, or
                         // every two of them the same dissimilarity
  kTooFewInputs,         // n is below what the estimator needs (debiased estimators need n >= 4)
  kNonpositiveSelfTerm,  // a debiased self-similarity is <= 0, so that the normalisation is
                         // undefined
  kUndefinedRoot,        // the square root of a negative value
  kZeroBandwidth,        // a bandwidth or unit of distance is 0: the pairs of inputs that coincide
                         // reach the median (RTD: the 0.9 quantile) of all distances
  kDifferentWidths,      // the measure compares feature by feature, and the sides have different d
  kRankDeficient,        // pullback metrics are singular where a finite distance needs full rank
  // Of what is derived from scores, the geometry of paths:
  kCoincidingPoints,  // points that a direction or a ratio needs apart coincide
  kAntipodalPoints,   // opposite points of a sphere, or others that no single geodesic joins
  kEquidistant,       // every point of the geodesic is equally near
};

// Lower-case snake_case name of a status, e.g. "ok", "constant", "too_few_inputs".
const char* ToString(ScoreStatus status);

// The exact algebraic form that was used. All agree to rounding; the planner takes the cheapest.
enum class Form {
  kAuto,          // as an argument: the planner chooses. Never reported.
  kFeatureSpace,  // covariances, n d^2, nothing n x n
  kSampleSpace,   // n x n tiles, streamed
  kSpectral,      // eigenpairs of the centred RSMs and their overlap
};

// "auto", "feature_space", "sample_space", "spectral".
const char* ToString(Form form);

// What the scores of a measure say about the points that layers are mapped to: what the geometry of
// paths (path_geometry.h) needs.
enum class ScoreSpace {
  kNone,      // nothing: there are no such points
  kCosine,    // inner products of unit vectors: points of a sphere
  kAngle,     // their arccos: arc lengths on that sphere
  kDistance,  // Euclidean distances of points
  // Distances of points in a curved space, whose angles need more than scores (PlacePoints):
  kShape,             // matrices up to a rotation of their features
  kAngularShape,      // the same of unit norm
  kPositiveDefinite,  // positive definite matrices with the affine-invariant metric
};

// Whether scores alone say everything: points of a sphere or of a Euclidean space.
inline bool FollowsFromScores(ScoreSpace space) {
  return space == ScoreSpace::kCosine || space == ScoreSpace::kAngle ||
         space == ScoreSpace::kDistance;
}

// One score.
struct Score {
  ScoreStatus status = ScoreStatus::kOk;
  double value = 0.0;  // Finite. 0 and meaningless unless status is kOk.
  Form form = Form::kAuto;
  // Share of the true neighbours that an approximate search found, on the side where it found
  // fewer; 1 for all that is exact.
  float recall = 1.0F;
};

// What holds for every pair of inputs; tests check each entry, also that what is not declared fails
// on some input.
struct MeasureTraits {
  double range_min = 0.0;  // May be -infinity or infinity.
  double range_max = 1.0;
  bool larger_is_more_similar = true;
  bool is_symmetric = true;
  // Satisfies the axioms of a distance on equivalence classes.
  bool is_metric = false;
  // Whether score(x, y) stays the same when x is replaced by:
  bool invariant_to_orthogonal = false;         // x Q, Q orthogonal
  bool invariant_to_permutation = false;        // columns permuted
  bool invariant_to_isotropic_scaling = false;  // c x, c != 0
  bool invariant_to_translation = false;        // x + 1 b'
  bool invariant_to_invertible_linear = false;  // x A, A invertible
  bool invariant_to_affine = false;             // x A + 1 b'
  bool invariant_to_dead_units = true;          // columns of zeros appended
  // Whether score(x, x) is the best that any pair can have, exactly.
  bool best_with_itself = true;
  // Whether a constant layer has a score like any other.
  bool scores_constant_layers = false;
  // Fewest inputs n for which the measure is defined.
  int64_t min_inputs = 2;
  // Whether it compares layers by their pullback metrics, from tangent data, instead of by their
  // activations. x above is then the layer whose Jacobian is taken.
  bool compares_tangents = false;
  // Fewest features d with which a layer can be other than constant to it.
  int64_t min_features = 1;
  // Whether both sides must have the same features: kDifferentWidths if d differs.
  bool compares_features = false;
  // Whether two fused networks can be compared with it.
  bool applies_to_networks = false;
  // Where its scores place layers.
  ScoreSpace space = ScoreSpace::kNone;
  // Canonical name of the same measure without the bias that few inputs give it; empty if there is
  // no such estimator, or it is this one.
  std::string debiased;
};

// The scores of a pair of layers when the inputs of the second are permuted. Immutable,
// thread-safe; holds what it needs of the pair.
class PermutedScores {
 public:
  virtual ~PermutedScores() = default;
  // With input order[i] of the second layer in the place of input i; `order` is a permutation of
  // [0, n).
  virtual Score At(absl::Span<const int64_t> order) const = 0;
};

// A measure with all its parameters fixed. Immutable, thread-safe.
class SimilarityMeasure {
 public:
  virtual ~SimilarityMeasure() = default;

  // The canonical name; parsing it gives this measure again. Scores are cached under it.
  virtual const std::string& name() const = 0;
  virtual const MeasureTraits& traits() const = 0;

  // The score of (a, b), both over the same n inputs (the caller has checked). `form` forces a
  // form, kAuto lets the planner choose from shapes alone, so that the bits of a score do not
  // depend on what is cached. Errors: INVALID_ARGUMENT if the form cannot compute this measure or a
  // network is given to a measure for layers; RESOURCE_EXHAUSTED if scratch does not fit;
  // CANCELLED.
  virtual absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a,
                                        const Operand& b, Form form) const = 0;

  // For scores of many permutations of a pair that has one, where they need only products of
  // objects that a permutation indexes; null where Compare with b.Permuted() is the way. Which of
  // both depends on measure and shapes alone, and they agree to rounding. Errors as Compare.
  virtual absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& /*context*/, const Operand& /*a*/, const Operand& /*b*/) const {
    return nullptr;
  }

  // The geometry of `layers` (K) as points of traits().space, where that is one whose geometry does
  // not follow from scores; null otherwise. `scores` are K x K of Compare, row-major. Cost as the
  // scores, and what path_geometry.h says of each question. Errors as Compare.
  virtual absl::StatusOr<std::unique_ptr<const PathGeometry>> PlacePoints(
      const ComputeContext& context, absl::Span<const Operand> layers,
      absl::Span<const Score> scores) const;
};

// Whether `measure` reads what these operands hold: INVALID_ARGUMENT, naming it, for tangent data
// given to a measure of activations, or the reverse.
absl::Status CheckApplies(const SimilarityMeasure& measure, const Operand& a, const Operand& b);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_MEASURE_H_
