#include "gramian/base/machine.h"

#include <sys/resource.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

TEST(MachineTest, AProcessHasSomeOfWhatItMayUse) {
  EXPECT_GT(ResidentBytes(), 0);
  EXPECT_LT(ResidentBytes(), UsableMemoryBytes());
  EXPECT_GE(UsableCpuCount(), 1);
  EXPECT_GT(UsableDescriptorCount(), 0);
}

TEST(MachineTest, ALimitOfAddressesLimitsMemory) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const int64_t usable = UsableMemoryBytes();
  const rlimit limited{static_cast<rlim_t>(usable - 1), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  EXPECT_EQ(UsableMemoryBytes(), usable - 1);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(UsableMemoryBytes(), usable);
}

TEST(MachineTest, MemoryThatIsRefusedIsPressure) {
  const absl::Status status = OutOfMemory("no more");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "no more");
  EXPECT_EQ(GetReason(status)->reason, "MEMORY_PRESSURE");
  EXPECT_EQ(GetReason(status)->metadata.at("limit"), absl::StrCat(UsableMemoryBytes()));
  EXPECT_GT(std::stoll(GetReason(status)->metadata.at("value")), 0);
}

}  // namespace
}  // namespace gramian
