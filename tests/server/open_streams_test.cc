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

TEST(OpenStreamsTest, RefusesOneMoreThanTheLimitUntilAPlaceIsFree) {
  std::vector<int64_t> counts;
  OpenStreams streams(2, [&counts](int64_t count) { counts.push_back(count); });
  RecordingStream a;
  RecordingStream b;
  RecordingStream c;
  EXPECT_TRUE(streams.TryAdd(&a));
  EXPECT_TRUE(streams.TryAdd(&b));
  EXPECT_FALSE(streams.TryAdd(&c));
  streams.FreePlace();
  streams.Remove(&a);
  EXPECT_TRUE(streams.TryAdd(&c));
  EXPECT_EQ(counts, (std::vector<int64_t>{1, 2, 1, 2}));
}

TEST(OpenStreamsTest, AsksEveryOpenStreamWhetherItIsIdle) {
  OpenStreams streams(3);
  RecordingStream a;
  RecordingStream b;
  RecordingStream gone;
  for (RecordingStream* stream : {&a, &b, &gone}) ASSERT_TRUE(streams.TryAdd(stream));
  streams.Remove(&gone);
  const auto time = std::chrono::steady_clock::now();
  streams.EndIdleSince(time);
  EXPECT_EQ(a.times, std::vector<std::chrono::steady_clock::time_point>{time});
  EXPECT_EQ(b.times.size(), 1u);
  EXPECT_TRUE(gone.times.empty());
}

}  // namespace
}  // namespace gramian
