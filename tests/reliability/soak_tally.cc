#include "tests/reliability/soak_tally.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/reliability/wire.h"

namespace gramian::testing {
namespace {

constexpr size_t kMaxFindings = 40;

// A full server says so with one of these, whatever it was asked.
bool IsRefusal(const grpc::Status& status) {
  static const std::set<std::string> kReasons = {"MEMORY_PRESSURE", "QUEUE_FULL",
                                                 "DISK_FULL",       "TENANT_QUOTA",
                                                 "RATE_LIMITED",    "TOO_MANY_UPLOADS"};
  return (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
          status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) &&
         kReasons.count(ReasonOf(status)) > 0;
}

double Quantile(std::vector<float>& values, double part) {
  if (values.empty()) return 0;
  const auto place = static_cast<size_t>(part * static_cast<double>(values.size() - 1));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), nth, values.end());
  return static_cast<double>(*nth);
}

}  // namespace

bool SoakTally::Count(const std::string& kind, const grpc::Status& status, double seconds,
                      const std::set<grpc::StatusCode>& expected, bool may_succeed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Kind& entry = kinds_[kind];
  entry.counts.name = kind;
  entry.seconds.push_back(static_cast<float>(seconds));
  if (status.ok() && may_succeed) {
    ++entry.counts.ok;
  } else if (expected.count(status.error_code()) > 0) {
    ++entry.counts.by_design;
  } else if (IsRefusal(status)) {
    ++entry.counts.refused;
  } else {
    ++entry.counts.wrong;
    if (findings_.size() < kMaxFindings) {
      findings_.push_back(absl::StrCat(kind, " ended with ", Describe(status)));
    }
  }
  return status.ok();
}

void SoakTally::Find(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (findings_.size() < kMaxFindings) findings_.push_back(text);
}

void SoakTally::AddUploaded(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uploaded_bytes_ += bytes;
}

void SoakTally::AddVerified(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++verified_layers_;
  verified_bytes_ += bytes;
}

int64_t SoakTally::operations() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t count = 0;
  for (const auto& [name, kind] : kinds_) count += static_cast<int64_t>(kind.seconds.size());
  return count;
}

void SoakTally::FillIn(SoakReport* report) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [name, kind] : kinds_) {
    SoakKind counts = kind.counts;
    std::vector<float> seconds = kind.seconds;
    counts.median_seconds = Quantile(seconds, 0.5);
    counts.p99_seconds = Quantile(seconds, 0.99);
    report->operations += static_cast<int64_t>(seconds.size());
    report->refused += counts.refused;
    report->kinds.push_back(counts);
  }
  report->uploaded_bytes = uploaded_bytes_;
  report->verified_layers = verified_layers_;
  report->verified_bytes = verified_bytes_;
  report->findings.insert(report->findings.end(), findings_.begin(), findings_.end());
}

}  // namespace gramian::testing
