// Cuts a matrix into blocks for a stream.
#ifndef GRAMIAN_SERVER_BLOCK_CURSOR_H_
#define GRAMIAN_SERVER_BLOCK_CURSOR_H_

#include <algorithm>
#include <cstdint>

namespace gramian {

// Where the next block of a row-major matrix begins. Blocks are whole rows, or a part of a row that
// is longer than a block; in row-major order they cover the matrix once.
class BlockCursor {
 public:
  // 1 MiB of doubles.
  static constexpr int64_t kBlockValues = int64_t{1} << 17;

  bool IsAtEnd(int64_t rows, int64_t cols) const { return row_ >= rows || cols == 0; }

  // Puts the next block of `values` (rows x cols; not at the end) into a message with first_row,
  // row_count, first_column, column_count and values.
  template <typename Value, typename Block>
  void FillNext(const Value* values, int64_t rows, int64_t cols, Block& block) {
    const int64_t columns = std::min(cols, kBlockValues);
    const int64_t row_count = std::max<int64_t>(1, kBlockValues / columns);
    block.set_first_row(row_);
    block.set_row_count(std::min(row_count, rows - row_));
    block.set_first_column(column_);
    block.set_column_count(std::min(columns, cols - column_));
    for (int64_t i = row_; i < row_ + block.row_count(); ++i) {
      const Value* first = values + i * cols + column_;
      block.mutable_values()->Add(first, first + block.column_count());
    }
    column_ += columns;
    if (column_ < cols) return;
    column_ = 0;
    row_ += row_count;
  }

 private:
  int64_t row_ = 0;
  int64_t column_ = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_BLOCK_CURSOR_H_
