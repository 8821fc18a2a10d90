#include "gramian/cli/svg.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {

std::string SvgEscape(absl::string_view text) {
  return absl::StrReplaceAll(
      text,
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"\n", " "}, {"\r", " "}});
}

double SvgTextWidth(absl::string_view text, double font) {
  return kSvgCharacterWidth * font * static_cast<double>(TextWidth(text));
}

std::string SvgNumber(double value) {
  const double rounded = std::round(value * 100) / 100;
  return absl::StrCat(rounded == 0 ? 0.0 : rounded);
}

std::string SvgText(double x, double y, absl::string_view text, const TextStyle& style) {
  std::string attributes = absl::StrCat(
      "x=\"", SvgNumber(x), "\" y=\"", SvgNumber(y), "\" font-size=\"", SvgNumber(style.font),
      "\" text-anchor=\"", style.anchor, "\" fill=\"", Hex(style.color), "\"");
  if (style.is_bold) attributes += " font-weight=\"bold\"";
  if (style.rotation != 0) {
    absl::StrAppend(&attributes, " transform=\"rotate(", SvgNumber(style.rotation), " ",
                    SvgNumber(x), " ", SvgNumber(y), ")\"");
  }
  return absl::StrCat("<text ", attributes, ">", SvgEscape(text), "</text>\n");
}

std::string SvgLine(double x1, double y1, double x2, double y2) {
  return absl::StrCat("<line x1=\"", SvgNumber(x1), "\" y1=\"", SvgNumber(y1), "\" x2=\"",
                      SvgNumber(x2), "\" y2=\"", SvgNumber(y2),
                      "\" stroke=\"#333333\" stroke-width=\"0.8\"/>\n");
}

}  // namespace gramian::client::cli
