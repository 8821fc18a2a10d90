#ifndef GRAMIAN_CLI_HEATMAP_H_
#define GRAMIAN_CLI_HEATMAP_H_

#include <string>

#include "gramian/cli/color.h"
#include "gramian/cli/terminal.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {

// What a heatmap says besides the matrix. Empty texts are left out.
struct HeatmapStyle {
  std::string title;        // the measure's canonical name
  std::string row_axis;     // whose layers the rows are, e.g. "net0@100"
  std::string column_axis;  //
  std::string note;         // how it was made, e.g. the order of fusion
  ColorScale scale;
};

// Both draw row 0 at the bottom and column 0 at the left, as similarity maps are drawn in papers; a
// cell without a score is hatched and its reason given in a legend.

// A figure of its own: SVG 1.1 without scripts, style sheets or anything outside the file. Names on
// both axes, a color bar with ticks, values in the cells where they can be read; pointing at a cell
// shows its names and value. Sizes follow the number of cells, so that 50 x 50 still fits a column
// of text.
std::string RenderSvg(const SimilarityMatrix& matrix, const HeatmapStyle& style);

// The same for a terminal: colored cells with values, narrower cells without where the terminal is
// too narrow, and columns in panels below each other where it is narrower still: no line is wider
// than the terminal. Without color, shades of gray made of block characters, or of ASCII ones.
std::string RenderText(const SimilarityMatrix& matrix, const HeatmapStyle& style,
                       const Terminal& terminal);

// An aligned table, row 0 on top, for output that is not a terminal. A cell without a score says
// why.
std::string RenderTable(const SimilarityMatrix& matrix);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_HEATMAP_H_
