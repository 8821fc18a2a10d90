#include <algorithm>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/moments.h"

namespace gramian {
namespace {

// Rows of a block, and blocks that are accumulated side by side. Block b of the stream always
// belongs to lane b % kLanes, so that bits depend neither on pieces nor on threads.
constexpr int64_t kBlockRows = 2048;
constexpr int64_t kLanes = 4;
// Rows of a block that are multiplied at once: they stay in the second-level cache, with room for
// the copies that BLAS makes of them.
constexpr int64_t kTileRows = 256;
// Floats between the rows of a tile, a cache line: when the width is a power of two, values of one
// column would otherwise share a few cache sets.
constexpr int64_t kTilePadding = 16;
// Rows whose values are summed in float32 before the sum is added in double.
constexpr int64_t kFloatRows = 32;
// Rows that are shifted side by side: more memory streams at a time, fewer updates of the sums.
constexpr int64_t kShiftRows = 4;
// Every kSampleStride-th row of a block tells about where its mean is.
constexpr int64_t kSampleStride = 32;
// A sum of squares within these limits neither overflowed nor lost anything that counts to
// denormals.
constexpr float kSafeMin = 1.0e-30F;
constexpr float kSafeMax = 1.0e37F;

// About the column means of a block, so close that little cancels when they are taken off.
Eigen::RowVectorXf SampleMean(int64_t rows, int64_t cols, const float* in) {
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(cols);
  int64_t count = 0;
  for (int64_t row = 0; row < rows; row += kSampleStride, ++count) {
    for (int64_t j = 0; j < cols; ++j) sum[j] += static_cast<double>(in[row * cols + j]);
  }
  return (sum / static_cast<double>(count)).cast<float>();
}

// Writes kRows rows of in - shift to `out` and adds their column sums to `sums`.
template <int64_t kRows>
void ShiftRows(int64_t cols, const float* __restrict in, const float* __restrict shift,
               float* __restrict out, int64_t stride, float* __restrict sums) {
  for (int64_t j = 0; j < cols; ++j) {
    float sum = 0.0F;
    for (int64_t r = 0; r < kRows; ++r) {
      const float value = in[r * cols + j] - shift[j];
      out[r * stride + j] = value;
      sum += value;
    }
    sums[j] += sum;
  }
}

// Writes in - shift to `out` (row distance `stride`) and adds its column sums to `sums`.
void Shift(int64_t rows, int64_t cols, const float* in, const float* __restrict shift, float* out,
           int64_t stride, double* __restrict sums) {
  Eigen::RowVectorXf part(cols);
  float* __restrict part_sums = part.data();
  for (int64_t first = 0; first < rows; first += kFloatRows) {
    part.setZero();
    const int64_t end = std::min(rows, first + kFloatRows);
    int64_t row = first;
    for (; row + kShiftRows <= end; row += kShiftRows) {
      ShiftRows<kShiftRows>(cols, in + row * cols, shift, out + row * stride, stride, part_sums);
    }
    for (; row < end; ++row) {
      ShiftRows<1>(cols, in + row * cols, shift, out + row * stride, stride, part_sums);
    }
    for (int64_t j = 0; j < cols; ++j) sums[j] += static_cast<double>(part_sums[j]);
  }
}

// Whether float32 was wide enough for these sums of squares.
bool IsSafe(const Eigen::Ref<const Eigen::VectorXf>& squares) {
  const float largest = squares.maxCoeff();
  return squares.allFinite() && largest >= kSafeMin && largest <= kSafeMax;
}

}  // namespace

// The sums of every kLanes-th block. Rows of x and y lie side by side, so that one symmetric
// product gives XX, XY and YY.
struct StreamedPairMoments::Lane {
  MatrixF tile;     // kTileRows x (dx + dy + kTilePadding)
  MatrixF product;  // upper triangle, zero between blocks
  Matrix cross;     // upper triangle
  Vector mean;
  int64_t rows = 0;

  // Adds a block: `count` rows of x (count x dx) and of y.
  void Add(int64_t count, int64_t dx, const float* x, const float* y);
  // The same in double, for values that float32 cannot square.
  void AddWide(int64_t count, int64_t dx, const float* x, const float* y);
  // Chan's update: `part` holds the sums of squares about a point that lies `off` from its mean.
  // Its upper triangle is left zero, which is cheaper than a pass of its own before the next block.
  template <typename Derived>
  void Merge(int64_t count, const Vector& part_mean, const Vector& off,
             Eigen::MatrixBase<Derived>& part);
};

void StreamedPairMoments::Lane::Add(int64_t count, int64_t dx, const float* x, const float* y) {
  const int64_t width = product.cols();
  const int64_t stride = tile.cols();
  const int64_t dy = width - dx;
  Eigen::RowVectorXf shift(width);
  shift << SampleMean(count, dx, x), SampleMean(count, dy, y);
  Vector off = Vector::Zero(width);
  for (int64_t first = 0; first < count; first += kTileRows) {
    const int64_t rows_used = std::min(kTileRows, count - first);
    Shift(rows_used, dx, x + first * dx, shift.data(), tile.data(), stride, off.data());
    Shift(rows_used, dy, y + first * dy, shift.data() + dx, tile.data() + dx, stride,
          off.data() + dx);
    SyrkUpper(rows_used, width, tile.data(), stride, 1.0F, product.data(), width);
  }
  const Eigen::VectorXf squares = product.diagonal();
  if (IsSafe(squares.head(dx)) && IsSafe(squares.tail(dy))) {
    off /= static_cast<double>(count);
    Merge(count, shift.transpose().cast<double>() + off, off, product);
  } else {
    product.setZero();
    AddWide(count, dx, x, y);
  }
}

void StreamedPairMoments::Lane::AddWide(int64_t count, int64_t dx, const float* x, const float* y) {
  const int64_t width = product.cols();
  Matrix wide(count, width);
  wide.leftCols(dx) = Eigen::Map<const MatrixF>(x, count, dx).cast<double>();
  wide.rightCols(width - dx) = Eigen::Map<const MatrixF>(y, count, width - dx).cast<double>();
  const Vector block_mean = CenterBlock(wide.data(), count, width);
  Matrix wide_product(width, width);
  SyrkUpper(count, width, wide.data(), width, 0.0, wide_product.data(), width);
  Merge(count, block_mean, Vector::Zero(width), wide_product);
}

template <typename Derived>
void StreamedPairMoments::Lane::Merge(int64_t count, const Vector& part_mean, const Vector& off,
                                      Eigen::MatrixBase<Derived>& part) {
  const auto part_rows = static_cast<double>(count);
  const double share = part_rows / (static_cast<double>(rows) + part_rows);
  const Vector delta = part_mean - mean;
  const double weight = static_cast<double>(rows) * share;
  const int64_t width = cross.cols();
  for (int64_t i = 0; i < width; ++i) {
    const double between = weight * delta[i];
    const double shifted = part_rows * off[i];
    double* __restrict sums = cross.row(i).data();
    auto* __restrict products = part.derived().row(i).data();
    for (int64_t j = i; j < width; ++j) {
      sums[j] += static_cast<double>(products[j]) + between * delta[j] - shifted * off[j];
      products[j] = 0;
    }
  }
  mean += share * delta;
  rows += count;
}

StreamedPairMoments::StreamedPairMoments(int64_t dx, int64_t dy)
    : dx_(dx), dy_(dy), x_(0, dx), y_(0, dy) {}

StreamedPairMoments::StreamedPairMoments(StreamedPairMoments&&) noexcept = default;
StreamedPairMoments& StreamedPairMoments::operator=(StreamedPairMoments&&) noexcept = default;
StreamedPairMoments::~StreamedPairMoments() = default;

absl::Status StreamedPairMoments::Add(const ComputeContext& context, int64_t rows, const float* x,
                                      const float* y) {
  constexpr int64_t kGroupRows = kLanes * kBlockRows;
  while (rows > 0) {
    int64_t take = 0;
    if (buffered_ % kBlockRows == 0 && rows >= kBlockRows) {
      // Whole blocks are read where they are.
      GRAMIAN_RETURN_IF_ERROR(Flush(context));
      take = std::min(rows / kBlockRows, kLanes) * kBlockRows;
      GRAMIAN_RETURN_IF_ERROR(AddBlocks(context, take, x, y));
    } else {
      x_.resize(kGroupRows, dx_);
      y_.resize(kGroupRows, dy_);
      take = std::min(rows, kBlockRows - buffered_ % kBlockRows);
      std::copy_n(x, take * dx_, x_.data() + buffered_ * dx_);
      std::copy_n(y, take * dy_, y_.data() + buffered_ * dy_);
      buffered_ += take;
      if (buffered_ == kGroupRows) GRAMIAN_RETURN_IF_ERROR(Flush(context));
    }
    x += take * dx_;
    y += take * dy_;
    rows -= take;
  }
  return absl::OkStatus();
}

absl::Status StreamedPairMoments::Flush(const ComputeContext& context) {
  return AddBlocks(context, std::exchange(buffered_, 0), x_.data(), y_.data());
}

absl::Status StreamedPairMoments::AddBlocks(const ComputeContext& context, int64_t rows,
                                            const float* x, const float* y) {
  const int64_t width = dx_ + dy_;
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  while (static_cast<int64_t>(lanes_.size()) < std::min(kLanes, blocks_ + blocks)) {
    lanes_.push_back(Lane{MatrixF(kTileRows, width + kTilePadding), MatrixF::Zero(width, width),
                          Matrix::Zero(width, width), Vector::Zero(width)});
  }
  const int64_t first_block = std::exchange(blocks_, blocks_ + blocks);
  return ParallelFor(context, blocks, [&](int64_t b) {
    const int64_t first = b * kBlockRows;
    const int64_t count = std::min(kBlockRows, rows - first);
    lanes_[static_cast<size_t>((first_block + b) % kLanes)].Add(count, dx_, x + first * dx_,
                                                                y + first * dy_);
    return absl::OkStatus();
  });
}

absl::StatusOr<StreamedPairMoments::Result> StreamedPairMoments::Finish(
    const ComputeContext& context) && {
  GRAMIAN_RETURN_IF_ERROR(Flush(context));
  Result result;
  result.xx = Matrix::Zero(dx_, dx_);
  result.yy = Matrix::Zero(dy_, dy_);
  result.xy = Matrix::Zero(dx_, dy_);
  if (lanes_.empty()) return result;
  Lane& sum = lanes_.front();
  const Vector none = Vector::Zero(dx_ + dy_);
  for (size_t i = 1; i < lanes_.size(); ++i) {
    sum.Merge(lanes_[i].rows, lanes_[i].mean, none, lanes_[i].cross);
  }
  sum.cross.triangularView<Eigen::StrictlyLower>() = sum.cross.transpose();
  result.rows = sum.rows;
  result.xx = sum.cross.topLeftCorner(dx_, dx_);
  result.yy = sum.cross.bottomRightCorner(dy_, dy_);
  result.xy = sum.cross.topRightCorner(dx_, dy_);
  return result;
}

}  // namespace gramian
