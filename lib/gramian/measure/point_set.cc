#include "gramian/measure/point_set.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace gramian {

// Sides are what is natural for the space: cosines of arcs, squared lengths.
class ModelSpace {
 public:
  virtual double Length(double side) const = 0;
  // The side of two equal points.
  virtual double ZeroSide() const = 0;
  // kOk, kCoincidingPoints or kAntipodalPoints of two points in a triangle whose longest side is
  // `longest`.
  virtual ScoreStatus Relation(double side, double longest) const = 0;
  // The longest of three sides.
  virtual double Longest(double a, double b, double c) const = 0;
  // The other members are asked only where Relation allows it: at b, and for b beside a -> c.
  virtual double CosineOfAngle(double ab, double bc, double ac) const = 0;
  virtual Projection Project(double ab, double bc, double ac) const = 0;
  virtual double SideToGeodesic(double ab, double bc, double ac, double fraction) const = 0;

 protected:
  // Spaces are constants: nothing deletes them.
  ~ModelSpace() = default;
};

namespace {

constexpr double kNoise = 64.0 * std::numeric_limits<double>::epsilon();

class Sphere final : public ModelSpace {
 public:
  double Length(double side) const override { return std::acos(side); }
  double ZeroSide() const override { return 1.0; }
  ScoreStatus Relation(double side, double /*longest*/) const override {
    if (1.0 - side <= kNoise) return ScoreStatus::kCoincidingPoints;
    return 1.0 + side <= kNoise ? ScoreStatus::kAntipodalPoints : ScoreStatus::kOk;
  }
  double Longest(double a, double b, double c) const override { return std::min({a, b, c}); }

  double CosineOfAngle(double ab, double bc, double ac) const override {
    return (ac - ab * bc) / (Sine(ab) * Sine(bc));
  }

  Projection Project(double ab, double bc, double ac) const override {
    Projection result;
    // Coordinates of b in the plane of a and c: along a, and along the direction from a to c.
    const double along = (bc - ab * ac) / Sine(ac);
    const double radius = std::hypot(along, ab);
    if (radius <= kNoise) {
      result.status = ScoreStatus::kEquidistant;
      return result;
    }
    const double length = std::acos(ac);
    const double foot = std::atan2(along, ab);
    result.line_fraction = foot / length;
    result.line_distance = std::acos(std::min(radius, 1.0));
    if (foot >= 0.0 && foot <= length) {
      result.fraction = result.line_fraction;
      result.distance = result.line_distance;
    } else {
      result.fraction = ab >= bc ? 0.0 : 1.0;
      result.distance = std::acos(std::max(ab, bc));
    }
    return result;
  }

  double SideToGeodesic(double ab, double bc, double ac, double fraction) const override {
    double side = (1.0 - fraction) * ab + fraction * bc;
    if (Relation(ac, 0.0) == ScoreStatus::kOk) {
      const double length = std::acos(ac);
      side = (std::sin((1.0 - fraction) * length) * ab + std::sin(fraction * length) * bc) /
             std::sin(length);
    }
    return std::clamp(side, -1.0, 1.0);
  }

 private:
  // Of the arc with this cosine.
  static double Sine(double cosine) { return std::sqrt((1.0 - cosine) * (1.0 + cosine)); }
};

class EuclideanSpace final : public ModelSpace {
 public:
  double Length(double side) const override { return std::sqrt(side); }
  double ZeroSide() const override { return 0.0; }
  ScoreStatus Relation(double side, double longest) const override {
    return side <= kNoise * kNoise * longest ? ScoreStatus::kCoincidingPoints : ScoreStatus::kOk;
  }
  double Longest(double a, double b, double c) const override { return std::max({a, b, c}); }

  double CosineOfAngle(double ab, double bc, double ac) const override {
    return (ab + bc - ac) / (2.0 * std::sqrt(ab) * std::sqrt(bc));
  }

  Projection Project(double ab, double bc, double ac) const override {
    Projection result;
    result.line_fraction = 0.5 * (ab + ac - bc) / ac;
    result.fraction = std::clamp(result.line_fraction, 0.0, 1.0);
    result.line_distance = Height(ab, bc, ac, result.line_fraction);
    result.distance = Height(ab, bc, ac, result.fraction);
    return result;
  }

  double SideToGeodesic(double ab, double bc, double ac, double fraction) const override {
    const double side = (1.0 - fraction) * ab + fraction * bc - fraction * (1.0 - fraction) * ac;
    return std::max(side, 0.0);
  }

 private:
  double Height(double ab, double bc, double ac, double fraction) const {
    return std::sqrt(SideToGeodesic(ab, bc, ac, fraction));
  }
};

constexpr Sphere kSphere;
constexpr EuclideanSpace kEuclideanSpace;

// The first of several statuses that is not kOk.
ScoreStatus First(std::initializer_list<ScoreStatus> statuses) {
  for (const ScoreStatus status : statuses) {
    if (status != ScoreStatus::kOk) return status;
  }
  return ScoreStatus::kOk;
}

double ToSide(ScoreSpace space, double score) {
  switch (space) {
    case ScoreSpace::kAngle:
      return std::cos(score);
    case ScoreSpace::kDistance:
      return score * score;
    default:
      return std::clamp(score, -1.0, 1.0);
  }
}

}  // namespace

PointSet::PointSet(const ModelSpace* space, Index size)
    : space_(space),
      sides_(Matrix::Constant(size, size, space->ZeroSide())),
      statuses_(static_cast<size_t>(size * size), ScoreStatus::kOk) {}

absl::StatusOr<PointSet> PointSet::Create(ScoreSpace space, Index size,
                                          absl::Span<const Score> scores) {
  if (space == ScoreSpace::kNone) {
    return absl::InvalidArgumentError("scores of this measure do not place layers in a space");
  }
  const ModelSpace* const model =
      space == ScoreSpace::kDistance ? static_cast<const ModelSpace*>(&kEuclideanSpace) : &kSphere;
  PointSet points(model, size);
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < size; ++j) {
      const auto index = static_cast<size_t>(i * size + j);
      points.statuses_[index] = scores[index].status;
      if (i != j) points.sides_(i, j) = ToSide(space, scores[index].value);
    }
  }
  return points;
}

bool PointSet::is_sphere() const { return space_ == &kSphere; }

PointSet::Triangle PointSet::Sides(Index a, Index b, Index c) const {
  return {First({StatusOf(a, b), StatusOf(b, c), StatusOf(a, c)}), sides_(a, b), sides_(b, c),
          sides_(a, c)};
}

PathValue PointSet::Distance(Index a, Index b) const {
  if (StatusOf(a, b) != ScoreStatus::kOk) return {StatusOf(a, b)};
  return {ScoreStatus::kOk, space_->Length(sides_(a, b))};
}

PathValue PointSet::Angle(Index a, Index b, Index c) const {
  Triangle t = Sides(a, b, c);
  const double longest = space_->Longest(t.ab, t.bc, t.ac);
  t.status = First({t.status, space_->Relation(t.ab, longest), space_->Relation(t.bc, longest)});
  if (t.status != ScoreStatus::kOk) return {t.status};
  const double cosine = std::clamp(space_->CosineOfAngle(t.ab, t.bc, t.ac), -1.0, 1.0);
  return {ScoreStatus::kOk, std::acos(cosine)};
}

Projection PointSet::Project(Index b, Index a, Index c) const {
  Triangle t = Sides(a, b, c);
  t.status = First({t.status, space_->Relation(t.ac, space_->Longest(t.ab, t.bc, t.ac))});
  if (t.status != ScoreStatus::kOk) {
    Projection nothing;
    nothing.status = t.status;
    return nothing;
  }
  return space_->Project(t.ab, t.bc, t.ac);
}

PathValue PointSet::ToGeodesic(Index b, Index a, Index c, double fraction) const {
  const Triangle t = Sides(a, b, c);
  if (t.status != ScoreStatus::kOk) return {t.status};
  if (space_->Relation(t.ac, t.ac) == ScoreStatus::kAntipodalPoints) {
    return {ScoreStatus::kAntipodalPoints};
  }
  return {ScoreStatus::kOk, space_->Length(space_->SideToGeodesic(t.ab, t.bc, t.ac, fraction))};
}

PathValue PointSet::AlexandrovCurvature(Index a, Index b, Index c) const {
  PathValue result = ToGeodesic(b, a, c, 0.5);
  if (result.status != ScoreStatus::kOk) return result;
  result.value =
      CurvatureOf(result.value, Distance(a, b).value, Distance(b, c).value, Distance(a, c).value);
  return result;
}

double CurvatureOf(double to_middle, double ab, double bc, double ac) {
  return to_middle - std::sqrt(std::max(0.5 * ab * ab + 0.5 * bc * bc - 0.25 * ac * ac, 0.0));
}

}  // namespace gramian
