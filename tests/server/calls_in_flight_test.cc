#include "server/calls_in_flight.h"

#include <gtest/gtest.h>

#include <string>

namespace gramian {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& trace, const std::string& parent,
                   const std::string& flags) {
  return version + "-" + trace + "-" + parent + "-" + flags;
}

TEST(CallTraceTest, TraceparentIsTakenOver) {
  CallTrace trace;
  ASSERT_TRUE(ParseTraceparent(Header("00", kTrace, kParent, "01"), trace));
  EXPECT_EQ(trace.trace_id, kTrace);
  EXPECT_EQ(trace.parent_id, kParent);
  // A later version may say more at its end.
  EXPECT_TRUE(ParseTraceparent(Header("cc", kTrace, kParent, "01") + "-more", trace));
}

TEST(CallTraceTest, MalformedTraceparentsAreLeftOut) {
  const std::string zeros(32, '0');
  for (const std::string& header :
       {std::string(), std::string("00"), Header("ff", kTrace, kParent, "01"),
        Header("00", zeros, kParent, "01"), Header("00", kTrace, zeros.substr(16), "01"),
        Header("00", kTrace, kParent, "0g"), Header("0", kTrace, kParent, "001"),
        Header("00", "4BF92F3577B34DA6A3CE929D0E0E4736", kParent, "01"),
        Header("00", kTrace, kParent, "01") + "-more", Header("cc", kTrace, kParent, "01") + "x",
        Header("00", std::string(kTrace) + "0", kParent, "01")}) {
    CallTrace trace;
    EXPECT_FALSE(ParseTraceparent(header, trace)) << header;
    EXPECT_EQ(trace.trace_id, "");
    EXPECT_EQ(trace.parent_id, "");
  }
}

TEST(CallsInFlightTest, ACallIsThereUntilItEnds) {
  CallsInFlight calls;
  const int64_t first = calls.Begin("Service/First", {"1", "", ""});
  const int64_t second = calls.Begin("Service/Second", {"2", "", ""});
  calls.SetProject(first, "project");
  ASSERT_EQ(calls.List().size(), 2u);
  EXPECT_EQ(calls.List()[0].project, "project");
  const CallInFlight ended = calls.End(first);
  EXPECT_EQ(ended.method, "Service/First");
  EXPECT_EQ(ended.trace.request_id, "1");
  calls.SetProject(first, "late");
  ASSERT_EQ(calls.List().size(), 1u);
  EXPECT_EQ(calls.List()[0].method, "Service/Second");
  calls.End(second);
  EXPECT_TRUE(calls.List().empty());
}

}  // namespace
}  // namespace gramian
