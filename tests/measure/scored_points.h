// Points from representations, through a measure of the registry.
#ifndef GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_
#define GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_

#include <memory>
#include <string>
#include <vector>

#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/point_set.h"

namespace gramian::testing {

inline PointSet ScorePoints(const std::string& measure,
                            const std::vector<std::shared_ptr<const Representation>>& layers) {
  NoCache cache;
  const auto parsed = MeasureRegistry::Parse(measure).value();
  std::vector<Score> scores;
  for (const auto& a : layers) {
    for (const auto& b : layers) {
      scores.push_back(
          parsed->Compare(ComputeContext(), Operand(a, &cache), Operand(b, &cache), Form::kAuto)
              .value());
    }
  }
  return PointSet::Create(parsed->traits().space, static_cast<Index>(layers.size()), scores)
      .value();
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_
