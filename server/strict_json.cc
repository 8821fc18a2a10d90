#include "server/strict_json.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gramian {

absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view what, absl::string_view text) {
  using Json = nlohmann::json;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string repeated;
  const auto watch = [&](int /*depth*/, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      auto key = parsed.get<std::string>();
      if (!keys.back().insert(key).second) repeated = std::move(key);
    }
    return true;
  };
  Json document = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (document.is_discarded())
    return absl::InvalidArgumentError(absl::StrCat(what, ": it is not JSON"));
  if (repeated.empty()) return document;
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": the key '", repeated, "' is given twice"));
}

}  // namespace gramian
