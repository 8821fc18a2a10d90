#ifndef GRAMIAN_CLI_INPUT_IDS_H_
#define GRAMIAN_CLI_INPUT_IDS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian::client::cli {

// The ids of inputs in a text, one per line, in the order of the rows. A line ends with LF or CR
// LF; the last one need not. INVALID_ARGUMENT, naming the line, for an empty line or an id that was
// there before, and for a text without any id.
absl::StatusOr<std::vector<std::string>> ParseInputIds(absl::string_view text);

// The same of a file. NOT_FOUND or UNKNOWN if it cannot be read.
absl::StatusOr<std::vector<std::string>> ReadInputIds(const std::string& path);

// Whether the ids, with what is around them, fit a message of a server with its usual limit of 4
// MiB; more of them are told by their digest.
bool FitOneMessage(const std::vector<std::string>& input_ids);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_INPUT_IDS_H_
