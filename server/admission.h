// Quotas of projects: who asks too often or keeps too much is refused before anything is done.
#ifndef GRAMIAN_SERVER_ADMISSION_H_
#define GRAMIAN_SERVER_ADMISSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/store/activation_store.h"
#include "gramian/store/upload.h"

namespace gramian {

// Quotas of each project; 0 means none.
struct Quotas {
  int64_t stored_bytes = 0;
  int64_t calls_per_second = 0;
  int64_t burst_calls = 1;  // >= 1, calls that may come at once
};

// Thread-safe.
class Admission {
 public:
  explicit Admission(const Quotas& quotas) : quotas_(quotas) {}

  // Counts a call about `resource`, a resource name, at `now`. RESOURCE_EXHAUSTED, reason
  // RATE_LIMITED with the time after which it would be taken, if its project calls too often. What
  // names no project is taken. A project is forgotten, as if it had never called, when thousands of
  // others have called since.
  absl::Status AdmitCall(absl::string_view resource, absl::Time now);

  // ActivationStore::OpenUpload, within the quota of bytes: RESOURCE_EXHAUSTED, reason
  // TENANT_QUOTA, if the project would keep more, with a time to try again if it could fit in what
  // the project might delete. An upload that is open already was counted when
  // it began.
  absl::StatusOr<std::shared_ptr<Upload>> OpenUpload(ActivationStore& store,
                                                     const UploadPlan& plan);

  // ActivationStore::CreateProbeSet, within the same quota. One that is there was counted then.
  absl::StatusOr<ProbeSet> CreateProbeSet(ActivationStore& store, const ProbeSet& probe_set);

 private:
  // A bucket of tokens that fills at the rate of the quota.
  struct Bucket {
    double tokens = 0;
    absl::Time time;
  };

  using Buckets = std::unordered_map<std::string, Bucket>;

  // The bucket of a project, a full one if it is not known.
  Bucket& BucketOf(const std::string& project, absl::Time now) GRAMIAN_REQUIRES(mutex_);
  double TokensAt(const Bucket& bucket, absl::Time now) const;
  // Whether the project may keep so many bytes more.
  absl::Status CheckQuota(const ActivationStore& store, const std::string& project,
                          int64_t bytes) const;

  const Quotas quotas_;
  Mutex mutex_;
  // Of the projects that called last, and of those that called before. Who is in neither is
  // forgotten, so that no number of projects takes more memory.
  Buckets recent_ GRAMIAN_GUARDED_BY(mutex_);
  Buckets earlier_ GRAMIAN_GUARDED_BY(mutex_);
  // Between asking what a project keeps and announcing more of it.
  Mutex opening_mutex_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ADMISSION_H_
