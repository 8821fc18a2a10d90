#include "server/debug_pages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "server/rpc.h"

namespace gramian {
namespace {

absl::string_view OrDash(const std::string& text) {
  return text.empty() ? absl::string_view("-") : text;
}

}  // namespace

std::string RequestsPage(const std::vector<CallInFlight>& calls) {
  std::string page = absl::StrCat("seconds method project request trace\n");
  for (const CallInFlight& call : calls) {
    absl::StrAppendFormat(&page, "%.3f %s %s %s %s\n", SecondsSince(call.start), call.method,
                          OrDash(call.project), call.trace.request_id, OrDash(call.trace.trace_id));
  }
  return page;
}

std::string CachePage(const EngineStats& stats, const std::vector<CachedObject>& operators) {
  const CacheStats& cache = stats.cache;
  const std::pair<absl::string_view, int64_t> numbers[] = {{"operators", cache.entries},
                                                           {"operator bytes", cache.bytes},
                                                           {"limit bytes", cache.limit_bytes},
                                                           {"hits", cache.hits},
                                                           {"misses", cache.misses},
                                                           {"coalesced", cache.coalesced},
                                                           {"evictions", cache.evictions},
                                                           {"evicted bytes", cache.evicted_bytes},
                                                           {"scores", stats.results},
                                                           {"score hits", stats.result_hits},
                                                           {"score misses", stats.result_misses}};
  std::string page;
  for (const auto& [name, value] : numbers) absl::StrAppend(&page, name, " ", value, "\n");
  absl::StrAppend(&page, "\nbytes idle-seconds key\n");
  for (const CachedObject& object : operators) {
    absl::StrAppendFormat(&page, "%d %.1f %s\n", object.bytes, object.idle_seconds, object.key);
  }
  return page;
}

std::vector<WatchGauge> GaugesOf(const std::vector<WatchReading>& readings) {
  std::vector<WatchGauge> gauges;
  for (const WatchReading& reading : readings) {
    WatchGauge gauge;
    gauge.project = reading.watch.project;
    gauge.watch = reading.watch.id;
    gauge.has_score = reading.status == WatchStatus::kScored;
    gauge.failed = reading.status == WatchStatus::kFailed;
    gauge.score = reading.score;
    gauge.step = static_cast<double>(reading.step);
    if (reading.evaluate_time != absl::InfinitePast())
      gauge.evaluate_seconds = absl::ToDoubleSeconds(reading.evaluate_time - absl::UnixEpoch());
    gauge.failures = static_cast<double>(reading.failures);
    gauges.push_back(std::move(gauge));
  }
  return gauges;
}

}  // namespace gramian
