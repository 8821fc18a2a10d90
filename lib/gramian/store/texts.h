// Lists of texts as one value of a database.
#ifndef GRAMIAN_STORE_TEXTS_H_
#define GRAMIAN_STORE_TEXTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gramian {

// Each text as its length in decimal digits, a colon and its bytes, which may be any.
std::string EncodeTexts(absl::Span<const std::string> texts);

// The inverse; nothing for bytes that EncodeTexts does not make.
std::optional<std::vector<std::string>> DecodeTexts(absl::string_view bytes);

}  // namespace gramian

#endif  // GRAMIAN_STORE_TEXTS_H_
