// The probe sets that a store knows, and what they take.
#ifndef GRAMIAN_STORE_PROBE_SETS_H_
#define GRAMIAN_STORE_PROBE_SETS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gramian/store/layer.h"

namespace gramian {

// What a probe set takes of memory, about: its ids with a string for each, its names, and the rest
// of it. A data directory takes no more.
int64_t KeptBytes(const ProbeSet& probe_set);

// Thread-compatible: its user locks.
class ProbeSets {
 public:
  // Null if there is none. Valid until the next change.
  const ProbeSet* Find(const std::string& project, const std::string& id) const;
  // By id, without their input ids.
  std::vector<ProbeSet> List(const std::string& project) const;
  // Nothing if there is one of that name.
  void Add(const ProbeSet& probe_set);
  // Nothing if there is none.
  void Remove(const std::string& project, const std::string& id);

  int64_t ProjectBytes(const std::string& project) const;
  int64_t bytes() const { return bytes_; }

 private:
  struct Project {
    std::map<std::string, ProbeSet> probe_sets;  // by id, not empty
    int64_t bytes = 0;
  };

  std::map<std::string, Project> projects_;
  int64_t bytes_ = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_PROBE_SETS_H_
