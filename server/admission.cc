#include "server/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/checked_size.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/probe_sets.h"
#include "gramian/tangent/pullback_factor.h"
#include "server/status_details.h"

namespace gramian {
namespace {

// Projects that did something last: as many again are known from before.
constexpr size_t kRecentAccounts = 5'000;
// Deleting takes a decision.
constexpr absl::Duration kQuotaRetry = absl::Minutes(1);
// How soon a place may be free where nobody can know.
constexpr absl::Duration kPlaceRetry = absl::Seconds(1);
constexpr double kSecondsPerHour = 3600.0;

double ComputeRate(const Quotas& quotas) {
  return static_cast<double>(quotas.compute_seconds_per_hour) / kSecondsPerHour;
}

absl::Status Refuse(const std::string& message, absl::string_view reason, int64_t limit,
                    absl::Duration delay) {
  return RetryAfter(WithLimit(absl::ResourceExhaustedError(message), reason, limit + 1, limit),
                    delay);
}

}  // namespace

double Admission::Meter::At(double per_second, absl::Time now) const {
  if (time == absl::InfinitePast()) return 0;
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - time));
  return std::max(0.0, level - seconds * per_second);
}

void Admission::Meter::Add(double amount, double per_second, absl::Time now) {
  level = At(per_second, now) + amount;
  time = now;
}

Admission::Admission(const Quotas& defaults, const std::string& quota_file)
    : has_file_(!quota_file.empty()),
      file_("quota file", {quota_file},
            [this, defaults](const std::vector<std::string>& contents) -> absl::Status {
              GRAMIAN_ASSIGN_OR_RETURN(QuotaList list, QuotaList::Parse(contents[0], defaults));
              MutexLock lock(mutex_);
              quotas_ = std::make_shared<const QuotaList>(std::move(list));
              return absl::OkStatus();
            }),
      quotas_(std::make_shared<const QuotaList>(defaults)) {}

std::shared_ptr<const QuotaList> Admission::quotas() const {
  MutexLock lock(mutex_);
  return quotas_;
}

Quotas Admission::QuotasOf(const std::string& project) const { return quotas()->Of(project); }

std::vector<std::string> Admission::NamedProjects() const { return quotas()->projects(); }

absl::Status Admission::BeginCall(const std::string& project, bool computes, absl::Time now) {
  if (project.empty()) return absl::OkStatus();
  MutexLock lock(mutex_);
  const Quotas& quotas = quotas_->Of(project);
  const std::string name = absl::StrCat("project '", project, "' ");
  const auto open = open_calls_.find(project);
  const int64_t open_calls = open == open_calls_.end() ? 0 : open->second;
  if (quotas.open_calls > 0 && open_calls >= quotas.open_calls) {
    return Refuse(absl::StrCat(name, "has the limit of ", quotas.open_calls, " open calls"),
                  "TOO_MANY_CALLS", quotas.open_calls, kPlaceRetry);
  }
  Account& account = AccountOf(project);
  if (computes && quotas.compute_seconds_per_hour > 0) {
    const double rate = ComputeRate(quotas);
    const double excess =
        account.compute.At(rate, now) - static_cast<double>(quotas.compute_seconds_per_hour);
    if (excess >= 0.0) {
      return Refuse(absl::StrCat(name, "has computed for the limit of ",
                                 quotas.compute_seconds_per_hour, " seconds in an hour"),
                    "COMPUTE_QUOTA", quotas.compute_seconds_per_hour,
                    absl::Seconds(excess / rate) + kPlaceRetry);
    }
  }
  if (quotas.calls_per_second > 0) {
    const auto rate = static_cast<double>(quotas.calls_per_second);
    const double excess = account.calls.At(rate, now) + 1.0 - static_cast<double>(quotas.burst());
    if (excess > 0.0) {
      // The calls that have not come back yet, and this one.
      return RetryAfter(WithReason(absl::ResourceExhaustedError(
                                       absl::StrCat(name, "calls more often than ",
                                                    quotas.calls_per_second, " times a second")),
                                   "RATE_LIMITED",
                                   {{"value", absl::StrCat(quotas.burst() + 1)},
                                    {"limit", absl::StrCat(quotas.burst())},
                                    {"per_second", absl::StrCat(quotas.calls_per_second)}}),
                        absl::Seconds(excess / rate));
    }
    account.calls.Add(1.0, rate, now);
  }
  ++open_calls_[project];
  return absl::OkStatus();
}

void Admission::EndCall(const std::string& project) {
  if (project.empty()) return;
  MutexLock lock(mutex_);
  const auto open = open_calls_.find(project);
  if (--open->second == 0) open_calls_.erase(open);
}

void Admission::AddCompute(const std::string& project, double seconds, absl::Time now) {
  if (project.empty()) return;
  MutexLock lock(mutex_);
  const Quotas& quotas = quotas_->Of(project);
  if (quotas.compute_seconds_per_hour > 0)
    AccountOf(project).compute.Add(seconds, ComputeRate(quotas), now);
}

absl::Duration Admission::AddBytes(const std::string& project, int64_t bytes, absl::Time now) {
  MutexLock lock(mutex_);
  const auto rate = static_cast<double>(quotas_->Of(project).bytes_per_second);
  if (rate == 0) return absl::ZeroDuration();
  Meter& meter = AccountOf(project).bytes;
  meter.Add(static_cast<double>(bytes), rate, now);
  // What a second brings may come at once.
  return absl::Seconds(std::max(0.0, meter.level / rate - 1.0));
}

ProjectUse Admission::UseOf(const std::string& project, absl::Time now) const {
  MutexLock lock(mutex_);
  ProjectUse use;
  if (const auto open = open_calls_.find(project); open != open_calls_.end())
    use.open_calls = open->second;
  for (const Accounts* accounts : {&recent_, &earlier_}) {
    const auto found = accounts->find(project);
    if (found == accounts->end()) continue;
    const Quotas& quotas = quotas_->Of(project);
    use.calls = found->second.calls.At(static_cast<double>(quotas.calls_per_second), now);
    use.bytes = found->second.bytes.At(static_cast<double>(quotas.bytes_per_second), now);
    use.compute_seconds = found->second.compute.At(ComputeRate(quotas), now);
    break;
  }
  return use;
}

Admission::Account& Admission::AccountOf(const std::string& project) {
  const auto known = recent_.find(project);
  if (known != recent_.end()) return known->second;
  if (recent_.size() >= kRecentAccounts) earlier_ = std::exchange(recent_, {});
  Accounts::node_type before = earlier_.extract(project);
  if (!before.empty()) return recent_.insert(std::move(before)).position->second;
  return recent_[project];
}

absl::Status Admission::CheckBytes(const ActivationStore& store, const std::string& project,
                                   int64_t bytes, int64_t limit) {
  if (limit == 0) return absl::OkStatus();
  const int64_t kept = store.ProjectBytes(project);
  if (bytes <= limit - kept) return absl::OkStatus();
  const absl::Status refusal = WithLimit(absl::ResourceExhaustedError(absl::StrCat(
                                             bytes, " bytes exceed the quota of project '", project,
                                             "': it keeps ", kept, " of ", limit, " bytes")),
                                         "TENANT_QUOTA", kept + bytes, limit);
  // Once somebody has deleted enough.
  return bytes <= limit ? RetryAfter(refusal, kQuotaRetry) : refusal;
}

absl::StatusOr<ProbeSet> Admission::CreateProbeSet(ActivationStore& store,
                                                   const ProbeSet& probe_set) {
  MutexLock lock(opening_mutex_);
  if (!store.GetProbeSet(probe_set.project, probe_set.id).ok()) {
    GRAMIAN_RETURN_IF_ERROR(CheckBytes(store, probe_set.project, KeptBytes(probe_set),
                                       QuotasOf(probe_set.project).stored_bytes));
  }
  return store.CreateProbeSet(probe_set);
}

absl::StatusOr<std::shared_ptr<Upload>> Admission::OpenUpload(ActivationStore& store,
                                                              const UploadPlan& plan) {
  const LayerKey& key = plan.description.key;
  const std::string& project = key.snapshot.project;
  const Quotas quotas = QuotasOf(project);
  if (quotas.stored_bytes == 0 && quotas.open_uploads == 0) return store.OpenUpload(plan);
  MutexLock lock(opening_mutex_);
  const bool is_open = !plan.upload_id.empty() && store.GetUpload(key, plan.upload_id).ok();
  if (!is_open) {
    GRAMIAN_ASSIGN_OR_RETURN(const int64_t bytes, BytesWhileOpen(plan.shape));
    GRAMIAN_RETURN_IF_ERROR(CheckBytes(store, project, bytes, quotas.stored_bytes));
    if (quotas.open_uploads > 0 && store.ProjectUploads(project) >= quotas.open_uploads) {
      return Refuse(absl::StrCat("project '", project, "' has the limit of ", quotas.open_uploads,
                                 " open uploads"),
                    "TOO_MANY_UPLOADS", quotas.open_uploads, kPlaceRetry);
    }
  }
  return store.OpenUpload(plan);
}

}  // namespace gramian
