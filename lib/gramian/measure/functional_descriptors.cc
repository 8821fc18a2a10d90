#include "gramian/measure/functional_descriptors.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"

namespace gramian {
namespace {

constexpr Index kSignatures = 10;

constexpr std::pair<const char*, DescriptorKind> kNames[] = {
    {"geodesic", DescriptorKind::kGeodesic},
    {"cosine", DescriptorKind::kCosine},
    {"anchored-heat", DescriptorKind::kAnchoredHeat},
    {"heat", DescriptorKind::kHeat},
    {"wave", DescriptorKind::kWave},
    {"labels", DescriptorKind::kLabels}};

bool NeedsAnchors(DescriptorKind kind) {
  return kind == DescriptorKind::kGeodesic || kind == DescriptorKind::kCosine ||
         kind == DescriptorKind::kAnchoredHeat;
}

absl::StatusOr<Matrix> Geodesics(const ComputeContext& context, const DescribedLayer& side) {
  const auto count = static_cast<int64_t>(side.anchors.size());
  Matrix lengths(count, side.graph->rows());
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, count, [&](int64_t q) {
    lengths.row(q) = side.graph->PathLengths(side.anchors[static_cast<size_t>(q)]).transpose();
    return absl::OkStatus();
  }));
  if (side.graph->spec().metric == GraphMetric::kEuclidean) {
    const double mean = lengths.mean();
    if (mean > 0.0) lengths /= mean;
  }
  return Matrix((-lengths.array().square()).exp());
}

absl::StatusOr<Matrix> Cosines(const ComputeContext& context, const DescribedLayer& side) {
  constexpr int64_t kRows = 256;
  const auto count = static_cast<int64_t>(side.anchors.size());
  const int64_t n = side.layer->rows();
  const int64_t d = side.layer->cols();
  const std::shared_ptr<const Representation> borrowed(std::shared_ptr<const Representation>(),
                                                       side.layer);
  const CenteredFeatures rows(borrowed, RowScaling::kUnit);
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * d * (count + kRows), "cosines of anchors"));
  Matrix anchors(count, d);
  for (int64_t q = 0; q < count; ++q) {
    rows.ReadRows(side.anchors[static_cast<size_t>(q)], 1, &anchors(q, 0));
  }
  Matrix functions(count, n);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (n + kRows - 1) / kRows, [&](int64_t block) {
    const int64_t first = block * kRows;
    const int64_t row_count = std::min(kRows, n - first);
    Matrix here(row_count, d);
    rows.ReadRows(first, row_count, here.data());
    functions.middleCols(first, row_count).setOnes();
    Gemm(Transpose::kNo, Transpose::kYes, count, row_count, d, -1.0, anchors.data(), d, here.data(),
         d, 1.0, &functions(0, first), n);
    return absl::OkStatus();
  }));
  return functions;
}

// 10 x k, rows with sum 1.
Matrix HeatWeights(const Vector& values) {
  const double decay = 4.0 * std::log(10.0);
  const double slow = std::max(values[std::min<Index>(1, values.size() - 1)], 1.0e-12);
  const double fast = std::max(values[values.size() - 1], slow);
  Matrix weights(kSignatures, values.size());
  for (Index s = 0; s < kSignatures; ++s) {
    const double share = static_cast<double>(s) / static_cast<double>(kSignatures - 1);
    const double time = decay / fast * std::pow(fast / slow, share);
    weights.row(s) = (-time * values.array()).exp().transpose();
    weights.row(s) /= weights.row(s).sum();
  }
  return weights;
}

Matrix HeatOfAnchors(const DescribedLayer& side) {
  const Matrix& modes = side.basis->modes();
  const Matrix weights = HeatWeights(side.basis->values());
  Matrix functions(kSignatures * static_cast<Index>(side.anchors.size()), modes.cols());
  for (size_t q = 0; q < side.anchors.size(); ++q) {
    const Matrix at_anchor = weights * modes.col(side.anchors[q]).asDiagonal();
    functions.middleRows(kSignatures * static_cast<Index>(q), kSignatures) =
        Product(at_anchor, Transpose::kNo, modes, Transpose::kNo);
  }
  return functions;
}

absl::StatusOr<Matrix> Wave(const LaplacianEigenbasis& basis) {
  constexpr double kLeast = 1.0e-5;
  // Gaussians are 7 of the 10 steps wide, as in the authors' code.
  constexpr double kWidth = 7.0;
  Index first = 0;
  while (first < basis.size() && basis.values()[first] <= kLeast) ++first;
  if (first == basis.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("wave kernel signatures need an eigenvalue above 1e-5; the largest of ",
                     basis.size(), " is ", basis.values()[basis.size() - 1]));
  }
  const Index count = basis.size() - first;
  const Eigen::ArrayXd logs = basis.values().tail(count).array().log();
  const double sigma = kWidth * (logs[count - 1] - logs[0]) / static_cast<double>(kSignatures);
  Matrix weights = Matrix::Constant(kSignatures, count, 1.0 / static_cast<double>(count));
  for (Index s = 0; s < kSignatures && sigma > 0.0; ++s) {
    const double low = logs[0] + 2.0 * sigma;
    const double high = logs[count - 1] - 2.0 * sigma;
    const double share = static_cast<double>(s) / static_cast<double>(kSignatures - 1);
    const double energy = low + (high - low) * share;
    weights.row(s) = (-((logs - energy) / sigma).square() / 2.0).exp().transpose();
    weights.row(s) /= weights.row(s).sum();
  }
  const Matrix squares = basis.modes().bottomRows(count).cwiseAbs2();
  return Product(weights, Transpose::kNo, squares, Transpose::kNo);
}

absl::StatusOr<Matrix> Labels(const ComputeContext& context, const DescribedLayer& side,
                              absl::Span<const int64_t> classes) {
  const Index n = side.graph->rows();
  Matrix functions(static_cast<Index>(classes.size()), n);
  for (size_t c = 0; c < classes.size(); ++c) {
    Vector indicator(n);
    for (Index i = 0; i < n; ++i) {
      indicator[i] = side.labels[static_cast<size_t>(i)] == classes[c] ? 1.0 : 0.0;
    }
    Vector smoothed(n);
    GRAMIAN_RETURN_IF_ERROR(side.graph->Multiply(context, indicator.data(), smoothed.data()));
    functions.row(static_cast<Index>(c)) = (indicator - smoothed).transpose();
  }
  return functions;
}

absl::StatusOr<Matrix> Describe(const ComputeContext& context, const DescribedLayer& side,
                                DescriptorKind kind, absl::Span<const int64_t> classes) {
  if (NeedsAnchors(kind) && side.anchors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptors of kind ", ToString(kind), " need anchors"));
  }
  switch (kind) {
    case DescriptorKind::kGeodesic:
      return Geodesics(context, side);
    case DescriptorKind::kCosine:
      return Cosines(context, side);
    case DescriptorKind::kAnchoredHeat:
      return HeatOfAnchors(side);
    case DescriptorKind::kHeat:
      return Product(HeatWeights(side.basis->values()), Transpose::kNo,
                     Matrix(side.basis->modes().cwiseAbs2()), Transpose::kNo);
    case DescriptorKind::kWave:
      return Wave(*side.basis);
    case DescriptorKind::kLabels:
      break;
  }
  if (static_cast<int64_t>(side.labels.size()) != side.graph->rows()) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptors of kind labels need a label for each of ", side.graph->rows(),
                     " inputs, not ", side.labels.size()));
  }
  return Labels(context, side, classes);
}

Index CountOf(DescriptorKind kind, Index anchors, Index classes) {
  if (kind == DescriptorKind::kLabels) return classes;
  if (kind == DescriptorKind::kAnchoredHeat) return kSignatures * anchors;
  return NeedsAnchors(kind) ? anchors : kSignatures;
}

}  // namespace

const char* ToString(DescriptorKind kind) {
  for (const auto& [name, value] : kNames) {
    if (value == kind) return name;
  }
  return "unknown";
}

absl::StatusOr<DescriptorKind> ParseDescriptorKind(absl::string_view text) {
  for (const auto& [name, kind] : kNames) {
    if (text == name) return kind;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "a descriptor is geodesic, cosine, anchored-heat, heat, wave or labels, not '", text, "'"));
}

absl::StatusOr<Matrix> DescribeLayer(const ComputeContext& context, const DescribedLayer& side,
                                     absl::Span<const DescriptorKind> kinds,
                                     absl::Span<const int64_t> classes) {
  Index count = 0;
  for (const DescriptorKind kind : kinds) {
    count +=
        CountOf(kind, static_cast<Index>(side.anchors.size()), static_cast<Index>(classes.size()));
  }
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(16 * count * side.graph->rows(), "descriptors"));
  Matrix functions(count, side.graph->rows());
  Index first = 0;
  for (const DescriptorKind kind : kinds) {
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix some, Describe(context, side, kind, classes));
    functions.middleRows(first, some.rows()) = some;
    first += some.rows();
  }
  return functions;
}

}  // namespace gramian
