// Points from representations, through a measure of the registry.
#ifndef GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_
#define GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_

#include <memory>
#include <string>
#include <vector>

#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/path_geometry.h"
#include "gramian/measure/point_set.h"

namespace gramian::testing {

// K x K scores, row-major.
inline std::vector<Score> ScoreAll(
    const SimilarityMeasure& measure,
    const std::vector<std::shared_ptr<const Representation>>& layers) {
  NoCache cache;
  std::vector<Score> scores;
  for (const auto& a : layers) {
    for (const auto& b : layers) {
      scores.push_back(
          measure.Compare(ComputeContext(), Operand(a, &cache), Operand(b, &cache), Form::kAuto)
              .value());
    }
  }
  return scores;
}

// Of a measure whose space has a geometry of its own.
inline std::unique_ptr<const PathGeometry> PlaceLayers(
    const std::string& measure, const std::vector<std::shared_ptr<const Representation>>& layers,
    const ComputeContext& context = {}) {
  NoCache cache;
  const auto parsed = MeasureRegistry::Parse(measure).value();
  std::vector<Operand> operands;
  for (const auto& layer : layers) operands.emplace_back(layer, &cache);
  return parsed->PlacePoints(context, operands, ScoreAll(*parsed, layers)).value();
}

inline PointSet ScorePoints(const std::string& measure,
                            const std::vector<std::shared_ptr<const Representation>>& layers) {
  const auto parsed = MeasureRegistry::Parse(measure).value();
  const std::vector<Score> scores = ScoreAll(*parsed, layers);
  return PointSet::Create(parsed->traits().space, static_cast<Index>(layers.size()), scores)
      .value();
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_SCORED_POINTS_H_
