// Asks a measure by name for the score of two matrices.
#ifndef GRAMIAN_TESTS_MEASURE_COMPARE_H_
#define GRAMIAN_TESTS_MEASURE_COMPARE_H_

#include <memory>
#include <string>
#include <vector>

#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "tests/testing/random.h"

namespace gramian::testing {

inline absl::StatusOr<Score> TryCompare(const std::string& measure, const Operand& a,
                                        const Operand& b, Form form = Form::kAuto,
                                        const ComputeContext& context = {}) {
  const auto parsed = MeasureRegistry::Parse(measure);
  if (!parsed.ok()) return parsed.status();
  return (*parsed)->Compare(context, a, b, form);
}

// The score of float64 representations.
inline Score Compare(const std::string& measure, const Matrix& x, const Matrix& y,
                     Form form = Form::kAuto) {
  NoCache cache;
  return TryCompare(measure, Operand(AsFloat64(x), &cache), Operand(AsFloat64(y), &cache), form)
      .value();
}

// The score of two networks given by their layers.
inline Score CompareNetworks(const std::string& measure, const std::vector<Matrix>& x,
                             const std::vector<Matrix>& y, const Fusion& fusion = {}) {
  NoCache cache;
  std::vector<std::shared_ptr<const Representation>> a;
  std::vector<std::shared_ptr<const Representation>> b;
  for (const Matrix& layer : x) a.push_back(AsFloat64(layer));
  for (const Matrix& layer : y) b.push_back(AsFloat64(layer));
  return TryCompare(measure, Operand(a, fusion, &cache), Operand(b, fusion, &cache)).value();
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_COMPARE_H_
