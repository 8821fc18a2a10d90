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

// What cells and arrows are made of.
struct Glyphs {
  std::array<absl::string_view, 5> shades;  // from low to high, none of them blank
  absl::string_view no_score;
  absl::string_view hatch;  // of a cell without a score and without room
  absl::string_view up;
  absl::string_view right;
};

constexpr Glyphs kUnicode = {{"·", "░", "▒", "▓", "█"}, "––", "╱", "↑ ", " →"};
constexpr Glyphs kAscii = {{".", ":", "+", "*", "#"}, "--", "/", "^ ", " >"};

std::string Repeat(absl::string_view text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&result, text);
  return result;
}

// Draws one heatmap. Where not even one character per column fits, the columns come in panels one
// below the other.
class TextHeatmap {
 public:
  TextHeatmap(const SimilarityMatrix& matrix, const HeatmapStyle& style, const Terminal& terminal)
      : matrix_(matrix),
        style_(style),
        terminal_(terminal),
        glyphs_(terminal.has_unicode ? kUnicode : kAscii),
        label_width_(LongestLabel(matrix.row_labels,
                                  std::clamp<size_t>(terminal.width / 2, 3, kLabelWidth))),
        cell_width_(ChooseCellWidth()),
        row_labels_(FitAll(matrix.row_labels, label_width_)),
        column_labels_(FitAll(matrix.column_labels, cell_width_ - 1)) {}

  std::string Draw() const {
    std::string result = style_.title.empty() ? "" : Bold(Fit(style_.title), terminal_) + "\n";
    if (!style_.row_axis.empty()) {
      absl::StrAppend(&result,
                      PadLeft(Fit(absl::StrCat(glyphs_.up, style_.row_axis)), label_width_), "\n");
    }
    const size_t columns = matrix_.column_labels.size();
    const size_t panel = std::max<size_t>(1, Room() / cell_width_);
    size_t begin = 0;
    do {
      absl::StrAppend(&result, Panel(begin, std::min(columns, begin + panel)));
      begin += panel;
    } while (begin < columns);
    if (!style_.column_axis.empty()) {
      const size_t width = label_width_ + 1 + cell_width_ * std::min(columns, panel);
      absl::StrAppend(&result, PadLeft(Fit(absl::StrCat(style_.column_axis, glyphs_.right)), width),
                      "\n");
    }
    return absl::StrCat(result, ColorBar(), Legend());
  }

 private:
  // What is beside the names of rows.
  size_t Room() const {
    return terminal_.width > label_width_ + 1 ? terminal_.width - label_width_ - 1 : 1;
  }

  std::vector<std::string> FitAll(const std::vector<std::string>& texts, size_t width) const {
    return ShortenAll(texts, std::max<size_t>(width, 3), Ellipsis(terminal_));
  }
  std::string Fit(absl::string_view text) const {
    return Shorten(text, std::max<size_t>(terminal_.width, 3), Ellipsis(terminal_));
  }

  size_t ChooseCellWidth() const {
    const size_t room = Room() / std::max<size_t>(matrix_.column_labels.size(), 1);
    const size_t wanted = std::max<size_t>(LongestLabel(matrix_.column_labels, 11) + 1, 8);
    if (room >= wanted) return wanted;
    if (room >= 6) return room;
    return room >= 2 ? 2 : 1;
  }

  // Whether a cell can hold a text.
  bool HasRoom() const { return cell_width_ >= 5; }

  // The value, or a block of its shade where there is no color and no room for text.
  std::string DrawCell(const Cell& cell) const {
    if (!cell.value.has_value()) {
      const std::string text =
          HasRoom() ? Center(glyphs_.no_score, cell_width_) : Repeat(glyphs_.hatch, cell_width_);
      return Paint(text, kNoScore, terminal_.colors);
    }
    const std::string text = Center(HasRoom() ? FormatScore(*cell.value) : "", cell_width_);
    if (terminal_.colors != Terminal::Colors::kNone)
      return Paint(text, style_.scale.At(*cell.value), terminal_.colors);
    const absl::string_view shade =
        glyphs_.shades[static_cast<size_t>(style_.scale.Position(*cell.value) * 4.999)];
    if (!HasRoom()) return Repeat(shade, cell_width_);
    return absl::StrCat(shade, Center(FormatScore(*cell.value), cell_width_ - 1));
  }

  // All rows of the columns begin ... end - 1, and what the columns are.
  std::string Panel(size_t begin, size_t end) const {
    std::string result;
    for (size_t i = matrix_.row_labels.size(); i-- > 0;) {
      absl::StrAppend(&result, PadLeft(row_labels_[i], label_width_), " ");
      for (size_t j = begin; j < end; ++j) result += DrawCell(matrix_.at(i, j));
      result += "\n";
    }
    return result + ColumnLabels(begin, end);
  }

  // Names under the columns; where they do not fit, every fifth column's number.
  std::string ColumnLabels(size_t begin, size_t end) const {
    std::string line(label_width_ + 1, ' ');
    for (size_t j = begin; j < end; ++j) {
      if (cell_width_ >= 6) {
        line += Center(column_labels_[j], cell_width_);
      } else if (j % 5 == 0) {
        const std::string number = absl::StrCat(j);
        const size_t start = label_width_ + 1 + (j - begin) * cell_width_;
        if (start < line.size() || number.size() > (end - j) * cell_width_) continue;
        line = PadRight(line, start) + number + " ";
      }
    }
    absl::StripTrailingAsciiWhitespace(&line);
    return line + "\n";
  }

  std::string ColorBar() const {
    if (terminal_.colors == Terminal::Colors::kNone) return "";
    const std::string low = FormatScore(style_.scale.low);
    const std::string high = FormatScore(style_.scale.high);
    const size_t texts = low.size() + high.size() + 2;
    const size_t steps = std::clamp<size_t>(Room() > texts ? Room() - texts : 1, 1, 32);
    std::string bar;
    for (size_t i = 0; i < steps; ++i) {
      const double position = (static_cast<double>(i) + 0.5) / static_cast<double>(steps);
      bar += Paint(" ", style_.scale.AtPosition(position), terminal_.colors);
    }
    return absl::StrCat(std::string(label_width_ + 1, ' '), low, " ", bar, " ", high, "\n");
  }

  std::string Legend() const {
    std::set<std::string> reasons;
    for (const Cell& cell : matrix_.cells) {
      if (!cell.value.has_value()) reasons.insert(std::string(Name(cell.status)));
    }
    if (reasons.empty()) return "";
    const std::string text = absl::StrCat(HasRoom() ? glyphs_.no_score : glyphs_.hatch,
                                          " no score: ", absl::StrJoin(reasons, ", "));
    const size_t indent = TextWidth(text) <= Room() ? label_width_ + 1 : 0;
    return absl::StrCat(std::string(indent, ' '), Fit(text), "\n");
  }

  const SimilarityMatrix& matrix_;
  const HeatmapStyle& style_;
  const Terminal& terminal_;
  const Glyphs& glyphs_;
  const size_t label_width_;
  const size_t cell_width_;
  const std::vector<std::string> row_labels_;
  const std::vector<std::string> column_labels_;
};

}  // namespace

std::string RenderText(const SimilarityMatrix& matrix, const HeatmapStyle& style,
                       const Terminal& terminal) {
  return TextHeatmap(matrix, style, terminal).Draw();
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
