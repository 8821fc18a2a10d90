#include "server/upload_streams.h"

#include <algorithm>
#include <vector>

namespace gramian {
namespace {

// Clients ask every few seconds whether the server is back.
constexpr absl::Duration kReturnTime = absl::Minutes(1);

}  // namespace

UploadKey KeyOf(const Upload& upload) {
  return {upload.plan().description.key, upload.plan().upload_id};
}

UploadStreams::UploadStreams(absl::Duration idle_limit, absl::Time start)
    : idle_limit_(idle_limit), return_time_(start + std::min(idle_limit, kReturnTime)) {}

void UploadStreams::Join(const std::shared_ptr<Upload>& upload, UploadStream* stream) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[KeyOf(*upload)];
  // Also in place of one that was forgotten: the next upload of that name.
  entry.upload = upload;
  entry.streams.insert(stream);
}

bool UploadStreams::Leave(const Upload& upload, UploadStream* stream) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(KeyOf(upload));
  if (it == entries_.end() || it->second.streams.erase(stream) == 0) return false;
  if (!it->second.streams.empty()) return false;
  it->second.last_left = absl::Now();
  if (it->second.upload == nullptr) entries_.erase(it);
  return true;
}

void UploadStreams::Forget(const UploadKey& key) {
  std::shared_ptr<Upload> last;  // Destroyed after the lock is free.
  MutexLock lock(mutex_);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  last = std::move(it->second.upload);
  if (it->second.streams.empty()) entries_.erase(it);
}

void UploadStreams::Interrupt(const UploadKey& key, const absl::Status& status,
                              const UploadStream* but) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  for (UploadStream* stream : it->second.streams) {
    if (stream != but) stream->Interrupt(status);
  }
}

int64_t UploadStreams::StreamCount(const UploadKey& key) const {
  MutexLock lock(mutex_);
  const auto it = entries_.find(key);
  return it == entries_.end() ? 0 : static_cast<int64_t>(it->second.streams.size());
}

absl::Time UploadStreams::ExpireTime(const Upload& upload, absl::Time now) const {
  MutexLock lock(mutex_);
  const auto it = entries_.find(KeyOf(upload));
  // Known from before the start only.
  if (it == entries_.end()) return std::max(upload.touched() + idle_limit_, return_time_);
  return (it->second.streams.empty() ? it->second.last_left : now) + idle_limit_;
}

absl::Time UploadStreams::ReleaseIdle(absl::Time now) {
  std::vector<std::shared_ptr<Upload>> released;  // Destroyed after the lock is free.
  MutexLock lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.streams.empty() && it->second.last_left + idle_limit_ <= now) {
      released.push_back(std::move(it->second.upload));
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  return now < return_time_ ? absl::InfinitePast() : now - idle_limit_;
}

}  // namespace gramian
