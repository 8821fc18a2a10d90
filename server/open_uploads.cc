#include "server/open_uploads.h"

namespace gramian {

OpenUploads::OpenUploads(int64_t limit, std::chrono::milliseconds idle_limit, Metrics& metrics)
    : limit_(limit), idle_limit_(idle_limit), metrics_(metrics), sweeper_([this] { Sweep(); }) {}

OpenUploads::~OpenUploads() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    stop_changed_.notify_all();
  }
  sweeper_.join();
}

bool OpenUploads::TryAdd(OpenUpload* upload) {
  MutexLock lock(mutex_);
  if (places_taken_ >= limit_) return false;
  metrics_.SetOpenUploads(++places_taken_);
  uploads_.insert(upload);
  return true;
}

void OpenUploads::FreePlace() { metrics_.SetOpenUploads(--places_taken_); }

void OpenUploads::Remove(OpenUpload* upload) {
  MutexLock lock(mutex_);
  uploads_.erase(upload);
}

void OpenUploads::Sweep() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    stop_changed_.wait_for(mutex_, idle_limit_ / 4);
    const auto time = std::chrono::steady_clock::now() - idle_limit_;
    for (OpenUpload* upload : uploads_) upload->EndIfIdleSince(time);
  }
}

}  // namespace gramian
