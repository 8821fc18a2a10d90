#include "gramian/rpc/status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gramian/client/client.h"
#include "gramian/v1/errors.pb.h"

namespace gramian::client {
namespace {

constexpr absl::string_view kReasonPayload = "gramian.client/reason";
constexpr absl::string_view kDelayPayload = "gramian.client/retry_delay_ms";

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  v1::ErrorStatus details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : details.details()) {
    v1::ErrorReason reason;
    v1::RetryDelay delay;
    if (absl::EndsWith(detail.type_url(), "/google.rpc.ErrorInfo") &&
        reason.ParseFromString(detail.value())) {
      result.SetPayload(kReasonPayload, absl::Cord(reason.reason()));
    }
    if (absl::EndsWith(detail.type_url(), "/google.rpc.RetryInfo") &&
        delay.ParseFromString(detail.value())) {
      const int64_t delay_ms =
          delay.retry_delay().seconds() * 1000 + delay.retry_delay().nanos() / 1000000;
      result.SetPayload(kDelayPayload, absl::Cord(absl::StrCat(delay_ms)));
    }
  }
  return result;
}

bool IsWorthRetry(const absl::Status& status) {
  return absl::IsUnavailable(status) ||
         (absl::IsResourceExhausted(status) && RetryDelay(status) > absl::ZeroDuration() &&
          // Somebody has to delete first.
          ErrorReason(status) != "TENANT_QUOTA");
}

absl::Status UnlessStopped(const absl::Status& status, const std::stop_token& stop) {
  if (!absl::IsCancelled(status) || stop.stop_requested()) return status;
  return absl::UnavailableError("the server ended the call, as it does when it stops");
}

std::string ErrorReason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kReasonPayload);
  return payload.has_value() ? std::string(*payload) : std::string();
}

absl::Duration RetryDelay(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kDelayPayload);
  int64_t delay_ms = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &delay_ms))
    return absl::ZeroDuration();
  return absl::Milliseconds(delay_ms);
}

}  // namespace gramian::client
