#include "gramian/cli/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gramian::client::cli {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Byte position of character number `index`.
size_t Position(absl::string_view text, size_t index) {
  size_t position = 0;
  while (position < text.size() && (index > 0 || IsContinuation(text[position]))) {
    if (!IsContinuation(text[position])) --index;
    ++position;
    while (position < text.size() && IsContinuation(text[position])) ++position;
  }
  return position;
}

// The texts that share what they are shortened to.
using Alike = std::map<std::string, std::set<std::string>>;

Alike GroupBy(const std::vector<std::string>& shortened, const std::vector<std::string>& texts) {
  Alike groups;
  for (size_t i = 0; i < texts.size(); ++i) groups[shortened[i]].insert(texts[i]);
  return groups;
}

// `text` around what sets it apart from the others of `alike`, which are of the same head and tail,
// in whole parts of a module path; empty where it has no room.
std::string ShortenAround(absl::string_view text, const std::set<std::string>& alike, size_t width,
                          absl::string_view ellipsis) {
  size_t head = text.size();
  size_t tail = text.size();
  for (const std::string& other : alike) {
    if (other == text) continue;
    const auto first = std::mismatch(text.begin(), text.end(), other.begin(), other.end()).first;
    head = std::min(head, static_cast<size_t>(first - text.begin()));
    const auto last = std::mismatch(text.rbegin(), text.rend(), other.rbegin(), other.rend()).first;
    tail = std::min(tail, static_cast<size_t>(last - text.rbegin()));
  }
  const size_t dot = text.substr(0, head).rfind('.');
  const size_t begin = dot == absl::string_view::npos ? 0 : dot + 1;
  const size_t end = std::max(begin, std::min(text.find('.', text.size() - tail), text.size()));
  const size_t rest = TextWidth(text.substr(begin));
  if (rest + 1 <= width) {
    return absl::StrCat(text.substr(0, Position(text, width - 1 - rest)), ellipsis,
                        text.substr(begin));
  }
  const size_t middle = TextWidth(text.substr(begin, end - begin));
  if (middle + 2 > width) return "";
  const size_t after = width - 2 - middle;
  return absl::StrCat(begin == 0 ? "" : ellipsis, text.substr(begin, end - begin), ellipsis,
                      text.substr(Position(text, TextWidth(text) - after)));
}

}  // namespace

size_t TextWidth(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string Shorten(absl::string_view text, size_t width, absl::string_view ellipsis) {
  const size_t length = TextWidth(text);
  if (length <= width) return std::string(text);
  const size_t head = (width - 1) / 2;
  const size_t tail = width - 1 - head;
  return absl::StrCat(text.substr(0, Position(text, head)), ellipsis,
                      text.substr(Position(text, length - tail)));
}

std::vector<std::string> ShortenAll(const std::vector<std::string>& texts, size_t width,
                                    absl::string_view ellipsis) {
  std::vector<std::string> result;
  for (const std::string& text : texts) result.push_back(Shorten(text, width, ellipsis));
  Alike groups = GroupBy(result, texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::set<std::string>& alike = groups.at(result[i]);
    if (alike.size() > 1) result[i] = ShortenAround(texts[i], alike, width, ellipsis);
  }
  groups = GroupBy(result, texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!result[i].empty() && groups.at(result[i]).size() == 1) continue;
    const std::string index = absl::StrCat(i);
    const size_t room = width > index.size() + 1 ? width - index.size() - 1 : 0;
    result[i] = room < 3 ? Shorten(index, width, ellipsis)
                         : absl::StrCat(index, ":", Shorten(texts[i], room, ellipsis));
  }
  return result;
}

std::string PadRight(absl::string_view text, size_t width) {
  const size_t length = TextWidth(text);
  return absl::StrCat(text, std::string(width > length ? width - length : 0, ' '));
}

std::string PadLeft(absl::string_view text, size_t width) {
  const size_t length = TextWidth(text);
  return absl::StrCat(std::string(width > length ? width - length : 0, ' '), text);
}

std::string FormatScore(double value) {
  if (std::abs(value) >= 10) return absl::StrFormat("%.3g", value);
  const std::string text = absl::StrFormat("%.2f", value);
  return text == "-0.00" ? "0.00" : text;
}

std::string FormatExact(double value) {
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::string(text.data(), end) : absl::StrCat(value);
}

std::string FormatElements(const LayerInfo& layer) {
  if (layer.row_kind == RowKind::kActivations) return std::string(Name(layer.dtype));
  return absl::StrCat(Name(layer.dtype), " ", Name(layer.row_kind), "(", layer.coordinate_count,
                      ")");
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<absl::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 0.001) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.1f ms", seconds * 1e3);
  if (seconds < 60) return absl::StrFormat("%.2f s", seconds);
  const auto whole = static_cast<int64_t>(seconds);
  return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
}

std::string FormatLocalTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

std::string Table::Render() const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  std::string result;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line +=
          columns_[i] == Align::kLeft ? PadRight(row[i], widths[i]) : PadLeft(row[i], widths[i]);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&result, line, "\n");
  }
  return result;
}

}  // namespace gramian::client::cli
