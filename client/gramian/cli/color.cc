#include "gramian/cli/color.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>

namespace gramian::client::cli {
namespace {

constexpr std::array<Color, 33> kMagma = {{
    {0, 0, 4},       {3, 3, 17},      {10, 8, 34},     {19, 13, 51},    {29, 17, 70},
    {40, 17, 90},    {54, 16, 106},   {67, 15, 118},   {80, 18, 124},   {93, 23, 127},
    {105, 28, 129},  {118, 33, 129},  {130, 38, 129},  {143, 42, 129},  {156, 46, 127},
    {169, 50, 125},  {182, 55, 121},  {195, 59, 117},  {207, 65, 112},  {219, 72, 106},
    {230, 81, 99},   {238, 92, 94},   {245, 105, 92},  {249, 120, 93},  {251, 135, 97},
    {253, 150, 104}, {254, 165, 113}, {254, 180, 123}, {254, 195, 135}, {254, 209, 148},
    {253, 224, 162}, {252, 238, 176}, {252, 253, 191},
}};

constexpr std::array<Color, 5> kDiverging = {
    {{28, 72, 148}, {118, 168, 210}, {247, 247, 247}, {226, 140, 110}, {160, 24, 44}}};

Color Interpolate(std::span<const Color> stops, double position) {
  const double scaled = std::clamp(position, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
  const auto index = std::min(static_cast<size_t>(scaled), stops.size() - 2);
  const double fraction = scaled - static_cast<double>(index);
  const auto mix = [fraction](uint8_t from, uint8_t to) {
    return static_cast<uint8_t>(std::lround(from + fraction * (to - from)));
  };
  const Color& from = stops[index];
  const Color& to = stops[index + 1];
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

// Relative luminance (WCAG 2): the share of the three channels in perceived lightness.
double Luminance(Color color) {
  const auto linear = [](uint8_t channel) {
    const double share = channel / 255.0;
    return share <= 0.03928 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
}

}  // namespace

Color Magma(double position) { return Interpolate(kMagma, position); }

Color Diverging(double position) { return Interpolate(kDiverging, position); }

std::string Hex(Color color) {
  char text[8];
  std::snprintf(text, sizeof(text), "#%02x%02x%02x", color.red, color.green, color.blue);
  return text;
}

Color Contrast(Color background) {
  // By the WCAG formula black wins above 0.18 already, but on saturated mid-tones white reads
  // better.
  return Luminance(background) > 0.26 ? Color{0, 0, 0} : Color{255, 255, 255};
}

double ColorScale::Position(double value) const {
  return std::clamp((value - low) / (high - low), 0.0, 1.0);
}

Color ColorScale::At(double value) const { return AtPosition(Position(value)); }

Color ColorScale::AtPosition(double position) const {
  return is_diverging ? Diverging(position) : Magma(position);
}

ColorScale ChooseScale(double range_min, double range_max, const SimilarityMatrix& matrix) {
  double least = std::numeric_limits<double>::infinity();
  double greatest = -least;
  for (const Cell& cell : matrix.cells) {
    if (!cell.value.has_value()) continue;
    least = std::min(least, *cell.value);
    greatest = std::max(greatest, *cell.value);
  }
  const bool has_values = least <= greatest;
  if (!has_values || (least >= 0 && greatest <= 1 && range_max == 1)) return {0, 1, false};
  if (least < 0) {
    const double bound = std::max(std::abs(least), std::abs(greatest));
    const double extent = std::isfinite(range_max) && bound <= range_max ? range_max : bound;
    return {-extent, extent, true};
  }
  ColorScale scale = {std::isfinite(range_min) ? std::min(range_min, least) : least,
                      std::isfinite(range_max) ? std::max(range_max, greatest) : greatest, false};
  if (scale.low == scale.high) scale.high = scale.low + 1;
  return scale;
}

}  // namespace gramian::client::cli
