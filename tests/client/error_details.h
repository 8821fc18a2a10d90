#ifndef GRAMIAN_TESTS_CLIENT_ERROR_DETAILS_H_
#define GRAMIAN_TESTS_CLIENT_ERROR_DETAILS_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gramian/v1/errors.pb.h"

namespace gramian::client {

// A status as the server sends it: with a reason, which is its message too, and, unless
// `retry_delay` is zero, the time to wait before the same call.
inline grpc::Status WithDetails(grpc::StatusCode code, const std::string& reason,
                                absl::Duration retry_delay) {
  v1::ErrorStatus details;
  v1::ErrorReason info;
  info.set_reason(reason);
  details.add_details()->PackFrom(info);
  details.mutable_details(0)->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  if (retry_delay > absl::ZeroDuration()) {
    v1::RetryDelay delay;
    const int64_t seconds = absl::ToInt64Seconds(retry_delay);
    delay.mutable_retry_delay()->set_seconds(seconds);
    delay.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(retry_delay - absl::Seconds(seconds))));
    details.add_details()->PackFrom(delay);
    details.mutable_details(1)->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  }
  return {code, reason, details.SerializeAsString()};
}

}  // namespace gramian::client

#endif  // GRAMIAN_TESTS_CLIENT_ERROR_DETAILS_H_
