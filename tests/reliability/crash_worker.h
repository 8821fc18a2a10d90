// One client of a server that is killed again and again.
#ifndef GRAMIAN_TESTS_RELIABILITY_CRASH_WORKER_H_
#define GRAMIAN_TESTS_RELIABILITY_CRASH_WORKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/reliability/crash_model.h"
#include "tests/reliability/wire.h"

namespace gramian::testing {

// What workers share.
struct CrashShared {
  std::string project = "crash";
  Findings findings;
  Agreements agreements;
  CrashCounts counts;
  // Called at every step of every operation: message sent, answer received.
  std::function<void()> on_event;
  // Whether the server was told to die: from then on errors are expected.
  std::function<bool()> dying;
};

// Does one thing after the other, so that at most one thing is in doubt when the server dies: after
// a restart the server must show the state before or after it, nothing else. Contents come from a
// small pool that all workers share, so that equal content under several names, and its deletion
// while another uploads it, are frequent. Networks are its own.
class CrashWorker {
 public:
  // `index` names its networks. `shared` outlives it.
  CrashWorker(int index, uint64_t seed, CrashShared& shared);

  // Works until the server dies.
  void Run(const std::string& address);
  // Compares everything with what the server shows, byte by byte, and settles what was in doubt.
  void Verify(Wire& wire);
  // Deletes everything.
  void DeleteAll(Wire& wire);

  const VisibleState& state() const { return state_; }
  // Ids of the uploads that may be open.
  std::vector<std::string> open_uploads() const;

 private:
  using Key = std::pair<std::string, std::string>;  // layer name, upload id

  // One operation; false if the server died in it.
  bool Step(Wire& wire);
  bool UploadNew(Wire& wire);
  bool UploadInTwoStreams(Wire& wire);
  bool Resume(Wire& wire);
  bool Abort(Wire& wire);
  bool DeleteSnapshot(Wire& wire);
  bool DeleteNetwork(Wire& wire);
  bool Pin(Wire& wire);
  bool Compare(Wire& wire);
  bool Look(Wire& wire);

  // Runs one stream of `upload`, keeps book of what is persisted, and settles its end.
  bool RunUpload(Wire& wire, OpenUploadState upload, bool resumed);
  bool Commit(const OpenUploadState& upload, const v1::Layer& layer, bool resumed);
  OpenUploadState NewUpload();
  VisibleState AfterCommit(const OpenUploadState& upload) const;
  // Settles an operation that has no answer but a status.
  bool Settle(const grpc::Status& status, const std::string& what);
  // Reads what the server shows of this worker's networks. Contents are recognised by their bytes.
  grpc::Status Observe(Wire& wire, bool read_bytes, VisibleState* seen);
  std::optional<Content> Recognize(const std::string& snapshot, const v1::Layer& layer);
  void VerifyOpenUploads(Wire& wire, bool took_effect);
  bool CheckLayer(Wire& wire, const std::string& name, const Content& content);

  void Complain(const std::string& text);
  bool Chance(int percent) { return Below(100) < percent; }
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }
  std::string RandomSnapshot();
  Content RandomContent();

  const int index_;
  CrashShared& shared_;
  std::mt19937_64 random_;
  int64_t next_upload_ = 0;

  VisibleState state_;
  // What the server may show instead, because the last operation was not answered.
  std::optional<VisibleState> doubtful_;
  std::map<Key, OpenUploadState> open_;
  std::optional<Key> doubtful_abort_;
  std::set<Key> gone_;  // aborted: must not come back
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_CRASH_WORKER_H_
