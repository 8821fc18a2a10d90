#ifndef GRAMIAN_CLI_TEXT_H_
#define GRAMIAN_CLI_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {

// Characters of UTF-8 text, each taken as one column wide.
size_t TextWidth(absl::string_view text);

// `text` if it is at most `width` (>= 3) characters wide, else with `ellipsis`, one character, in
// its middle: both ends of a module path tell layers apart.
std::string Shorten(absl::string_view text, size_t width, absl::string_view ellipsis = "…");

// Each as Shorten does it, except that different texts stay different: where their middles would be
// lost, the ellipsis goes before what tells them apart ("enc…11.attention.output"), and where not
// even that has room, or fails, the text's index comes first.
std::vector<std::string> ShortenAll(const std::vector<std::string>& texts, size_t width,
                                    absl::string_view ellipsis = "…");

// Filled with spaces to `width` characters.
std::string PadRight(absl::string_view text, size_t width);
std::string PadLeft(absl::string_view text, size_t width);

// A score for people: two decimals for values up to 10 in size, else three significant digits.
// Never "-0.00".
std::string FormatScore(double value);

// The shortest text that reads back as the same double.
std::string FormatExact(double value);

// "float32", or "float64 factor(2)" of tangent data with 2 coordinates.
std::string FormatElements(const LayerInfo& layer);

// "512 B", "1.5 KiB", "20.0 MiB", ...
std::string FormatBytes(int64_t bytes);

// "2026-05-04 13:05:59", in the zone of this machine.
std::string FormatLocalTime(absl::Time time);

// "3.2 ms", "1.25 s", "2 min 05 s".
std::string FormatSeconds(double seconds);

// Rows of texts with aligned columns and, if given, a header.
class Table {
 public:
  enum class Align { kLeft, kRight };

  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // Two spaces between columns, no trailing spaces, a line feed after every row.
  std::string Render() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_TEXT_H_
