#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/match_export.h"
#include "gramian/cli/svg.h"

namespace gramian::client::cli {
namespace {

constexpr double kMargin = 14;
constexpr double kHead = 50;        // title and subtitle
constexpr double kSide = 320;       // of the longer side of the picture
constexpr double kTreeWidth = 240;  // from the leaves to the root
constexpr double kLeafHeight = 18;
constexpr double kFont = 11;
constexpr Color kPoint = {0, 114, 178};

double At(const EmbeddedNetwork& network, size_t k) {
  return k < network.coordinates.size() ? network.coordinates[k] : 0;
}

double LabelWidth(const EmbedReport& report) {
  double width = 0;
  for (const EmbeddedNetwork& network : report.networks) {
    width = std::max(width, SvgTextWidth(network.label, kFont));
  }
  return width;
}

std::string DrawPicture(const EmbedReport& report) {
  std::array<double, 2> low = {0, 0};
  std::array<double, 2> high = {0, 0};
  for (const EmbeddedNetwork& network : report.networks) {
    for (size_t k = 0; k < 2; ++k) {
      low[k] = std::min(low[k], At(network, k));
      high[k] = std::max(high[k], At(network, k));
    }
  }
  const double extent = std::max(high[0] - low[0], high[1] - low[1]);
  const double scale = extent > 0 ? kSide / extent : 1;
  std::string result;
  for (const EmbeddedNetwork& network : report.networks) {
    if (!network.is_placed) continue;
    const double x = 2 * kMargin + scale * (At(network, 0) - low[0]);
    const double y = kHead + 2 * kMargin + scale * (high[1] - At(network, 1));
    absl::StrAppend(&result, "<circle class=\"point\" cx=\"", SvgNumber(x), "\" cy=\"",
                    SvgNumber(y), "\" r=\"4\" fill=\"", Hex(kPoint), "\"><title>",
                    SvgEscape(network.label), "</title></circle>\n",
                    SvgText(x + 7, y + 4, network.label, {.font = kFont}));
  }
  return result;
}

// Leaves at `left`, heights to the right.
std::string DrawTree(const EmbedReport& report, double left) {
  struct Node {
    double x;
    double y;
  };
  std::vector<Node> nodes;
  std::string result;
  const double tallest = report.merges.empty() ? 0 : report.merges.back().height;
  const double scale = tallest > 0 ? kTreeWidth / tallest : 1;
  for (size_t i = 0; i < report.networks.size(); ++i) {
    if (!report.networks[i].is_placed) continue;
    const auto leaf = std::find(report.leaf_order.begin(), report.leaf_order.end(), i);
    const auto row = static_cast<double>(leaf - report.leaf_order.begin());
    nodes.push_back({left, kHead + 2 * kMargin + kLeafHeight * row});
    result += SvgText(left - 5, nodes.back().y + 4, report.networks[i].label,
                      {.font = kFont, .anchor = "end"});
  }
  for (const ClusterMerge& merge : report.merges) {
    const Node first = nodes[static_cast<size_t>(merge.first)];
    const Node second = nodes[static_cast<size_t>(merge.second)];
    const double x = left + scale * merge.height;
    result += SvgLine(first.x, first.y, x, first.y);
    result += SvgLine(second.x, second.y, x, second.y);
    result += SvgLine(x, first.y, x, second.y);
    nodes.push_back({x, (first.y + second.y) / 2});
  }
  if (tallest > 0) {
    result += SvgText(left + kTreeWidth, kHead + kMargin, absl::StrFormat("%.3g", tallest),
                      {.font = kFont, .anchor = "end", .color = {90, 90, 90}});
  }
  return result;
}

}  // namespace

std::string RenderSvg(const EmbedReport& report) {
  const std::string subtitle =
      absl::StrCat("n = ", report.input_count, ", ", report.leaf_order.size(),
                   " networks, stress-1 of the picture ", absl::StrFormat("%.3f", report.stress));
  const double label = LabelWidth(report);
  const double tree = 5 * kMargin + kSide + 2 * label;
  const double width = tree + kTreeWidth + 2 * kMargin;
  const double height =
      kHead + 4 * kMargin +
      std::max(kSide, kLeafHeight * static_cast<double>(report.leaf_order.size()));
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
      "version=\"1.1\" width=\"",
      SvgNumber(width), "\" height=\"", SvgNumber(height), "\" viewBox=\"0 0 ", SvgNumber(width),
      " ", SvgNumber(height), "\" font-family=\"sans-serif\">\n<title>Networks by ",
      SvgEscape(report.measure),
      "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      SvgText(kMargin, kMargin + 15, report.measure, {.font = 15, .is_bold = true}),
      SvgText(kMargin, kMargin + 32, subtitle, {.font = kFont, .color = {90, 90, 90}}),
      DrawPicture(report), DrawTree(report, tree), "</svg>\n");
}

}  // namespace gramian::client::cli
