// Kills a real gramiand again and again while clients work, and looks at what is left.
#ifndef GRAMIAN_TESTS_RELIABILITY_CRASH_RUN_H_
#define GRAMIAN_TESTS_RELIABILITY_CRASH_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace gramian::testing {

struct CrashOptions {
  int kills = 10;
  uint64_t seed = 1;
  int clients = 6;
  std::string folder;              // new and empty; the server's data directory is made in it
  std::string program;             // gramiand; empty: that of this build
  std::vector<std::string> flags;  // more flags for gramiand
  bool verbose = false;            // a line per kill on stdout
};

struct CrashReport {
  int kills = 0;        // with SIGKILL while clients worked
  int boot_kills = 0;   // with SIGKILL while the server started, besides
  int drain_kills = 0;  // of `kills`: in the middle of a drain after SIGTERM
  int64_t commits = 0;
  int64_t resumed_commits = 0;
  int64_t deletes = 0;
  int64_t unanswered = 0;
  int64_t verified_layers = 0;
  int64_t verified_bytes = 0;
  int64_t verified_uploads = 0;
  int64_t scores = 0;
  double seconds = 0;
  std::vector<std::string> findings;  // breaches; empty if the server keeps its word

  // One line of key=value.
  std::string Line() const;
};

// Stops at the first finding. The moments of the kills follow from the seed, as far as one process
// can time another.
CrashReport RunCrashes(const CrashOptions& options);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_CRASH_RUN_H_
