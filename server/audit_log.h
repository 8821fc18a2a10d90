// Who changed what, for those who must know later.
#ifndef GRAMIAN_SERVER_AUDIT_LOG_H_
#define GRAMIAN_SERVER_AUDIT_LOG_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace spdlog {
class logger;
}  // namespace spdlog

namespace gramian {

// One line of JSON for every change and for every call that was refused for who made it:
//
//   {"time":"2026-01-31T12:00:00.000Z","who":"training","rpc":"ActivationService/PinSnapshot",
//    "resource":"projects/vision/networks/net0/snapshots/100","outcome":"OK","reason":""}
//
// Thread-safe.
class AuditLog {
 public:
  // Appends to `path`, made if need be; to the server's log, after `audit ` and whatever the log's
  // level, if it is empty.
  // UNAVAILABLE, naming the path and the cause, if it cannot be opened.
  absl::Status Open(const std::string& path);

  // `reason` of a failure, as clients see it. No effect before Open.
  void Write(absl::string_view who, absl::string_view rpc, absl::string_view resource,
             absl::StatusCode outcome, absl::string_view reason) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
  std::string prefix_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_AUDIT_LOG_H_
