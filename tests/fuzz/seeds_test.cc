// Every kept input through its decoder: what once was wrong stays right, in every build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "tests/fuzz/targets.h"

namespace gramian::fuzz {
namespace {

struct Target {
  const char* name;
  void (*run)(absl::string_view);
};

class SeedsTest : public ::testing::TestWithParam<Target> {};

TEST_P(SeedsTest, AreDecodedOrRefused) {
  const std::filesystem::path folder = std::filesystem::path(GRAMIAN_FUZZ_SEEDS) / GetParam().name;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    SCOPED_TRACE(entry.path().filename());
    GetParam().run(bytes);
    // Cut short, as a broken connection or file leaves it.
    for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 64) {
      GetParam().run(absl::string_view(bytes).substr(0, size));
    }
    ++count;
  }
  EXPECT_GT(count, 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, SeedsTest,
                         ::testing::Values(Target{"config_file", FuzzConfigFile},
                                           Target{"http_request", FuzzHttpRequest},
                                           Target{"listen_address", FuzzListenAddress},
                                           Target{"measure_name", FuzzMeasureName},
                                           Target{"npy", FuzzNpy},
                                           Target{"page_token", FuzzPageToken},
                                           Target{"resource_name", FuzzResourceName},
                                           Target{"safetensors", FuzzSafetensors},
                                           Target{"upload_message", FuzzUploadMessage},
                                           Target{"upload_rows", FuzzUploadRows}),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace gramian::fuzz
