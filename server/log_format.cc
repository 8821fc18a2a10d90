#include "server/log_format.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace gramian {
namespace {

// The call a message is about: formatters run on the thread that logs.
thread_local const EndedCall* current_call = nullptr;
// Or the line of the audit log.
thread_local const nlohmann::ordered_json* current_audit = nullptr;

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto level = spdlog::level::to_string_view(message.level);
    nlohmann::ordered_json object;
    object["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(message.time),
                                      absl::UTCTimeZone());
    object["level"] = std::string(level.data(), level.size());
    if (current_audit != nullptr) {
      object["message"] = "audit";
      for (const auto& [key, value] : current_audit->items()) {
        if (key != "time") object[key] = value;
      }
    } else if (current_call == nullptr) {
      object["message"] = std::string(message.payload.data(), message.payload.size());
    } else {
      Add(*current_call, object);
    }
    const std::string text =
        object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    line.append(text.data(), text.data() + text.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }

 private:
  static void Add(const EndedCall& ended, nlohmann::ordered_json& object) {
    const auto add = [&object](const char* key, const std::string& value) {
      if (!value.empty()) object[key] = value;
    };
    object["message"] = ended.message;
    add("method", ended.call.method);
    add("code", ended.code);
    add("reason", ended.reason);
    object["seconds"] = ended.seconds;
    add("project", ended.call.project);
    add("request_id", ended.call.trace.request_id);
    add("trace_id", ended.call.trace.trace_id);
    add("parent_id", ended.call.trace.parent_id);
  }
};

}  // namespace

void LogCall(spdlog::level::level_enum level, const EndedCall& ended) {
  current_call = &ended;
  const CallTrace& trace = ended.call.trace;
  spdlog::log(level, "{} {} {}after {:.3f} s: {} (request {}{}{})", ended.call.method, ended.code,
              ended.reason.empty() ? "" : ended.reason + " ", ended.seconds, ended.message,
              trace.request_id, trace.trace_id.empty() ? "" : ", trace ", trace.trace_id);
  current_call = nullptr;
}

void LogAudit(const nlohmann::ordered_json& entry) {
  // A logger of its own: who makes the log quiet must not take away the traces of changes.
  const auto& sinks = spdlog::default_logger()->sinks();
  spdlog::logger logger("audit", sinks.begin(), sinks.end());
  current_audit = &entry;
  logger.info("audit {}", entry.dump(-1, ' ', /*ensure_ascii=*/false,
                                     nlohmann::ordered_json::error_handler_t::replace));
  current_audit = nullptr;
  logger.flush();
}

std::unique_ptr<spdlog::formatter> NewLogFormatter(absl::string_view format) {
  if (format == "json") return std::make_unique<JsonFormatter>();
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
}

}  // namespace gramian
