#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/heatmap.h"
#include "gramian/cli/svg.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

constexpr double kMargin = 14;
constexpr double kTitleFont = 15;
constexpr double kAxisFont = 13;
constexpr double kBarWidth = 14;
constexpr double kTick = 4;
constexpr size_t kLabelLimit = 36;
// Distance between ticks that gives four to ten of them: 1, 2 or 5 times a power of ten.
double TickStep(double extent) {
  const double raw = extent / 5;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double mantissa = raw / power;
  if (mantissa < 1.5) return power;
  if (mantissa < 3.5) return 2 * power;
  return mantissa < 7.5 ? 5 * power : 10 * power;
}

// Draws one matrix. The members are computed once, from the top of the figure to its bottom.
class SvgHeatmap {
 public:
  SvgHeatmap(const SimilarityMatrix& matrix, const HeatmapStyle& style)
      : matrix_(matrix),
        style_(style),
        row_labels_(ShortenAll(matrix.row_labels, kLabelLimit)),
        column_labels_(ShortenAll(matrix.column_labels, kLabelLimit)) {
    const double longer_side = static_cast<double>(std::max<size_t>({rows(), columns(), 1}));
    cell_ = std::clamp(std::floor(528 / longer_side), 11.0, 62.0);
    label_font_ = std::clamp(cell_ * 0.72, 7.5, 12.5);
    PlaceColumnLabels();
    PlaceLegend();
    const double axis_title = style.row_axis.empty() ? 0 : kAxisFont + 10;
    left_ = kMargin + axis_title + LongestLabel(row_labels_, label_font_) + kTick + 4;
    if (column_rotation_ == -45)
      left_ = std::max(left_, kMargin + column_label_height_ - cell_ / 2);
    top_ = kMargin + kTitleFont + 16 + kAxisFont;
    const double bar_room = 18 + kBarWidth + kTick + 6 + 6 * kSvgCharacterWidth * 11 + kMargin;
    title_font_ = kTitleFont;
    width_ = left_ + plot_width() + bar_room;
    const double title_room = width_ - 2 * kMargin;
    if (SvgTextWidth(style.title, title_font_) > title_room) {
      title_font_ =
          std::max(10.0, title_font_ * title_room / SvgTextWidth(style.title, title_font_));
      width_ = std::max(width_, SvgTextWidth(style.title, title_font_) + 2 * kMargin);
    }
    width_ = std::max(width_, 2 * kMargin + SvgTextWidth(Subtitle(), 11));
    bottom_axis_ = top_ + plot_height() + kTick + 4 + column_label_height_;
    height_ =
        bottom_axis_ + (style.column_axis.empty() ? 0 : kAxisFont + 10) + legend_height_ + kMargin;
  }

  std::string Render() const {
    return absl::StrCat(Open(), DrawCells(), DrawFrame(), DrawRowLabels(), DrawColumnLabels(),
                        DrawAxisTitles(), DrawColorBar(), DrawLegend(), "</svg>\n");
  }

 private:
  size_t rows() const { return matrix_.row_labels.size(); }
  size_t columns() const { return matrix_.column_labels.size(); }
  double plot_width() const { return cell_ * static_cast<double>(columns()); }
  double plot_height() const { return cell_ * static_cast<double>(rows()); }
  double x(size_t column) const { return left_ + cell_ * static_cast<double>(column); }
  double y(size_t row) const { return top_ + cell_ * static_cast<double>(rows() - 1 - row); }

  static double LongestLabel(const std::vector<std::string>& labels, double font) {
    double longest = 0;
    for (const std::string& label : labels) longest = std::max(longest, SvgTextWidth(label, font));
    return longest;
  }

  void PlaceColumnLabels() {
    const double longest = LongestLabel(column_labels_, label_font_);
    if (longest <= cell_ - 4) {
      column_label_height_ = label_font_;
    } else if (cell_ >= 18) {
      column_rotation_ = -45;
      column_label_height_ = (longest + label_font_) * std::sqrt(0.5);
    } else {
      column_rotation_ = -90;
      column_label_height_ = longest;
    }
  }

  void PlaceLegend() {
    std::set<std::string> reasons;
    for (const Cell& cell : matrix_.cells) {
      if (!cell.value.has_value()) reasons.insert(std::string(Name(cell.status)));
    }
    if (reasons.empty()) return;
    legend_ = absl::StrCat("no score: ", absl::StrJoin(reasons, ", "));
    legend_height_ = 26;
  }

  std::string Subtitle() const {
    std::string text =
        matrix_.larger_is_more_similar ? "larger is more similar" : "smaller is more similar";
    if (matrix_.input_count > 0)
      text = absl::StrCat("n = ", matrix_.input_count, " inputs, ", text);
    return style_.note.empty() ? text : absl::StrCat(text, "; ", style_.note);
  }

  // The font of the values: as large as lets the longest fit its cell, 0 when that cannot be read.
  double ValueFont() const {
    size_t longest = 4;
    for (const Cell& cell : matrix_.cells) {
      if (cell.value.has_value()) longest = std::max(longest, TextWidth(FormatScore(*cell.value)));
    }
    const double font =
        std::min(14.0, (cell_ - 3) / (kSvgCharacterWidth * static_cast<double>(longest)));
    return font >= 7 ? font : 0;
  }

  std::string Open() const {
    std::string result = absl::StrCat(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
        "version=\"1.1\" width=\"",
        SvgNumber(width_), "\" height=\"", SvgNumber(height_), "\" viewBox=\"0 0 ",
        SvgNumber(width_), " ", SvgNumber(height_), "\" font-family=\"sans-serif\">\n<title>",
        SvgEscape(style_.title), "</title>\n<defs>\n",
        "<pattern id=\"no-score\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\">"
        "<rect width=\"5\" height=\"5\" fill=\"#d8d8d8\"/><rect width=\"1.6\" height=\"5\" "
        "fill=\"#8c8c8c\"/>"
        "</pattern>\n<linearGradient id=\"scale\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">\n");
    for (int i = 0; i <= 32; ++i) {
      absl::StrAppend(&result, "<stop offset=\"", SvgNumber(i * 100 / 32.0), "%\" stop-color=\"",
                      Hex(style_.scale.AtPosition(i / 32.0)), "\"/>\n");
    }
    absl::StrAppend(
        &result,
        "</linearGradient>\n</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    result += SvgText(kMargin, kMargin + kTitleFont, style_.title,
                      {.font = title_font_, .is_bold = true});
    result += SvgText(kMargin, kMargin + kTitleFont + 17, Subtitle(),
                      {.font = 11, .color = {90, 90, 90}});
    return result;
  }

  std::string DrawCells() const {
    const double font = ValueFont();
    std::string squares = "<g shape-rendering=\"crispEdges\">\n";
    std::string values = "<g>\n";
    for (size_t i = 0; i < rows(); ++i) {
      for (size_t j = 0; j < columns(); ++j) {
        const Cell& cell = matrix_.at(i, j);
        const std::string text = cell.value.has_value() ? absl::StrFormat("%.4g", *cell.value)
                                                        : std::string(Name(cell.status));
        const std::string fill =
            cell.value.has_value() ? Hex(style_.scale.At(*cell.value)) : "url(#no-score)";
        absl::StrAppend(
            &squares, "<rect class=\"cell\" x=\"", SvgNumber(x(j)), "\" y=\"", SvgNumber(y(i)),
            "\" width=\"", SvgNumber(cell_), "\" height=\"", SvgNumber(cell_), "\" fill=\"", fill,
            "\"><title>", SvgEscape(matrix_.row_labels[i]), " and ",
            SvgEscape(matrix_.column_labels[j]), ": ", SvgEscape(text), "</title></rect>\n");
        if (font == 0 || !cell.value.has_value()) continue;
        values += SvgText(
            x(j) + cell_ / 2, y(i) + cell_ / 2 + 0.35 * font, FormatScore(*cell.value),
            {.font = font, .anchor = "middle", .color = Contrast(style_.scale.At(*cell.value))});
      }
    }
    return absl::StrCat(squares, "</g>\n", values, "</g>\n");
  }

  std::string DrawFrame() const {
    return absl::StrCat("<rect x=\"", SvgNumber(left_), "\" y=\"", SvgNumber(top_), "\" width=\"",
                        SvgNumber(plot_width()), "\" height=\"", SvgNumber(plot_height()),
                        "\" fill=\"none\" stroke=\"#333333\" stroke-width=\"0.8\"/>\n");
  }

  std::string DrawRowLabels() const {
    std::string result;
    for (size_t i = 0; i < rows(); ++i) {
      const double middle = y(i) + cell_ / 2;
      result += SvgLine(left_ - kTick, middle, left_, middle);
      result += SvgText(left_ - kTick - 3, middle + 0.35 * label_font_, row_labels_[i],
                        {.font = label_font_, .anchor = "end"});
    }
    return result;
  }

  std::string DrawColumnLabels() const {
    std::string result;
    const double axis = top_ + plot_height();
    for (size_t j = 0; j < columns(); ++j) {
      const double middle = x(j) + cell_ / 2;
      const std::string& text = column_labels_[j];
      result += SvgLine(middle, axis, middle, axis + kTick);
      if (column_rotation_ == 0) {
        result += SvgText(middle, axis + kTick + 2 + label_font_, text,
                          {.font = label_font_, .anchor = "middle"});
      } else if (column_rotation_ == -45) {
        result += SvgText(middle + 0.35 * label_font_, axis + kTick + 0.8 * label_font_, text,
                          {.font = label_font_, .anchor = "end", .rotation = -45});
      } else {
        result += SvgText(middle + 0.35 * label_font_, axis + kTick + 3, text,
                          {.font = label_font_, .anchor = "end", .rotation = -90});
      }
    }
    return result;
  }

  std::string DrawAxisTitles() const {
    std::string result;
    if (!style_.row_axis.empty()) {
      const double room = plot_height() + column_label_height_;
      const double font =
          std::clamp(kAxisFont * room / SvgTextWidth(style_.row_axis, kAxisFont), 8.0, kAxisFont);
      result += SvgText(kMargin + kAxisFont, top_ + plot_height() / 2, style_.row_axis,
                        {.font = font, .anchor = "middle", .rotation = -90});
    }
    if (!style_.column_axis.empty()) {
      result += SvgText(left_ + plot_width() / 2, bottom_axis_ + kAxisFont + 4, style_.column_axis,
                        {.font = kAxisFont, .anchor = "middle"});
    }
    return result;
  }

  std::string DrawColorBar() const {
    const double bar = left_ + plot_width() + 18;
    std::string result =
        absl::StrCat("<rect x=\"", SvgNumber(bar), "\" y=\"", SvgNumber(top_), "\" width=\"",
                     SvgNumber(kBarWidth), "\" height=\"", SvgNumber(plot_height()),
                     "\" fill=\"url(#scale)\" stroke=\"#333333\" stroke-width=\"0.8\"/>\n");
    const ColorScale& scale = style_.scale;
    const double step = TickStep(scale.high - scale.low);
    // A little beyond the end, for the rounding of multiples of the step.
    const double end = scale.high + 1e-9 * step;
    for (double k = std::ceil(scale.low / step - 1e-9); k * step <= end; ++k) {
      const double height = top_ + plot_height() * (1 - scale.Position(k * step));
      result += SvgLine(bar + kBarWidth, height, bar + kBarWidth + kTick, height);
      result += SvgText(bar + kBarWidth + kTick + 4, height + 4,
                        absl::StrFormat("%.4g", k == 0 ? 0.0 : k * step), {.font = 11});
    }
    return result;
  }

  std::string DrawLegend() const {
    if (legend_.empty()) return "";
    const double line = height_ - kMargin - 4;
    return absl::StrCat("<rect x=\"", SvgNumber(left_), "\" y=\"", SvgNumber(line - 11),
                        "\" width=\"14\" height=\"14\" fill=\"url(#no-score)\" stroke=\"#333333\" "
                        "stroke-width=\"0.5\"/>\n",
                        SvgText(left_ + 20, line, legend_, {.font = 11}));
  }

  const SimilarityMatrix& matrix_;
  const HeatmapStyle& style_;
  const std::vector<std::string> row_labels_;
  const std::vector<std::string> column_labels_;
  double cell_ = 0;
  double label_font_ = 0;
  double title_font_ = 0;
  double column_rotation_ = 0;
  double column_label_height_ = 0;
  double left_ = 0;
  double top_ = 0;
  double bottom_axis_ = 0;
  double width_ = 0;
  double height_ = 0;
  std::string legend_;
  double legend_height_ = 0;
};

}  // namespace

std::string RenderSvg(const SimilarityMatrix& matrix, const HeatmapStyle& style) {
  return SvgHeatmap(matrix, style).Render();
}

}  // namespace gramian::client::cli
