#include "server/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gramian {

absl::StatusOr<Page> FindPage(const std::vector<std::string>& keys, absl::string_view scope,
                              int32_t page_size, absl::string_view page_token, int64_t max_size) {
  if (page_size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size is ", page_size, ", must be at least 0"));
  }
  // No name holds a zero byte.
  const std::string prefix = absl::StrCat(scope, absl::string_view("\0", 1));
  Page page;
  if (!page_token.empty()) {
    std::string token;
    if (!absl::WebSafeBase64Unescape(page_token, &token) || !absl::StartsWith(token, prefix)) {
      return absl::InvalidArgumentError("page_token was not issued for this list");
    }
    const auto first = std::upper_bound(keys.begin(), keys.end(), token.substr(prefix.size()));
    page.begin = static_cast<size_t>(first - keys.begin());
  }
  const int64_t size = page_size == 0 ? max_size : std::min<int64_t>(page_size, max_size);
  page.end = std::min(keys.size(), page.begin + static_cast<size_t>(size));
  if (page.end < keys.size())
    page.next_token = absl::WebSafeBase64Escape(absl::StrCat(prefix, keys[page.end - 1]));
  return page;
}

std::string SortableNumber(int64_t number) { return absl::StrFormat("%019d", number); }

}  // namespace gramian
