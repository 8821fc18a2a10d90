#include "gramian/geometry/moments.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/wider.h"

namespace gramian {
namespace {

// A float64 product of this many multiply-adds takes about one 10 ms tile.
constexpr double kFloat64MultiplyAdds = 268'435'456.0;  // 2^28
// Squares of values within these limits, and sums of 2^20 of them, neither overflow nor become
// denormal in float32.
constexpr float kSafeMax = 1.0e15F;
constexpr float kSafeMin = 1.0e-15F;
// Products with more entries than this are split by columns instead of by rows, so that
// accumulators stay small.
constexpr int64_t kLaneEntries = 512 * 1024;
constexpr int64_t kMaxLanes = 8;
constexpr int64_t kPanelCols = 256;
// Rounding of the mean of a block of at most 2048 rows, relative to the mean.
constexpr double kMeanRounding = 2048.0 * std::numeric_limits<double>::epsilon();

// sums[j] += values[j]. Plain loops, here and below: the compiler vectorises the change of type,
// Eigen's cast does not.
GRAMIAN_WIDER void AddTo(double* __restrict sums, const float* __restrict values, int64_t size) {
  for (int64_t j = 0; j < size; ++j) sums[j] += static_cast<double>(values[j]);
}

GRAMIAN_WIDER void AddTo(double* __restrict sums, const double* __restrict values, int64_t size) {
  for (int64_t j = 0; j < size; ++j) sums[j] += values[j];
}

// values[j] -= mean[j], rounded once.
GRAMIAN_WIDER void TakeOff(const double* __restrict mean, float* __restrict values, int64_t size) {
  for (int64_t j = 0; j < size; ++j)
    values[j] = static_cast<float>(static_cast<double>(values[j]) - mean[j]);
}

GRAMIAN_WIDER void TakeOff(const double* __restrict mean, double* __restrict values, int64_t size) {
  for (int64_t j = 0; j < size; ++j) values[j] -= mean[j];
}

template <typename Scalar>
bool IsSafe(const Scalar* data, int64_t size) {
  if (std::is_same_v<Scalar, double> || size == 0) return true;
  const Scalar largest =
      Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>(data, size).abs().maxCoeff();
  return largest == Scalar{0} || (largest >= Scalar{kSafeMin} && largest <= Scalar{kSafeMax});
}

// cross += x' y over `rows` rows, upper triangle only when y is null (then y is x).
template <typename Scalar>
absl::Status AddProduct(const ComputeContext& context, int64_t rows, const Scalar* x, int64_t dx,
                        const Scalar* y, int64_t dy, Matrix& cross) {
  const bool symmetric = y == nullptr;
  const int64_t panels = (dx + kPanelCols - 1) / kPanelCols;
  return ParallelFor(context, panels, [&](int64_t panel) {
    const int64_t begin = panel * kPanelCols;
    const int64_t width = std::min(kPanelCols, dx - begin);
    MatrixOf<Scalar> product(width, symmetric ? dx - begin : dy);
    if (symmetric) {
      SyrkUpper(rows, width, x + begin, dx, Scalar{0}, product.data(), product.cols());
      const int64_t rest = dx - begin - width;
      if (rest > 0) {
        Gemm(Transpose::kYes, Transpose::kNo, width, rest, rows, Scalar{1}, x + begin, dx,
             x + begin + width, dx, Scalar{0}, product.data() + width, product.cols());
      }
      for (int64_t i = 0; i < width; ++i)
        AddTo(&cross(begin + i, begin + i), &product(i, i), dx - begin - i);
    } else {
      Gemm(Transpose::kYes, Transpose::kNo, width, dy, rows, Scalar{1}, x + begin, dx, y, dy,
           Scalar{0}, product.data(), dy);
      AddTo(&cross(begin, 0), product.data(), product.size());
    }
    return absl::OkStatus();
  });
}

// cross += weight * a b', upper triangle only when symmetric.
void AddOuter(double weight, const Vector& a, const Vector& b, bool symmetric, Matrix& cross) {
  for (Index i = 0; i < a.size(); ++i) {
    const Index begin = symmetric ? i : 0;
    cross.row(i).tail(b.size() - begin) += weight * a[i] * b.tail(b.size() - begin).transpose();
  }
}

struct Lanes {
  int64_t count;
  int64_t block_rows;
};

// How the rows are cut depends on the shape alone, never on the number of threads: so do the bits
// of the result.
Lanes PlanLanes(int64_t rows, int64_t entries) {
  const int64_t block_rows = std::clamp<int64_t>((rows / 16 + 63) / 64 * 64, 256, 1024);
  const int64_t blocks = (rows + block_rows - 1) / block_rows;
  return {entries <= kLaneEntries ? std::min(kMaxLanes, blocks) : 1, block_rows};
}

// Reads and centres a block. What float32 does not hold is centred in double before it is rounded.
template <typename Scalar>
Vector ReadCentered(const CenteredFeatures& features, int64_t first, int64_t rows, Scalar* block) {
  if (std::is_same_v<Scalar, double> || features.fits_float32()) {
    features.ReadRows(first, rows, block);
    return CenterBlock(block, rows, features.cols());
  }
  Matrix wide(rows, features.cols());
  features.ReadRows(first, rows, wide.data());
  const Vector mean = CenterBlock(wide.data(), rows, features.cols());
  Eigen::Map<MatrixOf<Scalar>>(block, rows, features.cols()) = wide.template cast<Scalar>();
  return mean;
}

// Adds rows [first, first + rows) in double, for values that float32 cannot square, or not even
// centre.
absl::Status AddWideBlock(const ComputeContext& context, const CenteredFeatures& x,
                          const CenteredFeatures* y, int64_t first, int64_t rows,
                          CrossAccumulator& sums) {
  Matrix x_block(rows, x.cols());
  x.ReadRows(first, rows, x_block.data());
  const Vector mean_x = CenterBlock(x_block.data(), rows, x.cols());
  if (y == nullptr) {
    return sums.AddBlock<double>(context, rows, x_block.data(), mean_x, nullptr, Vector());
  }
  Matrix y_block(rows, y->cols());
  y->ReadRows(first, rows, y_block.data());
  const Vector mean_y = CenterBlock(y_block.data(), rows, y->cols());
  return sums.AddBlock<double>(context, rows, x_block.data(), mean_x, y_block.data(), mean_y);
}

// Accumulates all rows of x and y (null: x alone) lane by lane; lanes run in parallel and merge in
// order.
template <typename Scalar>
absl::StatusOr<CrossAccumulator> Accumulate(const ComputeContext& context,
                                            const CenteredFeatures& x, const CenteredFeatures* y) {
  const bool symmetric = y == nullptr;
  const int64_t dx = x.cols();
  const int64_t dy = symmetric ? dx : y->cols();
  const Lanes lanes = PlanLanes(x.rows(), dx * dy);
  const int64_t blocks = (x.rows() + lanes.block_rows - 1) / lanes.block_rows;
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      lanes.count *
          (dx * dy * 8 + lanes.block_rows * (dx + dy) * static_cast<int64_t>(sizeof(Scalar))),
      "a covariance"));
  std::vector<CrossAccumulator> parts(static_cast<size_t>(lanes.count),
                                      CrossAccumulator(0, 0, symmetric));
  ComputeContext inner = context;
  if (lanes.count > 1) inner.arena = nullptr;
  const absl::Status status = ParallelFor(context, lanes.count, [&](int64_t lane) -> absl::Status {
    CrossAccumulator part(dx, dy, symmetric);
    MatrixOf<Scalar> x_block(lanes.block_rows, dx);
    MatrixOf<Scalar> y_block(symmetric ? 0 : lanes.block_rows, dy);
    for (int64_t b = lane * blocks / lanes.count; b < (lane + 1) * blocks / lanes.count; ++b) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t first = b * lanes.block_rows;
      const int64_t rows = std::min(lanes.block_rows, x.rows() - first);
      const Vector mean_x = ReadCentered(x, first, rows, x_block.data());
      const Vector mean_y = symmetric ? Vector() : ReadCentered(*y, first, rows, y_block.data());
      if (IsSafe(x_block.data(), rows * dx) && IsSafe(y_block.data(), symmetric ? 0 : rows * dy)) {
        GRAMIAN_RETURN_IF_ERROR(part.AddBlock<Scalar>(
            inner, rows, x_block.data(), mean_x, symmetric ? nullptr : y_block.data(), mean_y));
      } else {
        GRAMIAN_RETURN_IF_ERROR(AddWideBlock(inner, x, y, first, rows, part));
      }
    }
    parts[static_cast<size_t>(lane)] = std::move(part);
    return absl::OkStatus();
  });
  GRAMIAN_RETURN_IF_ERROR(status);
  for (size_t i = 1; i < parts.size(); ++i) parts[0].Merge(parts[i]);
  return std::move(parts[0]);
}

absl::StatusOr<CrossAccumulator> Accumulate(const ComputeContext& context,
                                            const CenteredFeatures& x, const CenteredFeatures* y,
                                            Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kFloat64 ? Accumulate<double>(context, x, y)
                                            : Accumulate<float>(context, x, y);
}

}  // namespace

Arithmetic ChooseArithmetic(double multiply_adds) {
  return multiply_adds <= kFloat64MultiplyAdds ? Arithmetic::kFloat64 : Arithmetic::kFloat32;
}

CrossAccumulator::CrossAccumulator(int64_t dx, int64_t dy, bool symmetric)
    : symmetric_(symmetric),
      mean_x_(Vector::Zero(dx)),
      mean_y_(Vector::Zero(symmetric ? 0 : dy)),
      cross_(Matrix::Zero(dx, dy)) {}

template <typename Scalar>
Vector CenterBlock(Scalar* block, int64_t rows, int64_t cols) {
  Vector mean = Vector::Zero(cols);
  for (int64_t i = 0; i < rows; ++i) AddTo(mean.data(), block + i * cols, cols);
  mean /= static_cast<double>(rows);
  for (int64_t i = 0; i < rows; ++i) TakeOff(mean.data(), block + i * cols, cols);
  return mean;
}

template Vector CenterBlock(float*, int64_t, int64_t);
template Vector CenterBlock(double*, int64_t, int64_t);

template <typename Scalar>
absl::Status CrossAccumulator::AddBlock(const ComputeContext& context, int64_t rows,
                                        const Scalar* x, const Vector& mean_x, const Scalar* y,
                                        const Vector& mean_y) {
  GRAMIAN_RETURN_IF_ERROR(
      AddProduct<Scalar>(context, rows, x, cross_.rows(), y, cross_.cols(), cross_));
  MergeMeans(rows, mean_x, mean_y);
  return absl::OkStatus();
}

template absl::Status CrossAccumulator::AddBlock(const ComputeContext&, int64_t, const float*,
                                                 const Vector&, const float*, const Vector&);
template absl::Status CrossAccumulator::AddBlock(const ComputeContext&, int64_t, const double*,
                                                 const Vector&, const double*, const Vector&);

void CrossAccumulator::Merge(const CrossAccumulator& other) {
  cross_ += other.cross_;
  MergeMeans(other.rows_, other.mean_x_, other.mean_y_);
}

void CrossAccumulator::MergeMeans(int64_t rows, const Vector& mean_x, const Vector& mean_y) {
  if (rows == 0) return;
  const double share = static_cast<double>(rows) / static_cast<double>(rows_ + rows);
  const Vector delta_x = mean_x - mean_x_;
  const Vector delta_y = symmetric_ ? delta_x : Vector(mean_y - mean_y_);
  if (rows_ > 0) {
    AddOuter(static_cast<double>(rows_) * share, delta_x, delta_y, symmetric_, cross_);
  }
  mean_x_ += share * delta_x;
  if (!symmetric_) mean_y_ += share * delta_y;
  rows_ += rows;
}

Matrix CrossAccumulator::TakeCross() && {
  if (symmetric_) cross_.triangularView<Eigen::StrictlyLower>() = cross_.transpose();
  return std::move(cross_);
}

absl::StatusOr<std::shared_ptr<const Moments>> Moments::Compute(const ComputeContext& context,
                                                                const CenteredFeatures& features,
                                                                Arithmetic arithmetic) {
  GRAMIAN_ASSIGN_OR_RETURN(CrossAccumulator sums,
                           Accumulate(context, features, nullptr, arithmetic));
  auto moments = std::make_shared<Moments>();
  moments->mean_ = sums.mean_x();
  moments->covariance_ = std::move(sums).TakeCross();
  // Means of equal float32 values are exact; of equal doubles (float64 or unit rows) they err by at
  // most the rounding of a block's sum in every row. What that explains is a dead unit.
  Matrix& covariance = moments->covariance_;
  const auto n = static_cast<double>(features.rows());
  for (Index j = 0; j < covariance.rows(); ++j) {
    const double mean_error = kMeanRounding * moments->mean_[j];
    if (covariance(j, j) > n * mean_error * mean_error) {
      moments->is_constant_ = false;
    } else {
      covariance.row(j).setZero();
      covariance.col(j).setZero();
    }
  }
  moments->norm_ = covariance.norm();
  moments->arithmetic_ = arithmetic;
  return moments;
}

int64_t Moments::size_bytes() const {
  return (covariance_.size() + mean_.size()) * static_cast<int64_t>(sizeof(double));
}

absl::StatusOr<Matrix> CrossCovariance(const ComputeContext& context, const CenteredFeatures& x,
                                       const CenteredFeatures& y, Arithmetic arithmetic) {
  GRAMIAN_ASSIGN_OR_RETURN(CrossAccumulator sums, Accumulate(context, x, &y, arithmetic));
  return std::move(sums).TakeCross();
}

absl::StatusOr<Vector> ColumnMeans(const ComputeContext& context,
                                   const CenteredFeatures& features) {
  constexpr int64_t kRows = 256;
  Matrix block(kRows, features.cols());
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(features.cols());
  for (int64_t first = 0; first < features.rows(); first += kRows) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t rows = std::min(kRows, features.rows() - first);
    features.ReadRows(first, rows, block.data());
    for (int64_t i = 0; i < rows; ++i) sum += block.row(i);
  }
  return Vector(sum.transpose() / static_cast<double>(features.rows()));
}

absl::StatusOr<std::shared_ptr<const RowNorms>> RowNorms::Compute(
    const ComputeContext& context, const CenteredFeatures& features) {
  constexpr int64_t kRows = 256;
  GRAMIAN_ASSIGN_OR_RETURN(const Vector mean, ColumnMeans(context, features));
  auto norms = std::make_shared<RowNorms>();
  norms->squared_.resize(features.rows());
  const int64_t blocks = (features.rows() + kRows - 1) / kRows;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, blocks, [&](int64_t b) {
    const int64_t first = b * kRows;
    const int64_t rows = std::min(kRows, features.rows() - first);
    Matrix block(rows, features.cols());
    features.ReadRows(first, rows, block.data());
    for (int64_t i = 0; i < rows; ++i) {
      norms->squared_[first + i] = (block.row(i) - mean.transpose()).squaredNorm();
    }
    return absl::OkStatus();
  }));
  return norms;
}

}  // namespace gramian
