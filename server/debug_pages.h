// Pages of /debug, and what /metrics shows of watches.
#ifndef GRAMIAN_SERVER_DEBUG_PAGES_H_
#define GRAMIAN_SERVER_DEBUG_PAGES_H_

#include <string>
#include <vector>

#include "gramian/engine/similarity_engine.h"
#include "server/calls_in_flight.h"
#include "server/metrics.h"
#include "server/watch_board.h"

namespace gramian {

// A line for each call in flight, the longest first: seconds, method, project, request id, trace
// id.
std::string RequestsPage(const std::vector<CallInFlight>& calls);

// A line for each number about the kept operators and scores, then one for each operator given:
// bytes, seconds since it was used, key.
std::string CachePage(const EngineStats& stats, const std::vector<CachedObject>& operators);

// A gauge for each watch.
std::vector<WatchGauge> GaugesOf(const std::vector<WatchReading>& readings);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_DEBUG_PAGES_H_
