// Pieces of SVG that figures share.
#ifndef GRAMIAN_CLI_SVG_H_
#define GRAMIAN_CLI_SVG_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gramian/cli/color.h"

namespace gramian::client::cli {

// Advance of an average character in units of the font size; the widest common sans-serif fonts
// reach it.
inline constexpr double kSvgCharacterWidth = 0.61;

// Text for between tags or quotes.
std::string SvgEscape(absl::string_view text);

// How wide a text becomes, at most.
double SvgTextWidth(absl::string_view text, double font);

// A coordinate with at most two decimals.
std::string SvgNumber(double value);

struct TextStyle {
  double font = 12;
  absl::string_view anchor = "start";  // start, middle or end
  double rotation = 0;                 // degrees, clockwise, about the anchor
  bool is_bold = false;
  Color color = {20, 20, 20};
};

std::string SvgText(double x, double y, absl::string_view text, const TextStyle& style);

// A thin dark line.
std::string SvgLine(double x1, double y1, double x2, double y2);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_SVG_H_
