#include "server/quota_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/strict_json.h"

namespace gramian {
namespace {

using Json = nlohmann::json;

constexpr char kWhat[] = "the quota file";
constexpr char kEverybody[] = "*";

constexpr std::pair<const char*, int64_t Quotas::*> kKeys[] = {
    {"stored_bytes", &Quotas::stored_bytes},
    {"open_uploads", &Quotas::open_uploads},
    {"calls_per_second", &Quotas::calls_per_second},
    {"burst_calls", &Quotas::burst_calls},
    {"open_calls", &Quotas::open_calls},
    {"bytes_per_second", &Quotas::bytes_per_second},
    {"compute_seconds_per_hour", &Quotas::compute_seconds_per_hour},
};

absl::Status Mistake(absl::string_view project, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(kWhat, ": '", project, "' ", what));
}

absl::Status SetQuota(const std::string& project, const std::string& key, const Json& value,
                      Quotas& quotas) {
  const auto* const known =
      std::find_if(std::begin(kKeys), std::end(kKeys),
                   [&](const auto& candidate) { return key == candidate.first; });
  if (known == std::end(kKeys))
    return Mistake(project, absl::StrCat("has an unknown key '", key, "'"));
  // Also what is too large for int64 is no number of these.
  const bool is_count =
      value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  if (!is_count) {
    return Mistake(project,
                   absl::StrCat("has ", key, " = ", value.dump(), ", must be an integer >= 0"));
  }
  const auto count = value.get<int64_t>();
  if (known->second == &Quotas::bytes_per_second && count > 0 && count < kMinBytesPerSecond) {
    return Mistake(project, absl::StrCat("has ", key, " = ", count, ", must be 0 or at least ",
                                         kMinBytesPerSecond));
  }
  quotas.*(known->second) = count;
  return absl::OkStatus();
}

absl::StatusOr<Quotas> ReadQuotas(const std::string& project, const Json& object, Quotas quotas) {
  if (!object.is_object()) return Mistake(project, "is not an object");
  for (const auto& [key, value] : object.items())
    GRAMIAN_RETURN_IF_ERROR(SetQuota(project, key, value, quotas));
  return quotas;
}

}  // namespace

int64_t Quotas::burst() const {
  return std::max<int64_t>(1, burst_calls == 0 ? calls_per_second : burst_calls);
}

absl::StatusOr<QuotaList> QuotaList::Parse(absl::string_view json, const Quotas& defaults) {
  GRAMIAN_ASSIGN_OR_RETURN(const Json document, ParseStrictJson(kWhat, json));
  if (!document.is_object())
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": it is not an object"));
  if (document.size() > static_cast<size_t>(kMaxQuotaProjects)) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": it has ", document.size(),
                                                   " entries, more than the limit of ",
                                                   kMaxQuotaProjects));
  }
  QuotaList list(defaults);
  if (const auto everybody = document.find(kEverybody); everybody != document.end()) {
    GRAMIAN_ASSIGN_OR_RETURN(list.everybody_, ReadQuotas(kEverybody, *everybody, defaults));
  }
  for (const auto& [project, object] : document.items()) {
    if (project == kEverybody) continue;
    if (project.empty()) return Mistake(project, "is no project");
    GRAMIAN_ASSIGN_OR_RETURN(list.projects_[project], ReadQuotas(project, object, list.everybody_));
  }
  return list;
}

const Quotas& QuotaList::Of(const std::string& project) const {
  const auto found = projects_.find(project);
  return found == projects_.end() ? everybody_ : found->second;
}

std::vector<std::string> QuotaList::projects() const {
  std::vector<std::string> projects;
  for (const auto& [project, quotas] : projects_) projects.push_back(project);
  return projects;
}

}  // namespace gramian
