#include "server/audit_log.h"

#include <fcntl.h>
#include <google/protobuf/descriptor.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/log_format.h"

namespace gramian {
namespace {

using Json = nlohmann::ordered_json;
using Field = google::protobuf::FieldDescriptor;

constexpr size_t kTextBytes = 256;

Json ScalarOf(const google::protobuf::Message& message, const Field& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case Field::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case Field::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field);
    case Field::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case Field::CPPTYPE_UINT64:
      return reflection.GetUInt64(message, &field);
    case Field::CPPTYPE_DOUBLE:
      return reflection.GetDouble(message, &field);
    case Field::CPPTYPE_FLOAT:
      return reflection.GetFloat(message, &field);
    case Field::CPPTYPE_ENUM: {
      const int number = reflection.GetEnumValue(message, &field);
      const auto* const value = field.enum_type()->FindValueByNumber(number);
      return value == nullptr ? Json(number) : Json(value->name());
    }
    default:
      return reflection.GetString(message, &field).substr(0, kTextBytes);
  }
}

Json ToJson(const AuditEntry& entry) {
  Json line = {{"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone())},
               {"who", entry.who},
               {"rpc", entry.rpc},
               {"resource", entry.resource}};
  if (!entry.request.is_null()) line["request"] = entry.request;
  line["outcome"] = absl::StatusCodeToString(entry.outcome);
  line["reason"] = entry.reason;
  return line;
}

// Names of clients may hold anything; one line it stays.
std::string ToLine(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

int OpenForAppending(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

absl::Status CannotOpen(const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("--audit-file ", path, " cannot be opened: ", std::strerror(errno)));
}

}  // namespace

Json ScalarsOf(const google::protobuf::Message& request) {
  Json scalars = Json::object();
  const google::protobuf::Descriptor& type = *request.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const Field& field = *type.field(i);
    if (field.is_repeated() || field.cpp_type() == Field::CPPTYPE_MESSAGE ||
        field.type() == Field::TYPE_BYTES) {
      continue;
    }
    if (field.has_presence() && !request.GetReflection()->HasField(request, &field)) continue;
    scalars[field.name()] = ScalarOf(request, field);
  }
  return scalars;
}

AuditLog::~AuditLog() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AuditLog::Open(const std::string& path) {
  MutexLock lock(mutex_);
  if (!path.empty()) {
    fd_ = OpenForAppending(path);
    if (fd_ < 0) return CannotOpen(path);
  }
  path_ = path;
  is_open_ = true;
  return absl::OkStatus();
}

absl::Status AuditLog::Reopen() {
  MutexLock lock(mutex_);
  if (path_.empty()) return absl::OkStatus();
  const int fd = OpenForAppending(path_);
  if (fd < 0) return CannotOpen(path_);
  close(std::exchange(fd_, fd));
  is_torn_ = false;
  return absl::OkStatus();
}

void AuditLog::Write(const AuditEntry& entry) {
  const Json json = ToJson(entry);
  MutexLock lock(mutex_);
  if (!is_open_) return;
  if (path_.empty()) {
    LogAudit(json);
    return;
  }
  const std::string line = ToLine(json);
  if (Append(line)) return;
  const int error = errno;
  ++lost_lines_;
  spdlog::error("--audit-file {} cannot be written: {}; it lacks {}", path_, std::strerror(error),
                line);
}

bool AuditLog::Append(const std::string& line) {
  const std::string text = absl::StrCat(is_torn_ ? "\n" : "", line, "\n");
  ssize_t written = 0;
  do {
    written = write(fd_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(text.size())) {
    is_torn_ = false;
    return true;
  }
  // What is there of the line ends where the next begins.
  if (written > 0) {
    is_torn_ = true;
    errno = ENOSPC;
  }
  return false;
}

}  // namespace gramian
