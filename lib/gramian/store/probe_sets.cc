#include "gramian/store/probe_sets.h"

namespace gramian {
namespace {

int64_t BytesOf(const std::string& text) {
  return static_cast<int64_t>(sizeof(std::string) + text.size());
}

}  // namespace

int64_t KeptBytes(const ProbeSet& probe_set) {
  // Twice the names, which are keys as well.
  int64_t bytes = static_cast<int64_t>(sizeof(ProbeSet)) +
                  2 * (BytesOf(probe_set.project) + BytesOf(probe_set.id));
  for (const std::string& id : probe_set.input_ids) bytes += BytesOf(id);
  return bytes;
}

const ProbeSet* ProbeSets::Find(const std::string& project, const std::string& id) const {
  const auto found = projects_.find(project);
  if (found == projects_.end()) return nullptr;
  const auto it = found->second.probe_sets.find(id);
  return it == found->second.probe_sets.end() ? nullptr : &it->second;
}

std::vector<ProbeSet> ProbeSets::List(const std::string& project) const {
  std::vector<ProbeSet> result;
  const auto found = projects_.find(project);
  if (found == projects_.end()) return result;
  for (const auto& [id, kept] : found->second.probe_sets) {
    result.push_back(
        {kept.project, kept.id, kept.input_count, kept.input_ids_digest, {}, kept.create_time});
  }
  return result;
}

void ProbeSets::Add(const ProbeSet& probe_set) {
  Project& project = projects_[probe_set.project];
  if (!project.probe_sets.emplace(probe_set.id, probe_set).second) return;
  project.bytes += KeptBytes(probe_set);
  bytes_ += KeptBytes(probe_set);
}

void ProbeSets::Remove(const std::string& project, const std::string& id) {
  const ProbeSet* probe_set = Find(project, id);
  if (probe_set == nullptr) return;
  const int64_t bytes = KeptBytes(*probe_set);
  const auto found = projects_.find(project);
  found->second.bytes -= bytes;
  bytes_ -= bytes;
  found->second.probe_sets.erase(id);
  if (found->second.probe_sets.empty()) projects_.erase(found);
}

int64_t ProbeSets::ProjectBytes(const std::string& project) const {
  const auto found = projects_.find(project);
  return found == projects_.end() ? 0 : found->second.bytes;
}

}  // namespace gramian
