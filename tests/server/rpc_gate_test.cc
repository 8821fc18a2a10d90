#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "server/rpc.h"

namespace gramian {
namespace {

using std::chrono::milliseconds;

TEST(RpcGateTest, LetsInUntilClosed) {
  RpcGate gate;
  EXPECT_TRUE(gate.Enter());
  gate.Close();
  EXPECT_FALSE(gate.Enter());
  EXPECT_TRUE(gate.closed());
  gate.Leave();
}

TEST(RpcGateTest, IsIdleAtOnceWhenNothingIsInFlight) {
  RpcGate gate;
  gate.Close();
  EXPECT_TRUE(gate.WaitIdle(milliseconds(0)));
}

TEST(RpcGateTest, WaitsForTheLastToLeave) {
  RpcGate gate;
  ASSERT_TRUE(gate.Enter());
  ASSERT_TRUE(gate.Enter());
  gate.Close();
  std::thread leaving([&gate] {
    gate.Leave();
    gate.Leave();
  });
  EXPECT_TRUE(gate.WaitIdle(milliseconds(60'000)));
  leaving.join();
}

TEST(RpcGateTest, GivesUpWaitingForWhatDoesNotLeave) {
  RpcGate gate;
  ASSERT_TRUE(gate.Enter());
  gate.Close();
  EXPECT_FALSE(gate.WaitIdle(milliseconds(1)));
  gate.Leave();
}

}  // namespace
}  // namespace gramian
