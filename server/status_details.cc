#include "server/status_details.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <grpcpp/support/status.h>

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "gramian/v1/errors.pb.h"

namespace gramian {
namespace {

constexpr char kReasonUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "gramian";
constexpr size_t kMaxMessageBytes = 1024;
constexpr int kRetrySeconds = 1;

// At most kMaxMessageBytes, ending between two UTF-8 characters.
std::string Cut(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return std::string(message.substr(0, end));
}

// What the library says of a layer that is fine to store and cannot be asked this; anything else
// is about two layers that do not fit together.
const char* ReasonOfPrecondition(absl::string_view message) {
  if (absl::StrContains(message, "have the same representation")) return "LAYER_CONSTANT";
  if (absl::StrContains(message, "median")) return "BANDWIDTH_UNDEFINED";
  if (absl::StrContains(message, "indefinite")) return "RSM_INDEFINITE";
  if (absl::StrContains(message, "upload is incomplete")) return "ROWS_MISSING";
  return "INPUTS_DIFFER";
}

std::string ImpliedReason(const absl::Status& status) {
  for (const char* reason : {"NEVER_FITS", "MEMORY_PRESSURE"}) {
    if (absl::StartsWith(status.message(), reason)) return reason;
  }
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
      return absl::StrContains(status.message(), "exists with other content")
                 ? "CONTENT_DIFFERS"
                 : "DESCRIPTION_DIFFERS";
    case absl::StatusCode::kFailedPrecondition:
      return ReasonOfPrecondition(status.message());
    case absl::StatusCode::kResourceExhausted:
      return "LIMIT_EXCEEDED";
    default:
      return absl::StatusCodeToString(status.code());
  }
}

v1::ErrorReason ReasonMessage(const absl::Status& status) {
  v1::ErrorReason reason;
  const absl::optional<absl::Cord> payload = status.GetPayload(kReasonUrl);
  if (payload.has_value() && reason.ParseFromString(std::string(*payload))) return reason;
  reason.set_reason(ImpliedReason(status));
  reason.set_domain(kDomain);
  return reason;
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        std::initializer_list<std::pair<absl::string_view, std::string>> metadata) {
  v1::ErrorReason message;
  message.set_reason(std::string(reason));
  message.set_domain(kDomain);
  for (const auto& [key, value] : metadata) (*message.mutable_metadata())[std::string(key)] = value;
  status.SetPayload(kReasonUrl, absl::Cord(message.SerializeAsString()));
  return status;
}

absl::Status TryAgain(absl::string_view message, absl::string_view reason) {
  return WithReason(absl::UnavailableError(message), reason);
}

std::string ReasonOf(const absl::Status& status) { return ReasonMessage(status).reason(); }

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const v1::ErrorReason reason = ReasonMessage(status);
  v1::ErrorStatus details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(Cut(status.message()));
  google::protobuf::Any* any = details.add_details();
  any->set_type_url(kReasonUrl);
  reason.SerializeToString(any->mutable_value());
  if (absl::IsUnavailable(status) || reason.reason() == "MEMORY_PRESSURE") {
    v1::RetryDelay retry;
    retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
    any = details.add_details();
    any->set_type_url(kRetryUrl);
    retry.SerializeToString(any->mutable_value());
  }
  // The codes of absl and gRPC are the same numbers.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace gramian
