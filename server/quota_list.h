// What projects may use: the flags, and the file of --quota-file.
#ifndef GRAMIAN_SERVER_QUOTA_LIST_H_
#define GRAMIAN_SERVER_QUOTA_LIST_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// Quotas of one project; 0 means none.
struct Quotas {
  int64_t stored_bytes = 0;  // of activations and probe sets, kept and announced
  int64_t open_uploads = 0;  // not committed yet; so many streams may fill them
  int64_t calls_per_second = 0;
  int64_t burst_calls = 0;               // calls that may come at once; 0: as many as in a second
  int64_t open_calls = 0;                // at the same time, streams among them
  int64_t bytes_per_second = 0;          // of activations; who brings more is read more slowly
  int64_t compute_seconds_per_hour = 0;  // wall time of computations

  // burst_calls with its default.
  int64_t burst() const;
};

// Least that a quota may be, if it is not 0: fewer bytes a second than a chunk takes a minute for
// would leave its stream waiting beyond every deadline.
inline constexpr int64_t kMinBytesPerSecond = int64_t{64} << 10;
// Most projects with quotas of their own.
inline constexpr int64_t kMaxQuotaProjects = 10'000;

// An immutable list, read from JSON: an object for each project, "*" for all that are not named.
// What an object does not say is as for "*", and what that does not say as the flags have it.
//
//   {"*": {"calls_per_second": 50}, "vision": {"stored_bytes": 2000000000000, "open_uploads": 64}}
class QuotaList {
 public:
  // Everybody has `defaults`.
  explicit QuotaList(const Quotas& defaults = {}) : everybody_(defaults) {}

  // INVALID_ARGUMENT, naming project and key, for what is not of this form: an unknown or repeated
  // key, a value that is no integer >= 0, bytes_per_second below kMinBytesPerSecond, more than
  // kMaxQuotaProjects.
  static absl::StatusOr<QuotaList> Parse(absl::string_view json, const Quotas& defaults);

  const Quotas& Of(const std::string& project) const;
  // Those with quotas of their own.
  std::vector<std::string> projects() const;

 private:
  Quotas everybody_;
  std::map<std::string, Quotas> projects_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_QUOTA_LIST_H_
