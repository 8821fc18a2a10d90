#ifndef GRAMIAN_CLI_EXPORT_H_
#define GRAMIAN_CLI_EXPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gramian/cli/heatmap.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {

// One matrix and how its figure looks.
struct Figure {
  SimilarityMatrix matrix;
  HeatmapStyle style;
};

// A field of a CSV file (RFC 4180), quoted where it has to be.
std::string CsvField(absl::string_view text);

// CSV (RFC 4180): the first field is the measure, the first row the column labels, the first column
// the row labels. Values read back as the same double; a cell without a score is empty.
std::string ToCsv(const SimilarityMatrix& matrix);

// One object with everything the answer said; a cell without a score is null in `values` and named
// in `statuses`.
std::string ToJson(const SimilarityMatrix& matrix);

// A float64 array, rows x columns; NaN where there is no score.
std::string ToNpy(const SimilarityMatrix& matrix);

// The scores of one pair of layers.
std::string ToCsv(const std::vector<Score>& scores);
std::string ToJson(const std::vector<Score>& scores);

// A view of an operator; row_count x column_count.
std::string ToCsv(const OperatorView& view);
std::string ToJson(const OperatorView& view);
std::string ToNpy(const OperatorView& view);

// INVALID_ARGUMENT unless every path ends in one of `extensions`, e.g. {".csv", ".json"}.
absl::Status CheckExtensions(const std::vector<std::string>& paths,
                             const std::vector<std::string>& extensions);

// Writes each figure to each path, as the path's extension says: .csv, .json, .npy or .svg. With
// several figures the measure goes into the file name: `map.svg` becomes `map.ms-cka-t=4.svg`.
absl::Status WriteFigures(const std::vector<Figure>& figures,
                          const std::vector<std::string>& paths);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_EXPORT_H_
