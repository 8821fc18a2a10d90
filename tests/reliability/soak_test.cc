#include "tests/reliability/soak.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/reliability/folder.h"

namespace gramian::testing {
namespace {

TEST(SoakTest, SixtyFourMixedClientsMeetNoErrorThatIsNotByDesign) {
  const Folder folder("soak");
  SoakOptions options;
  options.folder = folder.path();
  const SoakReport report = RunSoak(options);
  std::printf("%s", report.Text().c_str());
  EXPECT_THAT(report.findings, ::testing::IsEmpty());
  EXPECT_GT(report.verified_layers, 0);
}

}  // namespace
}  // namespace gramian::testing
