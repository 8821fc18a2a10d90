#ifndef GRAMIAN_CLI_COLOR_H_
#define GRAMIAN_CLI_COLOR_H_

#include <cstdint>
#include <string>

#include "gramian/client/types.h"

namespace gramian::client::cli {

struct Color {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;

  bool operator==(const Color&) const = default;
};

// The color map "magma" at `position` in [0, 1], from black through magenta to pale yellow;
// positions beyond are clamped. Perceptually uniform, and legible in gray and with color blindness.
// Within 2/255 of matplotlib's table, which its authors gave to the public domain (CC0).
Color Magma(double position);

// Blue through white to red, for values on both sides of zero; 0.5 is white.
Color Diverging(double position);

// "#rrggbb".
std::string Hex(Color color);

// Black or white, whichever is easier to read on `background`.
Color Contrast(Color background);

// Which color a score has.
struct ColorScale {
  double low = 0;
  double high = 1;
  bool is_diverging = false;

  // Where `value` lies between low and high, clamped to [0, 1].
  double Position(double value) const;
  Color At(double value) const;
  Color AtPosition(double position) const;
};

// The scale for a matrix whose measure ranges over [range_min, range_max], either of which may be
// infinite:
//   [0, 1] where all values lie in it and the measure's range ends at 1, the scale papers use;
//   symmetric about 0 and diverging, where values are negative;
//   else the measure's range, or that of the values where it is infinite.
ColorScale ChooseScale(double range_min, double range_max, const SimilarityMatrix& matrix);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_COLOR_H_
