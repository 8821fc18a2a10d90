#include "gramian/base/blas_kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "gramian/base/blas.h"

namespace gramian {
namespace {

using ::testing::AnyOf;

constexpr char kVariable[] = "OPENBLAS_CORETYPE";

class BlasKernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* const value = getenv(kVariable); value != nullptr) before_ = value;
    unsetenv(kVariable);
  }
  void TearDown() override {
    if (before_.empty()) return;
    setenv(kVariable, before_.c_str(), 1);
  }

 private:
  std::string before_;
};

TEST_F(BlasKernelsTest, OnlyTheFallbackMissesAny) {
  if (BlasCoreName() == "Prescott") {
    EXPECT_THAT(MissedBlasKernels(), AnyOf("SkylakeX", "Haswell", ""));
  } else {
    EXPECT_EQ(MissedBlasKernels(), "");
  }
}

TEST_F(BlasKernelsTest, WhatIsAskedForMissesNone) {
  setenv(kVariable, "Prescott", 1);
  EXPECT_EQ(MissedBlasKernels(), "");
  unsetenv(kVariable);
}

TEST_F(BlasKernelsTest, WithoutAnythingMissedTheProcessGoesOn) {
  setenv(kVariable, BlasCoreName().c_str(), 1);
  RestartWithMissedBlasKernels(nullptr);
  EXPECT_STREQ(getenv(kVariable), BlasCoreName().c_str());
  unsetenv(kVariable);
}

}  // namespace
}  // namespace gramian
