// Which streams fill which upload.
#ifndef GRAMIAN_SERVER_UPLOAD_STREAMS_H_
#define GRAMIAN_SERVER_UPLOAD_STREAMS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/store/layer.h"
#include "gramian/store/upload.h"

namespace gramian {

// One stream of an upload, as seen from here.
class UploadStream {
 public:
  virtual ~UploadStream() = default;
  // Ends the stream with `status` as soon as it waits for its client. Does not wait and does not
  // call UploadStreams.
  virtual void Interrupt(const absl::Status& status) = 0;
};

// Names an upload.
struct UploadKey {
  LayerKey layer;
  std::string upload_id;

  friend auto operator<=>(const UploadKey&, const UploadKey&) = default;
  friend bool operator==(const UploadKey&, const UploadKey&) = default;
};

UploadKey KeyOf(const Upload& upload);

// Keeps an upload open while it has a stream, and for `idle_limit` after its last one, so that the
// store does not drop it before its client had the time to come back. Thread-safe. Lock order: this
// before a stream's own.
class UploadStreams {
 public:
  // `start` is when the server started: clients of earlier uploads have a minute from then on, or
  // `idle_limit` if that is less, to come back, however long they have been away.
  UploadStreams(absl::Duration idle_limit, absl::Time start);

  void Join(const std::shared_ptr<Upload>& upload, UploadStream* stream);
  // The stream brings nothing more. After this returns it is not called any more. Returns whether
  // it was the only one of the upload. No effect, and false, if it had not joined.
  bool Leave(const Upload& upload, UploadStream* stream);
  // The upload was committed, aborted or dropped: it need not be kept. Its streams may go on.
  void Forget(const UploadKey& key);
  // Interrupts the streams of the upload, except `but` (may be null).
  void Interrupt(const UploadKey& key, const absl::Status& status,
                 const UploadStream* but = nullptr);

  // Streams that fill it now, and when it is dropped if none comes back.
  int64_t StreamCount(const UploadKey& key) const;
  absl::Time ExpireTime(const Upload& upload, absl::Time now) const;

  // Lets go of uploads whose last stream left `idle_limit` ago. What ExpireUploads may drop at
  // `now` is what nothing was appended to since the time returned.
  absl::Time ReleaseIdle(absl::Time now);

 private:
  struct Entry {
    std::shared_ptr<Upload> upload;  // null once forgotten
    std::set<UploadStream*> streams;
    absl::Time last_left;  // if streams is empty
  };

  const absl::Duration idle_limit_;
  const absl::Time return_time_;  // Until then clients of earlier uploads may come back.
  mutable Mutex mutex_;
  std::map<UploadKey, Entry> entries_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_UPLOAD_STREAMS_H_
