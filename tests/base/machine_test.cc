#include "gramian/base/machine.h"

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
