#include "server/status_details.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gramian/v1/errors.pb.h"

namespace gramian {
namespace {

constexpr char kReasonUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "gramian";
constexpr size_t kMaxMessageBytes = 1024;
constexpr absl::Duration kDefaultRetry = absl::Seconds(1);

// What a status says by its code alone: of two layers that do not fit together, of a layer that is
// there with another description.
std::string ImpliedReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
      return "DESCRIPTION_DIFFERS";
    case absl::StatusCode::kFailedPrecondition:
      return "INPUTS_DIFFER";
    case absl::StatusCode::kResourceExhausted:
      return "LIMIT_EXCEEDED";
    default:
      return absl::StatusCodeToString(status.code());
  }
}

v1::ErrorReason ReasonMessage(const absl::Status& status) {
  v1::ErrorReason message;
  message.set_domain(kDomain);
  const std::optional<ErrorReason> reason = GetReason(status);
  message.set_reason(reason.has_value() ? reason->reason : ImpliedReason(status));
  if (reason.has_value()) {
    message.mutable_metadata()->insert(reason->metadata.begin(), reason->metadata.end());
  }
  return message;
}

// Nothing if a retry would not help.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const absl::optional<absl::Cord> given = status.GetPayload(kRetryUrl);
  int64_t nanoseconds = 0;
  if (given.has_value() && absl::SimpleAtoi(std::string(*given), &nanoseconds)) {
    return absl::Nanoseconds(nanoseconds);
  }
  if (absl::IsUnavailable(status) || HasReason(status, "MEMORY_PRESSURE") ||
      HasReason(status, "DISK_FULL")) {
    return kDefaultRetry;
  }
  return std::nullopt;
}

}  // namespace

std::string CutMessage(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return std::string(message.substr(0, end));
}

absl::Status RetryAfter(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryUrl, absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(delay))));
  return status;
}

absl::Status TryAgain(absl::string_view message, absl::string_view reason) {
  return WithReason(absl::UnavailableError(message), reason);
}

absl::Status TooMany(absl::string_view message, absl::string_view reason, int64_t limit) {
  return WithLimit(absl::UnavailableError(message), reason, limit + 1, limit);
}

std::string ReasonOf(const absl::Status& status) { return ReasonMessage(status).reason(); }

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const v1::ErrorReason reason = ReasonMessage(status);
  v1::ErrorStatus details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(CutMessage(status.message()));
  google::protobuf::Any* any = details.add_details();
  any->set_type_url(kReasonUrl);
  reason.SerializeToString(any->mutable_value());
  if (const std::optional<absl::Duration> delay = RetryDelayOf(status)) {
    v1::RetryDelay retry;
    const int64_t seconds = absl::ToInt64Seconds(*delay);
    retry.mutable_retry_delay()->set_seconds(seconds);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(*delay - absl::Seconds(seconds))));
    any = details.add_details();
    any->set_type_url(kRetryUrl);
    retry.SerializeToString(any->mutable_value());
  }
  // The codes of absl and gRPC are the same numbers.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace gramian
