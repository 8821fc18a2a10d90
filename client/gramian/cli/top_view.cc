#include "gramian/cli/top_view.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

// A line's name, a bar of what is taken, and both in numbers.
std::string Meter(const char* name, int64_t used, int64_t limit) {
  constexpr size_t kWidth = 30;
  const double share =
      limit > 0 ? std::clamp(static_cast<double>(used) / static_cast<double>(limit), 0.0, 1.0) : 0;
  const auto full = static_cast<size_t>(share * static_cast<double>(kWidth) + 0.5);
  return absl::StrFormat("%-12s [%s%s] %s of %s\n", name, std::string(full, '#'),
                         std::string(kWidth - full, '.'), FormatBytes(used), FormatBytes(limit));
}

// Per second; a server that was restarted between the readings counts from 0 again.
double Rate(int64_t before, int64_t now, double seconds) {
  return seconds > 0 ? static_cast<double>(std::max<int64_t>(0, now - before)) / seconds : 0;
}

std::string Share(int64_t hits, int64_t misses) {
  return hits + misses <= 0 ? "-"
                            : absl::StrFormat("%.0f %%", 100.0 * static_cast<double>(hits) /
                                                             static_cast<double>(hits + misses));
}

}  // namespace

std::string RenderTop(const std::string& server, const ServerStats& earlier,
                      const ServerStats& now) {
  const bool is_first = now.read_time <= earlier.read_time;
  const ServerStats before = is_first ? ServerStats() : earlier;
  const double seconds =
      absl::ToDoubleSeconds(now.read_time - (is_first ? now.start_time : before.read_time));
  const auto rate = [&](int64_t ServerStats::*count) {
    return Rate(before.*count, now.*count, seconds);
  };
  std::string view =
      absl::StrFormat("%s  up %s%s\n\n", server,
                      FormatSeconds(absl::ToDoubleSeconds(now.read_time - now.start_time)),
                      now.draining ? "  DRAINING" : "");
  absl::StrAppendFormat(&view, "calls        %8.1f /s ok %8.1f /s failed   %d open\n",
                        rate(&ServerStats::succeeded_call_count),
                        rate(&ServerStats::failed_call_count), now.open_call_count);
  absl::StrAppendFormat(&view, "uploads      %8s /s            %d open\n",
                        FormatBytes(static_cast<int64_t>(rate(&ServerStats::ingested_bytes))),
                        now.upload_count);
  absl::StrAppendFormat(
      &view, "scores       %8.1f /s computed, %d computing on %.1f threads, %d wait for memory\n",
      rate(&ServerStats::computed_score_count), now.computation_count,
      seconds > 0 ? std::max(0.0, now.compute_seconds - before.compute_seconds) / seconds : 0,
      now.waiting_computation_count);
  absl::StrAppendFormat(&view, "queues       interactive %d   batch %d   ingest %d\n",
                        now.interactive_queue_count, now.batch_queue_count, now.ingest_queue_count);
  absl::StrAppendFormat(&view, "cache hits   operators %s   scores %s\n",
                        Share(now.cache_hit_count - before.cache_hit_count,
                              now.cache_miss_count - before.cache_miss_count),
                        Share(now.score_hit_count - before.score_hit_count,
                              now.score_miss_count - before.score_miss_count));
  absl::StrAppendFormat(&view, "watches      %d, %d failed\n\n", now.watch_count,
                        now.failed_watch_count);
  absl::StrAppend(&view, Meter("memory", now.resident_bytes, now.memory_limit_bytes),
                  Meter("activations", now.store_bytes, now.store_limit_bytes),
                  Meter("operators", now.cache_bytes, now.cache_limit_bytes),
                  Meter("computing", now.scratch_bytes, now.scratch_limit_bytes));
  return view;
}

}  // namespace gramian::client::cli
