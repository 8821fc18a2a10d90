// The geometry of layers as points of a sphere or of a Euclidean space, from their scores alone.
//
// All quantities below are functions of the sides of a triangle in a space of constant curvature,
// so that nothing n x n is needed: only the K x K scores that are computed, or known, anyway. On
// the sphere (ScoreSpace::kCosine, e.g. CKA: x = K~ / |K~|) with c_ab = <a, b>:
//
//   distance             arccos c_ab
//   angle at b           cos = (c_ac - c_ab c_bc) / sqrt((1 - c_ab^2) (1 - c_bc^2))
//   b on the line a -> c t = atan2((c_bc - c_ab c_ac) / sqrt(1 - c_ac^2), c_ab) from a
//   geodesic point s     g = (sin((1 - s) theta) a + sin(s theta) c) / sin theta,  theta = d(a, c)
//
// and in the Euclidean space (kDistance, e.g. stress) the law of cosines and Stewart's theorem.
// Sources: Lange et al. 2022, arXiv 2206.10999, for the quantities; spherical trigonometry.
#ifndef GRAMIAN_MEASURE_POINT_SET_H_
#define GRAMIAN_MEASURE_POINT_SET_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/measure.h"

namespace gramian {

// A number derived from scores, or why there is none: the status of a score that it needs,
// kCoincidingPoints, kAntipodalPoints or kEquidistant.
struct PathValue {
  ScoreStatus status = ScoreStatus::kOk;
  double value = 0.0;  // Finite. 0 and meaningless unless status is kOk.
};

// Where a point b lies beside the geodesic from a to c.
struct Projection {
  ScoreStatus status = ScoreStatus::kOk;
  double fraction = 0.0;  // in [0, 1]: the place of the nearest point of the geodesic, 0 at a
  double distance = 0.0;  // from b to it
  // The same on the whole line (great circle) through a and c: below 0 is behind a, above 1 beyond
  // c.
  double line_fraction = 0.0;
  double line_distance = 0.0;
};

// What a space of constant curvature makes of the sides of a triangle.
class ModelSpace;

// K points, K^2 numbers. Immutable, thread-safe. Every question below is O(1).
//
// Two points coincide when their distance is rounding: 1 - c <= 64 eps on the sphere, 64 eps of the
// longest side of the triangle in the Euclidean space. Points are antipodal when 1 + c <= 64 eps.
class PointSet {
 public:
  // `scores` is size x size, row-major and symmetric, of a measure with this `space`; the diagonal
  // says only whether a point has scores at all. INVALID_ARGUMENT for kNone.
  static absl::StatusOr<PointSet> Create(ScoreSpace space, Index size,
                                         absl::Span<const Score> scores);

  Index size() const { return sides_.rows(); }
  bool is_sphere() const;

  PathValue Distance(Index a, Index b) const;
  // Between the directions from b to a and to c, in [0, pi]: pi if b is on the way from a to c.
  // kCoincidingPoints if a or c is b, kAntipodalPoints if one is opposite to it.
  PathValue Angle(Index a, Index b, Index c) const;
  // Of b on the geodesic a -> c. kCoincidingPoints or kAntipodalPoints if a and c are so,
  // kEquidistant if b is a pole of the great circle through them.
  Projection Project(Index b, Index a, Index c) const;
  // From b to the point at `fraction` in [0, 1] of the geodesic a -> c. kAntipodalPoints.
  PathValue ToGeodesic(Index b, Index a, Index c, double fraction) const;
  // Alexandrov curvature of the triangle at b: how much farther b is from the middle of a and c
  // than in a Euclidean triangle with the same sides. 0 in a Euclidean space, > 0 on the sphere.
  PathValue AlexandrovCurvature(Index a, Index b, Index c) const;

  // Cosines <a, b> on the sphere, squared distances in the Euclidean space. Only where Distance has
  // a value.
  double side(Index a, Index b) const { return sides_(a, b); }

 private:
  struct Triangle {
    ScoreStatus status;
    double ab;
    double bc;
    double ac;
  };

  PointSet(const ModelSpace* space, Index size);
  ScoreStatus StatusOf(Index a, Index b) const {
    return statuses_[static_cast<size_t>(a * size() + b)];
  }
  Triangle Sides(Index a, Index b, Index c) const;

  const ModelSpace* space_;
  Matrix sides_;  // K x K
  std::vector<ScoreStatus> statuses_;
};

// Alexandrov curvature from the distances of three points and that of b to the middle of a and c:
// d - sqrt(ab^2 / 2 + bc^2 / 2 - ac^2 / 4).
double CurvatureOf(double to_middle, double ab, double bc, double ac);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_POINT_SET_H_
