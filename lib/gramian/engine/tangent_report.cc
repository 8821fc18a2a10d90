#include "gramian/engine/tangent_report.h"

#include <bit>
#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using FieldPtr = std::shared_ptr<const FactorField>;

bool HasTangents(const Operand& layer) { return layer.layers()[0]->shape().layout.is_tangent(); }

// All parameters of a field, for the cache. Spacings by their bits.
std::string NameOf(const std::vector<GridAxis>& grid) {
  std::string name = "field/grid";
  for (const GridAxis& axis : grid) {
    absl::StrAppend(&name, "/", axis.size, ":", absl::Hex(std::bit_cast<uint64_t>(axis.spacing)),
                    axis.periodic ? ":periodic" : "");
  }
  return name;
}

absl::Status CheckPoints(const Operand& a, const Operand& b, const ManifoldPoints& points) {
  const bool has_points = !points.grid.empty() || points.scattered != nullptr;
  if (!points.grid.empty() && points.scattered != nullptr) {
    return absl::InvalidArgumentError("inputs lie on a grid or have coordinates, not both");
  }
  const bool needs_points = !HasTangents(a) || !HasTangents(b);
  if (needs_points && !has_points) {
    return absl::InvalidArgumentError(
        "activations need a grid or coordinates of their inputs to be compared by pullback "
        "metrics");
  }
  if (!needs_points && has_points) {
    return absl::InvalidArgumentError(
        "both layers are tangent data, which need neither a grid nor coordinates");
  }
  return absl::OkStatus();
}

absl::StatusOr<FieldPtr> FieldOf(const ComputeContext& context, const Operand& layer,
                                 const ManifoldPoints& points) {
  const Representation& rows = *layer.layers()[0];
  // What was uploaded needs no second copy in the cache.
  if (HasTangents(layer)) return FieldOfFactors(context, rows);
  if (!points.grid.empty()) {
    return layer.Derive<FactorField>(
        context, NameOf(points.grid),
        [&](const ComputeContext& entry) { return FieldOfGrid(entry, rows, points.grid); });
  }
  return layer.Derive<FactorField>(
      context, absl::StrCat("field/scattered/", points.scattered->key()),
      [&](const ComputeContext& entry) -> absl::StatusOr<FieldPtr> {
        GRAMIAN_ASSIGN_OR_RETURN(const Operand coordinates, points.scattered->Load());
        return FieldOfScattered(entry, rows, *coordinates.layers()[0]);
      });
}

}  // namespace

absl::StatusOr<TangentReport> CompareTangents(const ComputeContext& context, const OperandSource& a,
                                              const OperandSource& b, const ManifoldPoints& points,
                                              const std::vector<double>& weights) {
  GRAMIAN_ASSIGN_OR_RETURN(const Operand layer_a, a.Load());
  GRAMIAN_ASSIGN_OR_RETURN(const Operand layer_b, b.Load());
  GRAMIAN_RETURN_IF_ERROR(CheckPoints(layer_a, layer_b, points));
  GRAMIAN_ASSIGN_OR_RETURN(const FieldPtr field_a, FieldOf(context, layer_a, points));
  GRAMIAN_ASSIGN_OR_RETURN(const FieldPtr field_b, FieldOf(context, layer_b, points));
  TangentReport report;
  report.rows = field_a->rows();
  report.coordinates = field_a->coordinates();
  GRAMIAN_ASSIGN_OR_RETURN(report.msa, CompareFields(context, *field_a, *field_b, weights));
  return report;
}

}  // namespace gramian
