// Who is being served: the calls in flight, and how each is recognised elsewhere.
#ifndef GRAMIAN_SERVER_CALLS_IN_FLIGHT_H_
#define GRAMIAN_SERVER_CALLS_IN_FLIGHT_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gramian/base/mutex.h"

namespace grpc {
class CallbackServerContext;
}  // namespace grpc

namespace gramian {

// By what a call is found again in the logs of others.
struct CallTrace {
  std::string request_id;  // of the client, in x-request-id, or 16 hexadecimal digits made here
  std::string trace_id;    // of W3C's traceparent; empty without one
  std::string parent_id;   // the span of the client
};

// The header `traceparent` of W3C Trace Context: version 00, or a later one that begins alike.
// False, and nothing changed, if it is not well-formed or an id is all zeros.
bool ParseTraceparent(absl::string_view header, CallTrace& trace);

// What the metadata of a call say. An x-request-id with more than 64 bytes, or others than letters,
// digits and `-._~`, is replaced: it goes to logs.
CallTrace TraceOf(const grpc::CallbackServerContext& context);

// One call.
struct CallInFlight {
  std::string method;  // "SimilarityService/CompareLayers"
  std::string project;
  CallTrace trace;
  std::chrono::steady_clock::time_point start;
};

// Thread-safe.
class CallsInFlight {
 public:
  // A number for the call.
  int64_t Begin(const std::string& method, CallTrace trace);
  void SetProject(int64_t call, std::string project);
  // The call, which is not in flight any more.
  CallInFlight End(int64_t call);

  // Those in flight, the longest first.
  std::vector<CallInFlight> List() const;

 private:
  mutable Mutex mutex_;
  int64_t last_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  std::map<int64_t, CallInFlight> calls_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CALLS_IN_FLIGHT_H_
