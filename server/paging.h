// Pages of sorted lists.
#ifndef GRAMIAN_SERVER_PAGING_H_
#define GRAMIAN_SERVER_PAGING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// Which elements a page holds, and how the next is asked for.
struct Page {
  size_t begin = 0;
  size_t end = 0;
  std::string next_token;  // empty on the last page
};

// The page of elements that a request asks for. `keys` are the elements' keys, ascending and
// distinct; `scope` names the list, so that a token of another list is refused. A token holds the
// last key of its page: elements that come or go between pages shift nothing. INVALID_ARGUMENT for
// a negative size or a token that was not issued for `scope`; 0 and sizes above `max_size` mean
// max_size.
absl::StatusOr<Page> FindPage(const std::vector<std::string>& keys, absl::string_view scope,
                              int32_t page_size, absl::string_view page_token, int64_t max_size);

// `number` >= 0 as text that sorts like the number.
std::string SortableNumber(int64_t number);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_PAGING_H_
