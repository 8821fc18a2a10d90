// What a line of the log looks like: for people, or for programs.
#ifndef GRAMIAN_SERVER_LOG_FORMAT_H_
#define GRAMIAN_SERVER_LOG_FORMAT_H_

#include <spdlog/common.h>
#include <spdlog/formatter.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "server/calls_in_flight.h"

namespace gramian {

// A call that has ended.
struct EndedCall {
  CallInFlight call;
  std::string code;    // OK, NOT_FOUND, ...
  std::string reason;  // QUEUE_FULL, ...; empty for OK
  double seconds = 0;
  std::string message;
};

// Logs the call with the default logger: a sentence as text, a field for each value as JSON.
void LogCall(spdlog::level::level_enum level, const EndedCall& ended);

// Logs a line of the audit log, whatever the level of the default logger, with its sinks: `audit `
// and the object as text, its fields as JSON.
void LogAudit(const nlohmann::ordered_json& entry);

// `text`: time, level and message. `json`: one object a line with `time` (RFC 3339), `level` and
// `message`; of a call also `method`, `code`, `reason`, `seconds`, `project`, `request_id`,
// `trace_id` and `parent_id`, those that are empty left out; of the audit log `message` is `audit`,
// and the fields of the entry but its time follow. Bytes that are no UTF-8 are replaced.
std::unique_ptr<spdlog::formatter> NewLogFormatter(absl::string_view format);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_LOG_FORMAT_H_
