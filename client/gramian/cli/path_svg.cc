#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/color.h"
#include "gramian/cli/path_export.h"
#include "gramian/cli/svg.h"

namespace gramian::client::cli {
namespace {

constexpr double kMargin = 14;
constexpr double kSide = 480;  // of the longer side of the picture
constexpr double kLabelFont = 11;
constexpr double kHead = 50;  // title and subtitle
constexpr double kLine = 18;  // of the legend

// Okabe and Ito's colors, told apart with color blindness; more paths than colors share them.
constexpr std::array<Color, 7> kColors = {{{0, 114, 178},
                                           {213, 94, 0},
                                           {0, 158, 115},
                                           {204, 121, 167},
                                           {230, 159, 0},
                                           {86, 180, 233},
                                           {60, 60, 60}}};

// What a point's place in the picture becomes in the figure.
class Frame {
 public:
  explicit Frame(const PathReport& report) {
    for (const NetworkPath& path : report.paths) {
      for (const PathPoint& point : path.points) Include(point);
    }
    const double extent = std::max(high_[0] - low_[0], high_[1] - low_[1]);
    scale_ = extent > 0 ? kSide / extent : 1;
  }

  static bool Has(const PathPoint& point) { return point.picture_coordinates.size() >= 2; }
  double x(const PathPoint& point) const {
    return 2 * kMargin + scale_ * (point.picture_coordinates[0] - low_[0]);
  }
  // Upwards.
  double y(const PathPoint& point) const {
    return kHead + 2 * kMargin + scale_ * (high_[1] - point.picture_coordinates[1]);
  }
  // With room for labels to the right.
  double width() const { return 4 * kMargin + scale_ * (high_[0] - low_[0]) + 120; }
  double bottom() const { return kHead + 4 * kMargin + scale_ * (high_[1] - low_[1]); }

 private:
  void Include(const PathPoint& point) {
    if (!Has(point)) return;
    for (size_t k = 0; k < 2; ++k) {
      const double value = point.picture_coordinates[k];
      low_[k] = is_empty_ ? value : std::min(low_[k], value);
      high_[k] = is_empty_ ? value : std::max(high_[k], value);
    }
    is_empty_ = false;
  }

  bool is_empty_ = true;
  std::array<double, 2> low_ = {0, 0};
  std::array<double, 2> high_ = {0, 0};
  double scale_ = 1;
};

std::string DrawPath(const NetworkPath& path, const Frame& frame, Color color) {
  std::string line;
  std::string points;
  for (const PathPoint& point : path.points) {
    if (!Frame::Has(point)) continue;
    const std::string x = SvgNumber(frame.x(point));
    const std::string y = SvgNumber(frame.y(point));
    absl::StrAppend(&line, line.empty() ? "" : " ", x, ",", y);
    absl::StrAppend(&points, "<circle class=\"point\" cx=\"", x, "\" cy=\"", y,
                    "\" r=\"3.5\" fill=\"", Hex(color), "\"><title>", SvgEscape(path.label), " ",
                    SvgEscape(point.label), "</title></circle>\n",
                    SvgText(frame.x(point) + 6, frame.y(point) - 5, point.label,
                            {.font = kLabelFont, .color = color}));
  }
  return absl::StrCat("<polyline points=\"", line, "\" fill=\"none\" stroke=\"", Hex(color),
                      "\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>\n", points);
}

}  // namespace

std::string RenderSvg(const PathReport& report) {
  const Frame frame(report);
  const double stress = report.picture.has_value() ? report.picture->stress : 0;
  const std::string subtitle =
      absl::StrCat("n = ", report.input_count, ", ", report.point_count,
                   " points, stress-1 of the picture ", absl::StrFormat("%.3f", stress));
  const double width = std::max({frame.width(), 2 * kMargin + SvgTextWidth(report.measure, 15),
                                 2 * kMargin + SvgTextWidth(subtitle, kLabelFont)});
  const double height = frame.bottom() + kLine * static_cast<double>(report.paths.size()) + kMargin;
  std::string result = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
      "version=\"1.1\" width=\"",
      SvgNumber(width), "\" height=\"", SvgNumber(height), "\" viewBox=\"0 0 ", SvgNumber(width),
      " ", SvgNumber(height), "\" font-family=\"sans-serif\">\n<title>Paths by ",
      SvgEscape(report.measure),
      "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
  result += SvgText(kMargin, kMargin + 15, report.measure, {.font = 15, .is_bold = true});
  result += SvgText(kMargin, kMargin + 32, subtitle, {.font = kLabelFont, .color = {90, 90, 90}});
  for (size_t i = 0; i < report.paths.size(); ++i) {
    const Color color = kColors[i % kColors.size()];
    result += DrawPath(report.paths[i], frame, color);
    const double y = frame.bottom() + kLine * static_cast<double>(i);
    absl::StrAppend(&result, "<rect x=\"", SvgNumber(2 * kMargin), "\" y=\"", SvgNumber(y - 9),
                    "\" width=\"10\" height=\"10\" fill=\"", Hex(color), "\"/>\n",
                    SvgText(2 * kMargin + 16, y, report.paths[i].label, {.font = kLabelFont}));
  }
  return result + "</svg>\n";
}

}  // namespace gramian::client::cli
