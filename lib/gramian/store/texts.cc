#include "gramian/store/texts.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gramian {

std::string EncodeTexts(absl::Span<const std::string> texts) {
  std::string bytes;
  for (const std::string& text : texts) absl::StrAppend(&bytes, text.size(), ":", text);
  return bytes;
}

std::optional<std::vector<std::string>> DecodeTexts(absl::string_view bytes) {
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    const size_t colon = bytes.find(':');
    size_t size = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(bytes.substr(0, colon), &size) ||
        size > bytes.size() - colon - 1) {
      return std::nullopt;
    }
    texts.emplace_back(bytes.substr(colon + 1, size));
    bytes.remove_prefix(colon + 1 + size);
  }
  return texts;
}

}  // namespace gramian
