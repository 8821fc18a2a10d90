#ifndef GRAMIAN_CLIENT_WATCH_TYPES_H_
#define GRAMIAN_CLIENT_WATCH_TYPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace gramian::client {

// What to watch. Names are resource names of one project (resource_name.h makes them).
struct WatchSpec {
  std::string name;       // WatchName(project, id)
  std::string network;    // its newest snapshot is compared
  std::string reference;  // a snapshot; `last` as its step for whatever is newest
  // Module paths, in this order, on both sides; none: all layers. More than one are fused.
  std::vector<std::string> layers;
  std::string measure = "cka";
};

enum class WatchState {
  kWaiting,  // nothing to compare yet
  kScored,
  kFailed,  // no score until an evaluation succeeds
};

// A watch and what it last found.
struct WatchInfo {
  WatchSpec spec;
  absl::Time create_time;
  WatchState state = WatchState::kWaiting;
  double score = 0;              // if kScored
  int64_t step = -1;             // that was evaluated last, of the network; -1: none
  int64_t reference_step = -1;   // and of the reference
  absl::Time evaluate_time;      // of that; meaningless if there was none
  std::string message;           // why there is no score
  int64_t evaluation_count = 0;  // since the server started
  int64_t failure_count = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_WATCH_TYPES_H_
