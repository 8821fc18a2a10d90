#include "server/calls_in_flight.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace gramian {
namespace {

constexpr size_t kMaxIdBytes = 64;

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

bool IsPlain(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ||
                  c == '_' || c == '~';
         });
}

std::string NewId() {
  thread_local std::mt19937_64 generator{std::random_device()()};
  return absl::StrFormat("%016x", generator());
}

absl::string_view Find(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

}  // namespace

bool ParseTraceparent(absl::string_view header, CallTrace& trace) {
  // version-trace-parent-flags: 2, 32, 16 and 2 digits.
  constexpr size_t kSize = 55;
  if (header.size() < kSize || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return false;
  const absl::string_view version = header.substr(0, 2);
  const absl::string_view flags = header.substr(53, 2);
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(flags)) return false;
  if (header.size() > kSize && (version == "00" || header[kSize] != '-')) return false;
  if (!IsId(header.substr(3, 32)) || !IsId(header.substr(36, 16))) return false;
  trace.trace_id = std::string(header.substr(3, 32));
  trace.parent_id = std::string(header.substr(36, 16));
  return true;
}

CallTrace TraceOf(const grpc::CallbackServerContext& context) {
  CallTrace trace;
  const absl::string_view request_id = Find(context, "x-request-id");
  trace.request_id = IsPlain(request_id) ? std::string(request_id) : NewId();
  ParseTraceparent(Find(context, "traceparent"), trace);
  return trace;
}

int64_t CallsInFlight::Begin(const std::string& method, CallTrace trace) {
  const auto start = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  calls_.emplace_hint(calls_.end(), ++last_, CallInFlight{method, "", std::move(trace), start});
  return last_;
}

void CallsInFlight::SetProject(int64_t call, std::string project) {
  MutexLock lock(mutex_);
  const auto found = calls_.find(call);
  if (found != calls_.end()) found->second.project = std::move(project);
}

CallInFlight CallsInFlight::End(int64_t call) {
  MutexLock lock(mutex_);
  auto node = calls_.extract(call);
  return node.empty() ? CallInFlight() : std::move(node.mapped());
}

std::vector<CallInFlight> CallsInFlight::List() const {
  MutexLock lock(mutex_);
  std::vector<CallInFlight> calls;
  calls.reserve(calls_.size());
  for (const auto& [number, call] : calls_) calls.push_back(call);
  return calls;
}

}  // namespace gramian
