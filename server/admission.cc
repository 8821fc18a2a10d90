#include "server/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/checked_size.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/probe_sets.h"
#include "gramian/tangent/pullback_factor.h"
#include "server/resource_name.h"
#include "server/status_details.h"

namespace gramian {
namespace {

// Projects that called last: as many again are known from before.
constexpr size_t kRecentBuckets = 5'000;
// Deleting takes a decision.
constexpr absl::Duration kQuotaRetry = absl::Minutes(1);

}  // namespace

absl::Status Admission::AdmitCall(absl::string_view resource, absl::Time now) {
  if (quotas_.calls_per_second == 0) return absl::OkStatus();
  const std::string project = ProjectOf(resource);
  if (project.empty()) return absl::OkStatus();
  const auto rate = static_cast<double>(quotas_.calls_per_second);
  MutexLock lock(mutex_);
  Bucket& bucket = BucketOf(project, now);
  bucket.tokens = TokensAt(bucket, now);
  bucket.time = now;
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return absl::OkStatus();
  }
  // The calls that have not come back yet, and this one.
  return RetryAfter(WithReason(absl::ResourceExhaustedError(
                                   absl::StrCat("project '", project, "' calls more often than ",
                                                quotas_.calls_per_second, " times a second")),
                               "RATE_LIMITED",
                               {{"value", absl::StrCat(quotas_.burst_calls + 1)},
                                {"limit", absl::StrCat(quotas_.burst_calls)},
                                {"per_second", absl::StrCat(quotas_.calls_per_second)}}),
                    absl::Seconds((1.0 - bucket.tokens) / rate));
}

double Admission::TokensAt(const Bucket& bucket, absl::Time now) const {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.time));
  return std::min(static_cast<double>(quotas_.burst_calls),
                  bucket.tokens + seconds * static_cast<double>(quotas_.calls_per_second));
}

Admission::Bucket& Admission::BucketOf(const std::string& project, absl::Time now) {
  const auto known = recent_.find(project);
  if (known != recent_.end()) return known->second;
  if (recent_.size() >= kRecentBuckets) earlier_ = std::exchange(recent_, {});
  Buckets::node_type before = earlier_.extract(project);
  if (!before.empty()) return recent_.insert(std::move(before)).position->second;
  return recent_.emplace(project, Bucket{static_cast<double>(quotas_.burst_calls), now})
      .first->second;
}

absl::Status Admission::CheckQuota(const ActivationStore& store, const std::string& project,
                                   int64_t bytes) const {
  const int64_t kept = store.ProjectBytes(project);
  if (bytes <= quotas_.stored_bytes - kept) return absl::OkStatus();
  const absl::Status refusal =
      WithLimit(absl::ResourceExhaustedError(
                    absl::StrCat(bytes, " bytes exceed the quota of project '", project,
                                 "': it keeps ", kept, " of ", quotas_.stored_bytes, " bytes")),
                "TENANT_QUOTA", kept + bytes, quotas_.stored_bytes);
  // Once somebody has deleted enough.
  return bytes <= quotas_.stored_bytes ? RetryAfter(refusal, kQuotaRetry) : refusal;
}

absl::StatusOr<ProbeSet> Admission::CreateProbeSet(ActivationStore& store,
                                                   const ProbeSet& probe_set) {
  if (quotas_.stored_bytes == 0) return store.CreateProbeSet(probe_set);
  MutexLock lock(opening_mutex_);
  if (!store.GetProbeSet(probe_set.project, probe_set.id).ok()) {
    GRAMIAN_RETURN_IF_ERROR(CheckQuota(store, probe_set.project, KeptBytes(probe_set)));
  }
  return store.CreateProbeSet(probe_set);
}

absl::StatusOr<std::shared_ptr<Upload>> Admission::OpenUpload(ActivationStore& store,
                                                              const UploadPlan& plan) {
  if (quotas_.stored_bytes == 0) return store.OpenUpload(plan);
  MutexLock lock(opening_mutex_);
  const LayerKey& key = plan.description.key;
  const bool is_open = !plan.upload_id.empty() && store.GetUpload(key, plan.upload_id).ok();
  if (!is_open) {
    GRAMIAN_ASSIGN_OR_RETURN(const int64_t bytes, BytesWhileOpen(plan.shape));
    GRAMIAN_RETURN_IF_ERROR(CheckQuota(store, key.snapshot.project, bytes));
  }
  return store.OpenUpload(plan);
}

}  // namespace gramian
