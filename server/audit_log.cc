#include "server/audit_log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace gramian {

absl::Status AuditLog::Open(const std::string& path) {
  if (path.empty()) {
    // With the sinks of the server's log, but not its level: who makes it quiet must not take away
    // the traces of changes.
    const auto& sinks = spdlog::default_logger()->sinks();
    logger_ = std::make_shared<spdlog::logger>("audit", sinks.begin(), sinks.end());
    prefix_ = "audit ";
    logger_->flush_on(spdlog::level::info);
    return absl::OkStatus();
  }
  try {
    logger_ = std::make_shared<spdlog::logger>(
        "audit", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& error) {
    return absl::UnavailableError(
        absl::StrCat("--audit-file ", path, " cannot be opened: ", error.what()));
  }
  logger_->set_pattern("%v");
  logger_->flush_on(spdlog::level::info);
  return absl::OkStatus();
}

void AuditLog::Write(absl::string_view who, absl::string_view rpc, absl::string_view resource,
                     absl::StatusCode outcome, absl::string_view reason) const {
  if (logger_ == nullptr) return;
  const nlohmann::ordered_json line = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone())},
      {"who", std::string(who)},
      {"rpc", std::string(rpc)},
      {"resource", std::string(resource)},
      {"outcome", absl::StatusCodeToString(outcome)},
      {"reason", std::string(reason)}};
  // Names of clients may hold anything; one line it stays.
  const std::string text =
      line.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  logger_->info("{}{}", prefix_, text);
}

}  // namespace gramian
