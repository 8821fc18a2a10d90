#ifndef GRAMIAN_CLIENT_OPERATION_TYPES_H_
#define GRAMIAN_CLIENT_OPERATION_TYPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace gramian::client {

// What a project may use; 0: no limit.
struct ProjectQuotas {
  int64_t stored_bytes = 0;
  int64_t open_upload_count = 0;
  int64_t calls_per_second = 0;
  int64_t burst_call_count = 0;
  int64_t open_call_count = 0;
  int64_t bytes_per_second = 0;
  int64_t compute_seconds_per_hour = 0;
};

// What a project uses of it; see ProjectStats in admin_service.proto.
struct ProjectStats {
  std::string name;  // resource name
  ProjectQuotas quotas;
  int64_t stored_bytes = 0;
  int64_t open_upload_count = 0;
  int64_t open_call_count = 0;
  double compute_seconds = 0;
};

// A server at one moment. Counts of what happened are since its start; see GetServerStatsResponse
// in admin_service.proto for each.
struct ServerStats {
  absl::Time read_time;
  absl::Time start_time;
  int64_t started_call_count = 0;
  int64_t succeeded_call_count = 0;
  int64_t failed_call_count = 0;
  int64_t open_call_count = 0;
  int64_t ingested_bytes = 0;
  int64_t interactive_queue_count = 0;
  int64_t batch_queue_count = 0;
  int64_t ingest_queue_count = 0;
  int64_t computation_count = 0;
  int64_t computed_score_count = 0;
  double compute_seconds = 0;
  int64_t cache_hit_count = 0;
  int64_t cache_miss_count = 0;
  int64_t cache_bytes = 0;
  int64_t cache_limit_bytes = 0;
  int64_t score_hit_count = 0;
  int64_t score_miss_count = 0;
  int64_t store_bytes = 0;
  int64_t store_limit_bytes = 0;
  int64_t layer_count = 0;
  int64_t upload_count = 0;
  int64_t scratch_bytes = 0;
  int64_t scratch_limit_bytes = 0;
  int64_t waiting_computation_count = 0;
  int64_t resident_bytes = 0;
  int64_t memory_limit_bytes = 0;
  int64_t watch_count = 0;
  int64_t failed_watch_count = 0;
  bool draining = false;
  std::vector<ProjectStats> projects;  // that the caller may see
};

// How much a server logs; each level holds those after it.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_OPERATION_TYPES_H_
