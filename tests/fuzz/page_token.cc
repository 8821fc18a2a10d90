#include <algorithm>
#include <string>
#include <vector>

#include "server/paging.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzPageToken(absl::string_view input) {
  const std::vector<std::string> keys = {"a", "b", "c", SortableNumber(7), std::string("\0z", 2)};
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  const absl::StatusOr<Page> page = FindPage(sorted, "scope", 2, input, 3);
  if (!page.ok()) {
    Require(!page.status().message().empty(), "a refusal has a message");
    return;
  }
  Require(page->begin <= page->end && page->end <= sorted.size(), "a page lies in the list");
  Require(page->end - page->begin <= 2, "a page is no longer than asked for");
  Require(page->next_token.empty() == (page->end == sorted.size()), "the last page ends the list");
}

}  // namespace gramian::fuzz
