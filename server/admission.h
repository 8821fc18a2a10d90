// Quotas of projects: who asks too often, too much or keeps too much is refused before anything is
// done, and who sends too fast is read more slowly.
#ifndef GRAMIAN_SERVER_ADMISSION_H_
#define GRAMIAN_SERVER_ADMISSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/store/activation_store.h"
#include "gramian/store/upload.h"
#include "server/quota_list.h"
#include "server/watched_files.h"

namespace gramian {

// What a project uses of its quotas now; what is kept of it knows the store.
struct ProjectUse {
  int64_t open_calls = 0;
  double calls = 0;            // of burst_calls, those that have not come back yet
  double bytes = 0;            // of bytes_per_second, the same
  double compute_seconds = 0;  // of compute_seconds_per_hour, the same
};

// What a use of a project fills and time empties. Projects that did nothing for longer than
// thousands of others are forgotten, as if they never had. Thread-safe.
class Admission {
 public:
  // Everybody has `defaults`; `quota_file` (may be empty) says what differs.
  explicit Admission(const Quotas& defaults, const std::string& quota_file = "");

  // Reads the file. Errors of ReadWatchedFile and QuotaList::Parse.
  absl::Status Load() { return has_file_ ? file_.Load() : absl::OkStatus(); }
  // See WatchedFiles. Calls that were admitted go on; what was used stays used.
  bool has_file() const { return has_file_; }
  void Look() { file_.Look(); }
  bool is_current() const { return file_.is_current(); }

  // Begins a call of `project`, which EndCall ends, at `now`. RESOURCE_EXHAUSTED, all with the time
  // after which it may be taken: reason TOO_MANY_CALLS if as many as may are open, COMPUTE_QUOTA if
  // it `computes` and the computing time is used up, RATE_LIMITED if its project calls too often. A
  // call without a project is taken.
  absl::Status BeginCall(const std::string& project, bool computes, absl::Time now);
  void EndCall(const std::string& project);

  // Counts computing time of `project`, as it is spent: a call that is under way goes on.
  void AddCompute(const std::string& project, double seconds, absl::Time now);
  // Counts bytes of activations that `project` has sent. How long to wait before reading more.
  absl::Duration AddBytes(const std::string& project, int64_t bytes, absl::Time now);

  // ActivationStore::OpenUpload, within the quotas of bytes and uploads: RESOURCE_EXHAUSTED, reason
  // TENANT_QUOTA, if the project would keep more, with a time to try again if it could fit in what
  // the project might delete; TOO_MANY_UPLOADS. An upload that is open already was counted when it
  // began.
  absl::StatusOr<std::shared_ptr<Upload>> OpenUpload(ActivationStore& store,
                                                     const UploadPlan& plan);

  // ActivationStore::CreateProbeSet, within the same quota. One that is there was counted then.
  absl::StatusOr<ProbeSet> CreateProbeSet(ActivationStore& store, const ProbeSet& probe_set);

  Quotas QuotasOf(const std::string& project) const;
  // Projects that the file names.
  std::vector<std::string> NamedProjects() const;
  ProjectUse UseOf(const std::string& project, absl::Time now) const;

 private:
  // A level that time lowers at a steady rate.
  struct Meter {
    double level = 0;
    absl::Time time = absl::InfinitePast();
    double At(double per_second, absl::Time now) const;
    void Add(double amount, double per_second, absl::Time now);
  };
  struct Account {
    Meter calls;
    Meter bytes;
    Meter compute;
  };
  using Accounts = std::unordered_map<std::string, Account>;

  // That of a project, an empty one if it is not known.
  Account& AccountOf(const std::string& project) GRAMIAN_REQUIRES(mutex_);
  std::shared_ptr<const QuotaList> quotas() const;
  // Whether the project may keep so many bytes more.
  static absl::Status CheckBytes(const ActivationStore& store, const std::string& project,
                                 int64_t bytes, int64_t limit);

  const bool has_file_;
  WatchedFiles file_;
  mutable Mutex mutex_;
  std::shared_ptr<const QuotaList> quotas_ GRAMIAN_GUARDED_BY(mutex_);
  // Of the projects that did something last, and of those that did before. Who is in neither is
  // forgotten, so that no number of projects takes more memory.
  Accounts recent_ GRAMIAN_GUARDED_BY(mutex_);
  Accounts earlier_ GRAMIAN_GUARDED_BY(mutex_);
  std::unordered_map<std::string, int64_t> open_calls_ GRAMIAN_GUARDED_BY(mutex_);  // > 0
  // Between asking what a project keeps and announcing more of it.
  Mutex opening_mutex_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ADMISSION_H_
