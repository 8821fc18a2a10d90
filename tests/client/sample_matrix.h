#ifndef GRAMIAN_TESTS_CLIENT_SAMPLE_MATRIX_H_
#define GRAMIAN_TESTS_CLIENT_SAMPLE_MATRIX_H_

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "gramian/client/types.h"

namespace gramian::client {

// A rows x columns matrix of CKA between "a@1" and "b@2", its values spread over [0, 1].
inline SimilarityMatrix SampleMatrix(size_t rows, size_t columns) {
  SimilarityMatrix matrix;
  matrix.measure = "cka-kernel=linear-hsic=gretton-score";
  matrix.input_count = 500;
  for (size_t i = 0; i < rows; ++i) {
    matrix.row_labels.push_back(absl::StrCat("row", i));
    matrix.row_names.push_back(absl::StrCat("projects/p/networks/a/snapshots/1/layers/row", i));
    matrix.row_feature_counts.push_back(8);
  }
  for (size_t j = 0; j < columns; ++j) {
    matrix.column_labels.push_back(absl::StrCat("column", j));
    matrix.column_names.push_back(
        absl::StrCat("projects/p/networks/b/snapshots/2/layers/column", j));
    matrix.column_feature_counts.push_back(16);
  }
  const auto cell_count = static_cast<double>(rows * columns);
  for (size_t k = 0; k < rows * columns; ++k) {
    matrix.cells.push_back({static_cast<double>(k) / cell_count, ScoreStatus::kOk});
  }
  return matrix;
}

}  // namespace gramian::client

#endif  // GRAMIAN_TESTS_CLIENT_SAMPLE_MATRIX_H_
