#include "gramian/store/directory_lock.h"

#include <memory>

#include "gtest/gtest.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

TEST(DirectoryLockTest, IsHeldByOneUntilItIsReleased) {
  const testing::TemporaryDirectory directory;
  auto first = DirectoryLock::Acquire(directory.path());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(DirectoryLock::Acquire(directory.path()).status()));
  const testing::TemporaryDirectory other;
  EXPECT_TRUE(DirectoryLock::Acquire(other.path()).ok());
  first->reset();
  EXPECT_TRUE(DirectoryLock::Acquire(directory.path()).ok());
}

TEST(DirectoryLockTest, ADirectoryThatIsNotThereIsAnError) {
  const testing::TemporaryDirectory directory;
  EXPECT_FALSE(DirectoryLock::Acquire(directory.path() + "/missing").ok());
}

}  // namespace
}  // namespace gramian
