// JSON as it is read from files that people write.
#ifndef GRAMIAN_SERVER_STRICT_JSON_H_
#define GRAMIAN_SERVER_STRICT_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// The document. INVALID_ARGUMENT, beginning with `what`, for what is not JSON and for an object
// that has a key twice, of which JSON itself would say that either counts.
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view what, absl::string_view text);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_STRICT_JSON_H_
