// Four ways to say how far two shapes are, from three numbers.
#ifndef GRAMIAN_MEASURE_SHAPE_SCORE_H_
#define GRAMIAN_MEASURE_SHAPE_SCORE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "gramian/measure/measure.h"

namespace gramian {

enum class ShapeForm {
  kDistance,    // min |x - y Q|
  kNormalized,  // the same of x / |x| and y / |y|
  kAngular,     // min arccos(<x, y Q> / (|x| |y|))
};

inline ShapeForm ParseShapeForm(const std::string& name) {
  if (name == "normalized") return ShapeForm::kNormalized;
  return name == "angular" ? ShapeForm::kAngular : ShapeForm::kDistance;
}

// From |x|^2, |y|^2 and <x, y Q>, the most that the group of Q allows. A difference of nearly equal
// terms: exact to sqrt(eps) of the size of x and y where these nearly coincide.
inline double ShapeScore(ShapeForm form, double xx, double yy, double xy) {
  if (form == ShapeForm::kDistance) return std::sqrt(std::max(xx + yy - 2.0 * xy, 0.0));
  const double cosine = std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
  return form == ShapeForm::kAngular ? std::acos(cosine) : std::sqrt(2.0 - 2.0 * cosine);
}

// Traits of the three, all distances; the cosine is from -1 or, if it is never negative, from 0.
inline MeasureTraits ShapeTraits(ShapeForm form, bool has_negative_cosine) {
  constexpr double kPi = 3.14159265358979323846;
  MeasureTraits traits;
  traits.larger_is_more_similar = false;
  traits.is_metric = true;
  traits.range_max = std::numeric_limits<double>::infinity();
  if (form == ShapeForm::kNormalized) traits.range_max = has_negative_cosine ? 2.0 : std::sqrt(2.0);
  if (form == ShapeForm::kAngular) traits.range_max = has_negative_cosine ? kPi : kPi / 2.0;
  return traits;
}

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_SHAPE_SCORE_H_
