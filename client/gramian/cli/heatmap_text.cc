#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/heatmap.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

constexpr size_t kLabelWidth = 28;
constexpr Color kNoScore = {128, 128, 128};

size_t LongestLabel(const std::vector<std::string>& labels, size_t limit) {
  size_t longest = 0;
  for (const std::string& label : labels) longest = std::max(longest, TextWidth(label));
  return std::min(longest, limit);
}

// Centered in `width` characters.
std::string Center(absl::string_view text, size_t width) {
  const size_t length = TextWidth(text);
  const size_t left = width > length ? (width - length) / 2 : 0;
  return PadRight(absl::StrCat(std::string(left, ' '), text), width);
}

// `text`, or block characters of the value's shade where there is no color and no room for text.
std::string DrawCell(const Cell& cell, size_t width, const ColorScale& scale,
                     const Terminal& terminal) {
  static constexpr std::array<const char*, 5> kShades = {" ", "░", "▒", "▓", "█"};
  const bool has_room = width >= 5;
  if (!cell.value.has_value()) {
    return Paint(Center(has_room ? "––" : "╱╱", width), kNoScore, terminal.colors);
  }
  const std::string text = Center(has_room ? FormatScore(*cell.value) : "", width);
  if (terminal.colors != Terminal::Colors::kNone)
    return Paint(text, scale.At(*cell.value), terminal.colors);
  const auto shade = static_cast<size_t>(scale.Position(*cell.value) * 4.999);
  if (!has_room) return absl::StrCat(kShades[shade], kShades[shade]);
  return absl::StrCat(kShades[shade], Center(FormatScore(*cell.value), width - 1));
}

size_t ChooseCellWidth(const SimilarityMatrix& matrix, size_t label_width,
                       const Terminal& terminal) {
  const size_t columns = std::max<size_t>(matrix.column_labels.size(), 1);
  const size_t room =
      terminal.width > label_width + 1 ? (terminal.width - label_width - 1) / columns : 0;
  const size_t wanted = std::max<size_t>(LongestLabel(matrix.column_labels, 11) + 1, 8);
  if (room >= wanted) return wanted;
  return room >= 6 ? room : 2;
}

// Names under the columns; where they do not fit, every fifth column's number.
std::string ColumnLabels(const SimilarityMatrix& matrix, size_t cell_width, size_t label_width) {
  std::string line(label_width + 1, ' ');
  for (size_t j = 0; j < matrix.column_labels.size(); ++j) {
    if (cell_width >= 6) {
      line += Center(Shorten(matrix.column_labels[j], cell_width - 1), cell_width);
    } else if (j % 5 == 0) {
      line += PadRight(absl::StrCat(j), 5 * cell_width);
    }
  }
  absl::StripTrailingAsciiWhitespace(&line);
  return line + "\n";
}

std::string ColorBar(const ColorScale& scale, size_t indent, const Terminal& terminal) {
  if (terminal.colors == Terminal::Colors::kNone) return "";
  constexpr int kSteps = 32;
  std::string bar;
  for (int i = 0; i < kSteps; ++i)
    bar += Paint(" ", scale.AtPosition((i + 0.5) / kSteps), terminal.colors);
  return absl::StrCat(std::string(indent, ' '), FormatScore(scale.low), " ", bar, " ",
                      FormatScore(scale.high), "\n");
}

std::string Legend(const SimilarityMatrix& matrix, size_t indent) {
  std::set<std::string> reasons;
  for (const Cell& cell : matrix.cells) {
    if (!cell.value.has_value()) reasons.insert(std::string(Name(cell.status)));
  }
  if (reasons.empty()) return "";
  return absl::StrCat(std::string(indent, ' '), "–– no score: ", absl::StrJoin(reasons, ", "),
                      "\n");
}

}  // namespace

std::string RenderText(const SimilarityMatrix& matrix, const HeatmapStyle& style,
                       const Terminal& terminal) {
  const size_t label_width = LongestLabel(matrix.row_labels, kLabelWidth);
  const size_t cell_width = ChooseCellWidth(matrix, label_width, terminal);
  std::string result = style.title.empty() ? "" : Bold(style.title, terminal) + "\n";
  if (!style.row_axis.empty())
    absl::StrAppend(&result, PadLeft("↑ " + style.row_axis, label_width), "\n");
  for (size_t i = matrix.row_labels.size(); i-- > 0;) {
    absl::StrAppend(&result, PadLeft(Shorten(matrix.row_labels[i], kLabelWidth), label_width), " ");
    for (size_t j = 0; j < matrix.column_labels.size(); ++j) {
      result += DrawCell(matrix.at(i, j), cell_width, style.scale, terminal);
    }
    result += "\n";
  }
  result += ColumnLabels(matrix, cell_width, label_width);
  if (!style.column_axis.empty()) {
    const size_t width = label_width + 1 + cell_width * matrix.column_labels.size();
    absl::StrAppend(&result, PadLeft(style.column_axis + " →", width), "\n");
  }
  return absl::StrCat(result, ColorBar(style.scale, label_width + 1, terminal),
                      Legend(matrix, label_width + 1));
}

std::string RenderTable(const SimilarityMatrix& matrix) {
  std::vector<Table::Align> align(matrix.column_labels.size() + 1, Table::Align::kRight);
  align[0] = Table::Align::kLeft;
  Table table(align);
  std::vector<std::string> header = {matrix.measure};
  header.insert(header.end(), matrix.column_labels.begin(), matrix.column_labels.end());
  table.AddRow(std::move(header));
  for (size_t i = 0; i < matrix.row_labels.size(); ++i) {
    std::vector<std::string> row = {matrix.row_labels[i]};
    for (size_t j = 0; j < matrix.column_labels.size(); ++j) {
      const Cell& cell = matrix.at(i, j);
      row.push_back(cell.value.has_value() ? absl::StrFormat("%.6g", *cell.value)
                                           : std::string(Name(cell.status)));
    }
    table.AddRow(std::move(row));
  }
  return table.Render();
}

}  // namespace gramian::client::cli
