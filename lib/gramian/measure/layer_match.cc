#include "gramian/measure/layer_match.h"

#include <algorithm>

#include "gramian/base/assignment.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

const Score& At(const std::vector<Score>& scores, Index row, Index col, Index cols) {
  return scores[static_cast<size_t>(row * cols + col)];
}

// Similarities; a cell without one costs more than all others can bring.
Matrix Gains(const std::vector<Score>& scores, Index rows, Index cols, bool larger) {
  Matrix gains = Matrix::Zero(rows, cols);
  double low = 0.0;
  double high = 0.0;
  bool is_first = true;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      const Score& score = At(scores, i, j, cols);
      if (score.status != ScoreStatus::kOk) continue;
      gains(i, j) = larger ? score.value : -score.value;
      low = is_first ? gains(i, j) : std::min(low, gains(i, j));
      high = is_first ? gains(i, j) : std::max(high, gains(i, j));
      is_first = false;
    }
  }
  const double missing = low - (high - low + 1.0) * static_cast<double>(rows + 1);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      if (At(scores, i, j, cols).status != ScoreStatus::kOk) gains(i, j) = missing;
    }
  }
  return gains;
}

std::vector<Index> Argmax(const Matrix& gains) {
  std::vector<Index> result;
  for (Index i = 0; i < gains.rows(); ++i) gains.row(i).maxCoeff(&result.emplace_back());
  return result;
}

// best(i, j): the largest total of rows 0 ... i if row i has column j.
std::vector<Index> Monotone(const Matrix& gains) {
  Matrix best = gains;
  // The column of the row before that best(i, j) goes on from.
  Eigen::Matrix<Index, Eigen::Dynamic, Eigen::Dynamic> from(gains.rows(), gains.cols());
  for (Index i = 1; i < gains.rows(); ++i) {
    Index last = 0;
    for (Index j = 0; j < gains.cols(); ++j) {
      if (best(i - 1, j) > best(i - 1, last)) last = j;
      from(i, j) = last;
      best(i, j) += best(i - 1, last);
    }
  }
  std::vector<Index> result(static_cast<size_t>(gains.rows()));
  best.row(gains.rows() - 1).maxCoeff(&result.back());
  for (Index i = gains.rows() - 1; i > 0; --i) {
    result[static_cast<size_t>(i - 1)] = from(i, result[static_cast<size_t>(i)]);
  }
  return result;
}

}  // namespace

const char* ToString(MatchMethod method) {
  switch (method) {
    case MatchMethod::kArgmax:
      return "argmax";
    case MatchMethod::kHungarian:
      return "hungarian";
    case MatchMethod::kMonotone:
      return "monotone";
  }
  return "";
}

absl::StatusOr<std::vector<Index>> MatchRows(const ComputeContext& context,
                                             const std::vector<Score>& scores, Index rows,
                                             Index cols, bool larger_is_more_similar,
                                             MatchMethod method) {
  const Matrix gains = Gains(scores, rows, cols, larger_is_more_similar);
  std::vector<Index> result;
  if (method == MatchMethod::kHungarian) {
    GRAMIAN_ASSIGN_OR_RETURN(result, MaximizeAssignment(context, gains));
  } else {
    result = method == MatchMethod::kArgmax ? Argmax(gains) : Monotone(gains);
  }
  for (Index i = 0; i < rows; ++i) {
    Index& col = result[static_cast<size_t>(i)];
    if (col >= 0 && At(scores, i, col, cols).status != ScoreStatus::kOk) col = -1;
  }
  return result;
}

std::vector<Score> AverageDirections(const std::vector<Score>& forth,
                                     const std::vector<Score>& back, Index rows, Index cols) {
  std::vector<Score> result = forth;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      Score& score = result[static_cast<size_t>(i * cols + j)];
      const Score& other = At(back, j, i, rows);
      if (score.status != ScoreStatus::kOk) continue;
      if (other.status != ScoreStatus::kOk) {
        score = other;
      } else {
        score.value = 0.5 * (score.value + other.value);
      }
    }
  }
  return result;
}

}  // namespace gramian
