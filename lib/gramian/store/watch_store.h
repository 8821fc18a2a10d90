// Where watches are kept: what to compare again and again.
#ifndef GRAMIAN_STORE_WATCH_STORE_H_
#define GRAMIAN_STORE_WATCH_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gramian {

// Compares the newest snapshot of a network with a reference of the same project. What it finds is
// not kept: a score is found again, with a data directory among the known ones.
struct Watch {
  std::string project;
  std::string id;
  std::string network;
  std::string reference_network;
  std::optional<int64_t> reference_step;  // nothing: the newest
  std::vector<std::string> layers;        // of both sides; none: all
  std::string measure;                    // canonical name
  absl::Time create_time;

  // Whether `other` watches the same.
  bool IsLike(const Watch& other) const;
};

// Keeps watches beside the catalog, in a database of their own: adding one waits for no commit of
// activations, and the catalog's format stays what older programs can read (decision 0041). Each
// method is one transaction that survives a killed process. Thread-safe.
class WatchStore {
 public:
  // Opens or creates `watches.db` in `data_dir`, which exists and belongs to this process; keeps
  // nothing if it is empty. Errors of SqliteDatabase::Open.
  static absl::StatusOr<std::unique_ptr<WatchStore>> Open(const std::string& data_dir);
  virtual ~WatchStore() = default;

  // By project and id. DATA_LOSS if a row has not its checksum.
  virtual absl::StatusOr<std::vector<Watch>> Read() = 0;
  // Adds a watch; ALREADY_EXISTS is the caller's to find out.
  virtual absl::Status Add(const Watch& watch) = 0;
  virtual absl::Status Remove(const std::string& project, const std::string& id) = 0;
  // Puts what Open finds there into another data directory; nothing if nothing is kept.
  virtual absl::Status CopyTo(const std::string& data_dir) = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_WATCH_STORE_H_
