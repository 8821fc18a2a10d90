#ifndef GRAMIAN_RPC_BACKOFF_H_
#define GRAMIAN_RPC_BACKOFF_H_

#include <random>
#include <stop_token>

#include "absl/time/time.h"

namespace gramian::client {

// The pauses between attempts: the first about 0.1 s, each about twice as long as the one before,
// up to about 5 s; drawn at random, so that clients a server lost at once do not come back at once.
// Thread-compatible.
class Backoff {
 public:
  Backoff();

  // The next pause, and never less than `at_least`.
  absl::Duration NextPause(absl::Duration at_least);

  // Waits for the next pause. False, at once or early, if that does not end before `deadline` or
  // stopping was asked for.
  bool Wait(absl::Duration at_least, absl::Time deadline, const std::stop_token& stop);

  // Begins with the first pause again: there was progress.
  void Reset();

 private:
  absl::Duration pause_;
  std::minstd_rand random_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_BACKOFF_H_
