// Asks a measure by name for the score of two matrices.
#ifndef GRAMIAN_TESTS_MEASURE_COMPARE_H_
#define GRAMIAN_TESTS_MEASURE_COMPARE_H_

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "gramian/tangent/pullback_factor.h"
#include "tests/testing/random.h"

namespace gramian::testing {

// The factors (m = 2) of a path of inputs with these activations: the derivatives at input i are
// the steps to the next two, so that what leaves the Jacobian of x alone leaves them alone.
inline std::shared_ptr<const Representation> AsTangents(const Matrix& x) {
  const Index n = x.rows();
  Matrix jacobians(n, 2 * x.cols());
  for (Index i = 0; i < n; ++i) {
    Matrix jacobian(x.cols(), 2);
    jacobian << (x.row((i + 1) % n) - x.row(i)).transpose(),
        (x.row((i + 2) % n) - x.row(i)).transpose();
    jacobians.row(i) = Eigen::Map<const Eigen::RowVectorXd>(jacobian.data(), jacobian.size());
  }
  const RepresentationShape shape{n, jacobians.cols(), DType::kFloat64, {RowKind::kJacobian, 2}};
  const auto size = static_cast<size_t>(jacobians.size()) * sizeof(double);
  auto bytes = std::make_unique<std::byte[]>(size);
  std::memcpy(bytes.get(), jacobians.data(), size);
  return ReduceToFactors(Representation::Create(shape, std::move(bytes)).value()).value();
}

// What the measure compares of a layer: its activations, or its tangents.
inline Operand SideOf(const std::string& measure, std::shared_ptr<const Representation> x,
                      DerivedCache* cache) {
  const auto parsed = MeasureRegistry::Parse(measure);
  if (!parsed.ok() || !(*parsed)->traits().compares_tangents) return Operand(std::move(x), cache);
  Matrix matrix(x->rows(), x->cols());
  x->ReadRows(0, x->rows(), matrix.data());
  return Operand(AsTangents(matrix), cache);
}

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
  return TryCompare(measure, SideOf(measure, AsFloat64(x), &cache),
                    SideOf(measure, AsFloat64(y), &cache), form)
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
