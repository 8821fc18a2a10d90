// Many clients of every kind on one server for a long time.
#ifndef GRAMIAN_TESTS_RELIABILITY_SOAK_H_
#define GRAMIAN_TESTS_RELIABILITY_SOAK_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/reliability/process_usage.h"

namespace gramian::testing {

struct SoakOptions {
  std::chrono::seconds duration{20};
  int clients = 64;
  uint64_t seed = 1;
  // Different contents that clients send. With few, all scores that there can be are known before
  // long: what grows then is no cache.
  int64_t contents = 8;
  std::string folder;              // new and empty, for the server's data; empty: in memory
  std::string program;             // gramiand; empty: that of this build
  std::vector<std::string> flags;  // more flags for gramiand
  // Whether the last quarter of the time is held against the second. Needs minutes: caches fill
  // first.
  bool judge_growth = false;
  bool verbose = false;  // a line every ten seconds on stdout
};

// The usual values of a stretch of time.
struct UsageSummary {
  int64_t resident_bytes = 0;  // medians
  int64_t file_bytes = 0;
  int64_t descriptors = 0;
  int64_t threads = 0;
  int64_t max_resident_bytes = 0;
  int64_t max_descriptors = 0;
  int64_t max_threads = 0;
};

// How one kind of operation ended.
struct SoakKind {
  std::string name;
  int64_t ok = 0;
  int64_t refused = 0;    // for lack of room, with a reason that says so
  int64_t by_design = 0;  // with the error that the operation asks for
  int64_t wrong = 0;      // anything else
  double median_seconds = 0;
  double p99_seconds = 0;
};

struct SoakReport {
  double seconds = 0;
  int64_t operations = 0;
  int64_t refused = 0;
  int64_t uploaded_bytes = 0;
  int64_t verified_layers = 0;  // read back, bit for bit
  int64_t verified_bytes = 0;
  double server_cpu_seconds = 0;
  ProcessUsage before;  // no client yet
  ProcessUsage after;   // all clients gone, everything deleted
  UsageSummary second_quarter;
  UsageSummary last_quarter;
  std::vector<SoakKind> kinds;
  std::vector<std::string> findings;  // at most some dozens; empty if all is by design

  // Lines for people.
  std::string Text() const;
};

SoakReport RunSoak(const SoakOptions& options);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_SOAK_H_
