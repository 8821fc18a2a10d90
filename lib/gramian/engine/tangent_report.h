// Layers compared by their pullback metrics, wherever these come from.
#ifndef GRAMIAN_ENGINE_TANGENT_REPORT_H_
#define GRAMIAN_ENGINE_TANGENT_REPORT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/engine/operand_source.h"
#include "gramian/tangent/factor_field.h"
#include "gramian/tangent/msa.h"

namespace gramian {

// Where the inputs lie in the manifold, which activations need for derivatives along it: at most
// one of the two. Uploaded tangent data know theirs.
struct ManifoldPoints {
  std::vector<GridAxis> grid;                // empty: no grid
  const OperandSource* scattered = nullptr;  // n x m coordinates, uploaded like a layer
};

// What came of it.
struct TangentReport {
  int64_t rows = 0;  // n
  Index coordinates = 0;
  MsaReport msa;
};

// Compares two layers over the same n inputs (the caller has checked), each of them tangent data or
// activations. Factors are computed once per layer, through its cache. INVALID_ARGUMENT:
// activations without points, points that no side needs, or both kinds of them; errors of
// FieldOfGrid, FieldOfScattered, CompareFields and of loading.
absl::StatusOr<TangentReport> CompareTangents(const ComputeContext& context, const OperandSource& a,
                                              const OperandSource& b, const ManifoldPoints& points,
                                              const std::vector<double>& weights);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_TANGENT_REPORT_H_
