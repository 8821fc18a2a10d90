// What a server does about itself from time to time.
#ifndef GRAMIAN_SERVER_CARETAKER_H_
#define GRAMIAN_SERVER_CARETAKER_H_

#include <cstdint>
#include <string>

#include "gramian/base/mutex.h"
#include "server/periodic_task.h"
#include "server/rpc.h"

namespace grpc {
class HealthCheckServiceInterface;
}  // namespace grpc

namespace gramian {

// Once a second looks whether the store can be written and tells the health service; lets operators
// make room for what was stored in memory; gives freed memory back to the system some seconds after
// the last call.
// Thread-safe.
//
// Health knows the services by their full names, e.g. `gramian.v1.SimilarityService`, and "" for
// all of them: a store that cannot be written leaves the similarity service serving.
class Caretaker {
 public:
  // Both outlive this object. From now on the server is ready.
  Caretaker(ServerState& state, grpc::HealthCheckServiceInterface& health);

  // From now on the server is not ready.
  void BeginDrain();

  // Why the server is not ready, a line for each reason; empty if it is.
  std::string Problems();

 private:
  void Look();
  void LookAtStore();
  void LookAtMemory();
  void SetHealth() GRAMIAN_REQUIRES(mutex_);

  ServerState& state_;
  grpc::HealthCheckServiceInterface& health_;
  Mutex mutex_;
  bool is_draining_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::string store_problem_ GRAMIAN_GUARDED_BY(mutex_);
  // Of the periodic task alone.
  int64_t entered_when_trimmed_ = 0;
  int64_t entered_when_seen_ = 0;
  int64_t looks_ = 0;
  int64_t idle_looks_ = 0;  // in a row, the last ones
  // Last: its destruction waits for a run that is under way.
  PeriodicTask task_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CARETAKER_H_
