#include "gramian/engine/layer_alignment.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/measure/functional_basis.h"

namespace gramian {
namespace {

// One of the two layers.
struct Side {
  Operand operand;
  std::shared_ptr<const NeighborGraph> graph;
  std::shared_ptr<const LaplacianEigenbasis> basis;

  const Representation& layer() const { return *operand.layers()[0]; }
};

absl::Status CheckAnchors(const std::vector<int64_t>& anchors, int64_t rows, const char* side) {
  std::set<int64_t> seen;
  for (const int64_t anchor : anchors) {
    if (anchor < 0 || anchor >= rows) {
      return absl::InvalidArgumentError(
          absl::StrCat("anchor ", anchor, " of layer ", side, " is none of its ", rows, " inputs"));
    }
    if (!seen.insert(anchor).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("anchor ", anchor, " of layer ", side, " is given twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const std::vector<int64_t>& labels, int64_t rows, const char* side) {
  if (labels.empty() || static_cast<int64_t>(labels.size()) == rows) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("layer ", side, " has ", labels.size(), " labels for ", rows, " inputs"));
}

absl::Status CheckWeight(double weight, const char* name) {
  if (std::isfinite(weight) && weight >= 0.0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the weight of the ", name, " term is ", weight, ", must be >= 0"));
}

absl::Status CheckOptions(const AlignmentSources& sources, const AlignmentOptions& options) {
  const int64_t a_rows = sources.a->rows();
  const int64_t b_rows = sources.b->rows();
  if (std::min(a_rows, b_rows) < kMinAlignedRows) {
    return absl::FailedPreconditionError(absl::StrCat("layers of ", a_rows, " and ", b_rows,
                                                      " inputs cannot be aligned, which takes ",
                                                      kMinAlignedRows));
  }
  if (options.functions < 3 || options.functions > kMaxAlignedFunctions) {
    return absl::InvalidArgumentError(absl::StrCat("the number of functions is ", options.functions,
                                                   ", must be from 3 to ", kMaxAlignedFunctions));
  }
  if (options.a_anchors.size() != options.b_anchors.size() ||
      static_cast<int64_t>(options.a_anchors.size()) > kMaxAnchors) {
    return absl::InvalidArgumentError(
        absl::StrCat("anchors of the layers are ", options.a_anchors.size(), " and ",
                     options.b_anchors.size(), ", must be as many, at most ", kMaxAnchors));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckAnchors(options.a_anchors, a_rows, "a"));
  GRAMIAN_RETURN_IF_ERROR(CheckAnchors(options.b_anchors, b_rows, "b"));
  GRAMIAN_RETURN_IF_ERROR(CheckLabels(options.a_labels, a_rows, "a"));
  GRAMIAN_RETURN_IF_ERROR(CheckLabels(options.b_labels, b_rows, "b"));
  GRAMIAN_RETURN_IF_ERROR(CheckWeight(options.weights.descriptor, "descriptor"));
  GRAMIAN_RETURN_IF_ERROR(CheckWeight(options.weights.laplacian, "laplacian"));
  return CheckWeight(options.weights.commutativity, "commutativity");
}

absl::Status CheckShape(const OperandSource& source, int64_t rows, int64_t cols, const char* what) {
  if ((rows < 0 || source.rows() == rows) && (cols < 0 || source.cols() == cols)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the ", what, " to carry over are ", source.rows(), " x ", source.cols(),
                   ", must have ", rows >= 0 ? absl::StrCat(rows, " rows") : "any rows", " and ",
                   cols >= 0 ? absl::StrCat(cols, " features") : "any features"));
}

absl::Status CheckCarried(const AlignmentSources& sources) {
  if (sources.functions != nullptr) {
    GRAMIAN_RETURN_IF_ERROR(CheckShape(*sources.functions, sources.a->rows(), -1, "functions"));
  }
  if (sources.points != nullptr) {
    GRAMIAN_RETURN_IF_ERROR(CheckShape(*sources.points, -1, sources.a->cols(), "points"));
  }
  if (sources.truth == nullptr) return absl::OkStatus();
  if (sources.points == nullptr) {
    return absl::InvalidArgumentError("a truth is given, but no points to carry over");
  }
  return CheckShape(*sources.truth, sources.points->rows(), sources.b->cols(), "points' truth");
}

absl::StatusOr<Side> Prepare(const ComputeContext& context, const OperandSource& source,
                             const AlignmentOptions& options, Index k, const char* name) {
  GRAMIAN_ASSIGN_OR_RETURN(Operand operand, source.Load());
  GRAMIAN_RETURN_IF_ERROR(CheckActivations(operand, "an alignment"));
  GRAMIAN_ASSIGN_OR_RETURN(auto graph, GetNeighborGraph(context, operand, options.graph));
  if (graph->is_constant()) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "layer ", name, " has the same representation for all inputs")),
                      "LAYER_CONSTANT");
  }
  GRAMIAN_ASSIGN_OR_RETURN(auto basis, GetEigenbasis(context, operand, options.graph, k));
  return Side{std::move(operand), std::move(graph), std::move(basis)};
}

absl::StatusOr<std::vector<int64_t>> ClassesOf(const AlignmentOptions& options) {
  std::set<int64_t> classes(options.a_labels.begin(), options.a_labels.end());
  classes.insert(options.b_labels.begin(), options.b_labels.end());
  if (static_cast<int64_t>(classes.size()) > kMaxLabelClasses) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", classes.size(),
                                                   " different labels, at most ", kMaxLabelClasses,
                                                   " are possible"));
  }
  return std::vector<int64_t>(classes.begin(), classes.end());
}

absl::Status FitMap(const ComputeContext& context, const Side& a, const Side& b,
                    const AlignmentOptions& options, AlignmentReport& report) {
  std::vector<DescriptorKind> kinds = options.descriptors;
  if (kinds.empty()) kinds.push_back(DescriptorKind::kGeodesic);
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<int64_t> classes, ClassesOf(options));
  const auto describe = [&](const Side& side, const std::vector<int64_t>& anchors,
                            const std::vector<int64_t>& labels) {
    return DescribeLayer(context,
                         {&side.layer(), side.graph.get(), side.basis.get(), anchors, labels},
                         kinds, classes);
  };
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix a_functions,
                           describe(a, options.a_anchors, options.a_labels));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix b_functions,
                           describe(b, options.b_anchors, options.b_labels));
  GRAMIAN_ASSIGN_OR_RETURN(FittedMap fitted,
                           FitFunctionalMap(context, *a.basis, *b.basis, a_functions, b_functions,
                                            options.weights, options.solver));
  report.descriptors = a_functions.rows();
  report.energy = fitted.energy;
  report.iterations = fitted.iterations;
  report.map = std::move(fitted.map);
  return absl::OkStatus();
}

absl::Status FindMap(const ComputeContext& context, const AlignmentSources& sources, const Side& a,
                     const Side& b, const AlignmentOptions& options, AlignmentReport& report) {
  report.is_known = options.descriptors.empty() && options.a_anchors.empty();
  if (!report.is_known) {
    GRAMIAN_RETURN_IF_ERROR(FitMap(context, a, b, options, report));
  } else if (!sources.same_inputs) {
    return absl::FailedPreconditionError(
        "the layers saw different inputs: their alignment needs anchors or descriptors");
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(report.map, KnownFunctionalMap(context, *a.basis, *b.basis));
  }
  report.refinement = options.refinement.value_or(
      report.is_known ? 0 : std::min<int64_t>(kDefaultRefinement, report.functions - 2));
  if (report.refinement != 0) {
    GRAMIAN_ASSIGN_OR_RETURN(report.map,
                             ZoomOut(context, report.map, *a.basis, *b.basis, report.refinement));
  }
  report.scores = ScoreFunctionalMap(report.map, a.basis->values(), b.basis->values());
  GRAMIAN_ASSIGN_OR_RETURN(report.distortion, DistortionOf(report.map, *b.basis));
  GRAMIAN_ASSIGN_OR_RETURN(report.matches, PointMapOf(context, report.map, *a.basis, *b.basis));
  return absl::OkStatus();
}

absl::StatusOr<Matrix> ReadAll(const ComputeContext& context, const Representation& layer) {
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(8 * layer.rows() * layer.cols(), "activations of an alignment"));
  Matrix values(layer.rows(), layer.cols());
  layer.ReadRows(0, layer.rows(), values.data());
  return values;
}

template <typename Indices>
Matrix RowsOf(const Matrix& values, const Indices& indices) {
  Matrix rows(static_cast<Index>(indices.size()), values.cols());
  for (size_t i = 0; i < indices.size(); ++i)
    rows.row(static_cast<Index>(i)) = values.row(indices[i]);
  return rows;
}

// The transfers from a to b, and what they are worth.
struct Transfers {
  Matrix aligned;
  std::optional<Matrix> anchors;

  absl::StatusOr<Retrieval> Rank(const ComputeContext& context, const Matrix& points,
                                 const Matrix& truth) const {
    const auto rank = [&](const Matrix& transfer) -> absl::StatusOr<double> {
      GRAMIAN_ASSIGN_OR_RETURN(const Matrix answers,
                               Product(context, points, Transpose::kNo, transfer, Transpose::kNo));
      return MeanReciprocalRank(context, answers, truth);
    };
    Retrieval retrieval;
    retrieval.count = points.rows();
    GRAMIAN_ASSIGN_OR_RETURN(retrieval.aligned, rank(aligned));
    if (anchors.has_value()) {
      GRAMIAN_ASSIGN_OR_RETURN(retrieval.anchors, rank(*anchors));
    }
    return retrieval;
  }
};

absl::Status Transfer(const ComputeContext& context, const AlignmentSources& sources, const Side& a,
                      const Side& b, const AlignmentOptions& options, AlignmentReport& report) {
  if (!sources.same_inputs && sources.points == nullptr) return absl::OkStatus();
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix x, ReadAll(context, a.layer()));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix y, ReadAll(context, b.layer()));
  Transfers transfers;
  GRAMIAN_ASSIGN_OR_RETURN(transfers.aligned,
                           FitTransfer(context, RowsOf(x, report.matches), y, options.transfer));
  if (!options.a_anchors.empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(transfers.anchors,
                             FitTransfer(context, RowsOf(x, options.a_anchors),
                                         RowsOf(y, options.b_anchors), options.transfer));
  }
  if (sources.same_inputs) {
    GRAMIAN_ASSIGN_OR_RETURN(report.retrieval, transfers.Rank(context, x, y));
  }
  if (sources.points == nullptr) return absl::OkStatus();
  GRAMIAN_ASSIGN_OR_RETURN(const Operand points, sources.points->Load());
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix p, ReadAll(context, *points.layers()[0]));
  GRAMIAN_ASSIGN_OR_RETURN(report.carried_points,
                           Product(context, p, Transpose::kNo, transfers.aligned, Transpose::kNo));
  if (sources.truth == nullptr) return absl::OkStatus();
  GRAMIAN_ASSIGN_OR_RETURN(const Operand truth, sources.truth->Load());
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix t, ReadAll(context, *truth.layers()[0]));
  GRAMIAN_ASSIGN_OR_RETURN(report.carried_retrieval, transfers.Rank(context, p, t));
  return absl::OkStatus();
}

absl::Status CarryFunctions(const ComputeContext& context, const OperandSource& source,
                            const Side& a, const Side& b, AlignmentReport& report) {
  GRAMIAN_ASSIGN_OR_RETURN(const Operand functions, source.Load());
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix f, ReadAll(context, *functions.layers()[0]));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix before,
                           Product(context, a.basis->modes(), Transpose::kNo, f, Transpose::kNo));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix after,
                           Product(context, report.map, Transpose::kNo, before, Transpose::kNo));
  GRAMIAN_ASSIGN_OR_RETURN(
      report.carried_functions,
      Product(context, b.basis->modes(), Transpose::kYes, after, Transpose::kNo));
  return absl::OkStatus();
}

}  // namespace

int64_t AlignmentReport::size_bytes() const {
  return 8 * (map.size() + static_cast<int64_t>(matches.size()) + distortion.size() +
              carried_functions.size() + carried_points.size());
}

absl::StatusOr<AlignmentReport> AlignSources(const ComputeContext& context,
                                             const AlignmentSources& sources,
                                             const AlignmentOptions& options) {
  GRAMIAN_RETURN_IF_ERROR(CheckOptions(sources, options));
  GRAMIAN_RETURN_IF_ERROR(CheckCarried(sources));
  AlignmentReport report;
  report.a_rows = sources.a->rows();
  report.b_rows = sources.b->rows();
  report.functions = std::min({options.functions, report.a_rows - 1, report.b_rows - 1});
  GRAMIAN_ASSIGN_OR_RETURN(const Side a,
                           Prepare(context, *sources.a, options, report.functions, "a"));
  GRAMIAN_ASSIGN_OR_RETURN(const Side b,
                           Prepare(context, *sources.b, options, report.functions, "b"));
  report.a_components = a.basis->component_count();
  report.b_components = b.basis->component_count();
  report.a_gap = a.basis->gap();
  report.b_gap = b.basis->gap();
  GRAMIAN_RETURN_IF_ERROR(FindMap(context, sources, a, b, options, report));
  if (sources.same_inputs) {
    double found = 0.0;
    for (size_t i = 0; i < report.matches.size(); ++i) {
      if (report.matches[i] == static_cast<int32_t>(i)) found += 1.0;
    }
    report.accuracy = found / static_cast<double>(report.b_rows);
  }
  GRAMIAN_RETURN_IF_ERROR(Transfer(context, sources, a, b, options, report));
  if (sources.functions != nullptr) {
    GRAMIAN_RETURN_IF_ERROR(CarryFunctions(context, *sources.functions, a, b, report));
  }
  return report;
}

}  // namespace gramian
