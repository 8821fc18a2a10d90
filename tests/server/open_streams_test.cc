#include "server/open_streams.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace gramian {
namespace {

class RecordingStream final : public OpenStream {
 public:
  void EndIfIdleSince(std::chrono::steady_clock::time_point time) override {
    times.push_back(time);
  }

  std::vector<std::chrono::steady_clock::time_point> times;
};

TEST(OpenStreamsTest, RefusesOneMoreThanTheLimitOfAnOwnerUntilAPlaceIsFree) {
  std::vector<int64_t> counts;
  OpenStreams streams(2, [&counts](int64_t count) { counts.push_back(count); });
  EXPECT_TRUE(streams.TryTakePlace("a"));
  EXPECT_TRUE(streams.TryTakePlace("a"));
  EXPECT_FALSE(streams.TryTakePlace("a"));
  EXPECT_TRUE(streams.TryTakePlace("b"));
  streams.FreePlace("a");
  EXPECT_TRUE(streams.TryTakePlace("a"));
  for (const char* owner : {"a", "a", "b"}) streams.FreePlace(owner);
  EXPECT_EQ(counts, (std::vector<int64_t>{1, 2, 3, 2, 3, 2, 1, 0}));
}

TEST(OpenStreamsTest, AsksEveryOpenStreamWhetherItIsIdle) {
  OpenStreams streams(1);
  RecordingStream a;
  RecordingStream b;
  RecordingStream gone;
  for (RecordingStream* stream : {&a, &b, &gone}) streams.Add(stream);
  streams.Remove(&gone);
  const auto time = std::chrono::steady_clock::now();
  streams.EndIdleSince(time);
  EXPECT_EQ(a.times, std::vector<std::chrono::steady_clock::time_point>{time});
  EXPECT_EQ(b.times.size(), 1u);
  EXPECT_TRUE(gone.times.empty());
}

}  // namespace
}  // namespace gramian
