#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/reliability/crash_run.h"
#include "tests/reliability/folder.h"

namespace gramian::testing {
namespace {

TEST(CrashTest, WhatWasAcknowledgedSurvivesEveryKill) {
  const Folder folder("crash");
  CrashOptions options;
  options.folder = folder.path();
  const CrashReport report = RunCrashes(options);
  std::printf("  %s\n", report.Line().c_str());
  EXPECT_THAT(report.findings, ::testing::IsEmpty());
  EXPECT_EQ(report.kills, options.kills);
  // The run saw what it is there to see.
  EXPECT_GT(report.unanswered, 0);
  EXPECT_GT(report.verified_layers, 0);
}

}  // namespace
}  // namespace gramian::testing
