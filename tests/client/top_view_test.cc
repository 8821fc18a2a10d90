#include "gramian/cli/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ServerStats Early() {
  ServerStats stats;
  stats.start_time = absl::FromUnixSeconds(1000);
  stats.read_time = absl::FromUnixSeconds(1100);
  stats.succeeded_call_count = 500;
  stats.failed_call_count = 100;
  stats.ingested_bytes = 100 << 20;
  stats.computed_score_count = 50;
  stats.compute_seconds = 25;
  stats.cache_hit_count = 10;
  stats.cache_miss_count = 30;
  stats.resident_bytes = 1 << 30;
  stats.memory_limit_bytes = int64_t{2} << 30;
  return stats;
}

TEST(TopViewTest, OneReadingGivesRatesSinceTheStart) {
  const std::string view = RenderTop("host:1", Early(), Early());
  EXPECT_THAT(view, HasSubstr("host:1  up 1 min 40 s\n"));
  EXPECT_THAT(view, HasSubstr("calls             5.0 /s ok      1.0 /s failed   0 open\n"));
  EXPECT_THAT(view, HasSubstr("uploads       1.0 MiB /s"));
  EXPECT_THAT(view, HasSubstr("0.5 /s computed, 0 computing on 0.2 threads"));
  EXPECT_THAT(view, HasSubstr("operators 25 %   scores -\n"));
  EXPECT_THAT(view,
              HasSubstr("memory       [###############...............] 1.0 GiB of 2.0 GiB\n"));
}

TEST(TopViewTest, TwoReadingsGiveRatesBetweenThem) {
  ServerStats now = Early();
  now.read_time += absl::Seconds(2);
  now.succeeded_call_count += 20;
  now.cache_hit_count += 3;
  now.compute_seconds += 3;
  const std::string view = RenderTop("host:1", Early(), now);
  EXPECT_THAT(view, HasSubstr("calls            10.0 /s ok      0.0 /s failed"));
  EXPECT_THAT(view, HasSubstr("operators 100 %"));
  EXPECT_THAT(view, HasSubstr("on 1.5 threads"));
}

TEST(TopViewTest, ARestartGivesNoNegativeRates) {
  ServerStats now;
  now.start_time = absl::FromUnixSeconds(1101);
  now.read_time = absl::FromUnixSeconds(1102);
  now.draining = true;
  const std::string view = RenderTop("host:1", Early(), now);
  EXPECT_THAT(view, Not(HasSubstr("-0.")));
  EXPECT_THAT(view, Not(HasSubstr("-1")));
  EXPECT_THAT(view, HasSubstr("DRAINING"));
}

TEST(TopViewTest, LinesFitATerminal) {
  std::istringstream lines(RenderTop("host:1", Early(), Early()));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

}  // namespace
}  // namespace gramian::client::cli
