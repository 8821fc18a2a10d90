#include "gramian/base/assignment.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

constexpr Index kNone = -1;

// Assigns the rows of an m x n matrix, m <= n, one after another. Prices keep every reduced cost
// price_row + price_col - gain >= 0, and 0 on assigned pairs.
class Assigner {
 public:
  explicit Assigner(const Matrix& gains)
      : gains_(gains),
        row_price_(Vector::Zero(gains.rows())),
        col_price_(Vector::Zero(gains.cols())),
        col_of_row_(static_cast<size_t>(gains.rows()), kNone),
        row_of_col_(static_cast<size_t>(gains.cols()), kNone),
        came_from_(static_cast<size_t>(gains.cols()), kNone) {}

  // Gives `row` a column by the cheapest chain of reassignments (Dijkstra over the columns).
  void Assign(Index row) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    Vector cost = Vector::Constant(gains_.cols(), kInfinity);
    std::vector<Index> open(static_cast<size_t>(gains_.cols()));
    for (size_t j = 0; j < open.size(); ++j) open[j] = static_cast<Index>(j);
    std::vector<Index> settled;
    double reached = 0.0;
    Index free = kNone;
    for (Index from = row; free == kNone;) {
      size_t best = 0;
      for (size_t k = 0; k < open.size(); ++k) {
        const Index j = open[k];
        const double through = reached + row_price_[from] + col_price_[j] - gains_(from, j);
        if (through < cost[j]) {
          cost[j] = through;
          came_from_[static_cast<size_t>(j)] = from;
        }
        // Of equally near columns a free one ends the search.
        const bool nearer = cost[j] < cost[open[best]];
        if (nearer || (cost[j] == cost[open[best]] && RowOf(j) == kNone)) best = k;
      }
      const Index nearest = open[best];
      reached = cost[nearest];
      open[best] = open.back();
      open.pop_back();
      if (RowOf(nearest) == kNone) {
        free = nearest;
      } else {
        settled.push_back(nearest);
        from = RowOf(nearest);
      }
    }
    UpdatePrices(row, settled, cost, reached);
    Augment(row, free);
  }

  std::vector<Index> TakeColumns() && { return std::move(col_of_row_); }
  std::vector<Index> TakeRows() && { return std::move(row_of_col_); }

 private:
  Index RowOf(Index col) const { return row_of_col_[static_cast<size_t>(col)]; }

  void UpdatePrices(Index row, const std::vector<Index>& settled, const Vector& cost,
                    double reached) {
    row_price_[row] -= reached;
    for (const Index j : settled) {
      row_price_[RowOf(j)] -= reached - cost[j];
      col_price_[j] += reached - cost[j];
    }
  }

  // Reassigns along the path that ends in the free column.
  void Augment(Index row, Index col) {
    for (Index from = kNone; from != row;) {
      from = came_from_[static_cast<size_t>(col)];
      row_of_col_[static_cast<size_t>(col)] = from;
      std::swap(col, col_of_row_[static_cast<size_t>(from)]);
    }
  }

  const Matrix& gains_;
  Vector row_price_;
  Vector col_price_;
  std::vector<Index> col_of_row_;
  std::vector<Index> row_of_col_;
  std::vector<Index> came_from_;
};

}  // namespace

absl::StatusOr<std::vector<Index>> MaximizeAssignment(const ComputeContext& context,
                                                      const Matrix& gains) {
  const bool is_tall = gains.rows() > gains.cols();
  if (is_tall) {
    GRAMIAN_RETURN_IF_ERROR(
        context.CheckScratch(8 * gains.size(), "the transpose of an assignment problem"));
  }
  const Matrix transposed = is_tall ? Matrix(gains.transpose()) : Matrix();
  Assigner assigner(is_tall ? transposed : gains);
  for (Index row = 0; row < std::min(gains.rows(), gains.cols()); ++row) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    assigner.Assign(row);
  }
  return is_tall ? std::move(assigner).TakeRows() : std::move(assigner).TakeColumns();
}

double AssignedGain(const Matrix& gains, const std::vector<Index>& column_of_row) {
  double sum = 0.0;
  for (size_t i = 0; i < column_of_row.size(); ++i) {
    if (column_of_row[i] != kNone) sum += gains(static_cast<Index>(i), column_of_row[i]);
  }
  return sum;
}

}  // namespace gramian
