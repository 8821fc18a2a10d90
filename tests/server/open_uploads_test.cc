#include "server/open_uploads.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>

#include "gramian/base/mutex.h"

namespace gramian {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CountingUpload final : public OpenUpload {
 public:
  void EndIfIdleSince(std::chrono::steady_clock::time_point /*time*/) override {
    MutexLock lock(mutex_);
    ++calls_;
    changed_.notify_all();
  }

  // Waits until it was asked `count` times; false after a minute.
  bool WaitForCalls(int count) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    MutexLock lock(mutex_);
    while (calls_ < count) {
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) return false;
    }
    return true;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  int calls_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

TEST(OpenUploadsTest, RefusesOneMoreThanTheLimitUntilAPlaceIsFree) {
  Metrics metrics;
  OpenUploads uploads(2, seconds(3600), metrics);
  CountingUpload a;
  CountingUpload b;
  CountingUpload c;
  EXPECT_TRUE(uploads.TryAdd(&a));
  EXPECT_TRUE(uploads.TryAdd(&b));
  EXPECT_FALSE(uploads.TryAdd(&c));
  uploads.FreePlace();
  uploads.Remove(&a);
  EXPECT_TRUE(uploads.TryAdd(&c));
}

TEST(OpenUploadsTest, AsksOpenUploadsAgainAndAgainWhetherTheyAreIdle) {
  Metrics metrics;
  OpenUploads uploads(1, milliseconds(4), metrics);
  CountingUpload upload;
  ASSERT_TRUE(uploads.TryAdd(&upload));
  EXPECT_TRUE(upload.WaitForCalls(3));
  uploads.Remove(&upload);
}

}  // namespace
}  // namespace gramian
