// Mean cosine of what two layers make of the same input, after the features of one are rotated or
// permuted onto the other.
//
//   mean_i  x_i . Q y_i / (|x_i| |y_i|),  Q the orthogonal or permutation matrix with the largest
//   <x, y Q'>, layers as they are, the narrower one padded with zeros
//
// Inputs that either side answers with zeros have no cosine and are left out; 0 if none is left. A
// direction of one layer without a counterpart in the other (a singular value of x' y that is
// rounding) is not rotated anywhere. Source: Klabunde et al. 2024 (ReSi), after Hamilton et al.
// 2016.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/assignment.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"
#include "gramian/measure/unit_measure.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr int64_t kRows = 256;

// The mean of cosines, some of which do not exist.
class CosineMean {
 public:
  // Adds the cosine of an inner product and the squared norms of its sides; norms up to `zero` are
  // rounding.
  void Add(double product, double xx, double yy, double x_zero, double y_zero) {
    if (xx <= x_zero || yy <= y_zero) return;
    sum_ += product / (std::sqrt(xx) * std::sqrt(yy));
    ++count_;
  }
  double Value() const { return count_ == 0 ? 0.0 : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0.0;
  int64_t count_ = 0;
};

// One side in coordinates: input i is the column P (U_i, 1 / sqrt(n)), P with a row for each
// singular direction.
struct Coordinates {
  std::shared_ptr<const UncenteredModes> modes;
  const Matrix* eigenvectors;  // U', r x n
  Matrix scaled;               // diag(sigma) R, whose columns have the norms of the inputs
  Matrix aligned;              // the same turned so that matching directions have the same row
  double zero = 0.0;           // squared norms up to this are rounding

  // P (U', 1 / sqrt(n)) of some inputs.
  Matrix Read(const Matrix& p, int64_t first, int64_t count) const {
    const Index r = eigenvectors->rows();
    const double one = 1.0 / std::sqrt(static_cast<double>(eigenvectors->cols()));
    Matrix columns = p.leftCols(r) * eigenvectors->middleCols(first, count);
    columns.colwise() += one * p.col(r);
    return columns;
  }
};

absl::StatusOr<Coordinates> MakeCoordinates(const ComputeContext& context, const Operand& layer,
                                            const SpectralOperator& centered) {
  Coordinates side;
  GRAMIAN_ASSIGN_OR_RETURN(side.modes, GetUncenteredModes(context, layer, centered));
  side.eigenvectors = &centered.features().modes();
  side.scaled = side.modes->values.cwiseSqrt().asDiagonal() * side.modes->rotation;
  const double rounding = 64.0 * kEps * static_cast<double>(side.modes->values.size());
  side.zero = rounding * rounding * side.modes->values[0];
  return side;
}

absl::StatusOr<double> RotatedCosine(const ComputeContext& context, const Operand& a,
                                     const Operand& b, const LayerOverlap& overlap) {
  GRAMIAN_ASSIGN_OR_RETURN(Coordinates x, MakeCoordinates(context, a, *overlap.a_centered));
  GRAMIAN_ASSIGN_OR_RETURN(Coordinates y, MakeCoordinates(context, b, *overlap.b_centered));
  const Matrix cross = x.modes->values.cwiseSqrt().asDiagonal() * overlap.w *
                       y.modes->values.cwiseSqrt().asDiagonal();
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(cross));
  const double cut = 64.0 * kEps * static_cast<double>(svd.values.size()) * svd.values[0];
  const Index rank = (svd.values.array() > cut).count();
  x.aligned = Product(svd.left.topRows(rank), Transpose::kNo, x.scaled, Transpose::kNo);
  y.aligned = Product(svd.right.topRows(rank), Transpose::kNo, y.scaled, Transpose::kNo);
  CosineMean mean;
  for (int64_t first = 0; first < a.rows(); first += kRows) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t count = std::min(kRows, a.rows() - first);
    const Vector products = x.Read(x.aligned, first, count)
                                .cwiseProduct(y.Read(y.aligned, first, count))
                                .colwise()
                                .sum()
                                .transpose();
    const Vector xx = x.Read(x.scaled, first, count).colwise().squaredNorm().transpose();
    const Vector yy = y.Read(y.scaled, first, count).colwise().squaredNorm().transpose();
    for (int64_t i = 0; i < count; ++i) mean.Add(products[i], xx[i], yy[i], x.zero, y.zero);
  }
  return mean.Value();
}

absl::StatusOr<double> PermutedCosine(const ComputeContext& context, const Operand& a,
                                      const Operand& b) {
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix products, UnitProducts(context, a, b, Centering::kNone));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Index> columns, MaximizeAssignment(context, products));
  Matrix x(kRows, a.cols());
  Matrix y(kRows, b.cols());
  CosineMean mean;
  for (int64_t first = 0; first < a.rows(); first += kRows) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t count = std::min(kRows, a.rows() - first);
    a.layers()[0]->ReadRows(first, count, x.data());
    b.layers()[0]->ReadRows(first, count, y.data());
    for (int64_t i = 0; i < count; ++i) {
      double product = 0.0;
      for (Index j = 0; j < x.cols(); ++j) {
        const Index partner = columns[static_cast<size_t>(j)];
        if (partner >= 0) product += x(i, j) * y(i, partner);
      }
      mean.Add(product, x.row(i).squaredNorm(), y.row(i).squaredNorm(), 0.0, 0.0);
    }
  }
  return mean.Value();
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string group,
                           parameters.TakeChoice("group", {"orthogonal", "permutation"}));
  const std::string name = absl::StrCat("aligned-cosine-group=", group);
  MeasureTraits traits;
  traits.range_min = -1.0;
  traits.invariant_to_permutation = true;
  if (group == "permutation") {
    // A dead feature may keep two features apart that are opposed to each other.
    traits.invariant_to_dead_units = false;
    return MakeUnitMeasure(
        {name, traits,
         [](const ComputeContext& context, const Operand& a, const Operand& b, const UnitMoments&,
            const UnitMoments&) { return PermutedCosine(context, a, b); }});
  }
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_isotropic_scaling = true;
  return MakeOverlapMeasure({name, traits, KernelSpec{}, Centering::kNone, &RotatedCosine,
                             /*needs_explicit_eigenvectors=*/true});
}

}  // namespace

MeasureEntry AlignedCosineEntry() {
  MeasureFamily family;
  family.name = "aligned-cosine";
  family.description =
      "Mean cosine of the two representations of each input after the best rotation or permutation "
      "of features. Per layer O(n d^2 + d^3), per pair O(n r^2 + r^3); permutation: O(n d^2 + "
      "d^3).";
  family.source = "Klabunde et al. 2024 (ReSi); Hamilton et al. 2016, arXiv 1605.09096";
  family.parameters = {
      {"group", "orthogonal|permutation", "orthogonal", "what aligns the features"}};
  family.examples = {"aligned-cosine-group=orthogonal", "aligned-cosine-group=permutation"};
  return {std::move(family), &Make};
}

}  // namespace gramian
