#include "gramian/measure/measure.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace gramian {
namespace {

TEST(MeasureTest, StatusesAndFormsHaveDistinctNames) {
  std::set<std::string> names;
  for (const ScoreStatus status :
       {ScoreStatus::kOk, ScoreStatus::kConstant, ScoreStatus::kTooFewInputs,
        ScoreStatus::kNonpositiveSelfTerm, ScoreStatus::kUndefinedRoot, ScoreStatus::kZeroBandwidth,
        ScoreStatus::kDifferentWidths}) {
    names.insert(ToString(status));
  }
  EXPECT_EQ(names.size(), 7U);
  for (const Form form : {Form::kAuto, Form::kFeatureSpace, Form::kSampleSpace, Form::kSpectral}) {
    names.insert(ToString(form));
  }
  EXPECT_EQ(names.size(), 11U);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace gramian
