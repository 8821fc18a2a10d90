// Who changed what, for those who must know later.
#ifndef GRAMIAN_SERVER_AUDIT_LOG_H_
#define GRAMIAN_SERVER_AUDIT_LOG_H_

#include <google/protobuf/message.h>

#include <atomic>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "gramian/base/mutex.h"

namespace gramian {

// One change, or one call that was refused for who made it.
struct AuditEntry {
  std::string who = {};       // name in the access file; empty for strangers
  std::string rpc = {};       // "ActivationService/PinSnapshot"; "retention": the server itself
  std::string resource = {};  // the first that was named
  nlohmann::ordered_json request = {};  // see ScalarsOf; null for none
  absl::StatusCode outcome = absl::StatusCode::kOk;
  std::string reason = {};  // of a failure, as clients see it
};

// Numbers, truth values, enums and texts of a request: what it asked for beyond the resource, such
// as `{"name": ..., "pinned": false}`. Lists and messages within it are left out, texts are cut to
// 256 bytes.
nlohmann::ordered_json ScalarsOf(const google::protobuf::Message& request);

// One line of JSON for every entry:
//
//   {"time":"2026-01-31T12:00:00.000Z","who":"training","rpc":"ActivationService/PinSnapshot",
//    "resource":"projects/vision/networks/net0/snapshots/100",
//    "request":{"name":"projects/vision/networks/net0/snapshots/100","pinned":true},
//    "outcome":"OK","reason":""}
//
// Thread-safe.
class AuditLog {
 public:
  AuditLog() = default;
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Appends to `path`, made if need be; to the server's log, whatever the log's level, if it is
  // empty: after `audit ` as text, as fields as JSON. UNAVAILABLE, naming the path and the cause,
  // if it cannot be opened.
  absl::Status Open(const std::string& path);
  // Opens the file anew: who rotates logs has renamed it. The old one stays in use on an error.
  absl::Status Reopen();

  // No effect before Open. What cannot be written to the file goes to the server's log, as an
  // error.
  void Write(const AuditEntry& entry);

  // Lines that the file lacks.
  int64_t lost_lines() const { return lost_lines_; }

 private:
  // Whether all of it is in the file.
  bool Append(const std::string& line) GRAMIAN_REQUIRES(mutex_);

  Mutex mutex_;
  bool is_open_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::string path_ GRAMIAN_GUARDED_BY(mutex_);  // empty: the log
  int fd_ GRAMIAN_GUARDED_BY(mutex_) = -1;
  bool is_torn_ GRAMIAN_GUARDED_BY(mutex_) = false;  // the file ends within a line
  std::atomic<int64_t> lost_lines_{0};
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_AUDIT_LOG_H_
