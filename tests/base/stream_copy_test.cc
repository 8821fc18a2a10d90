#include "gramian/base/stream_copy.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace gramian {
namespace {

TEST(StreamCopierTest, CopiesEverySizeBetweenAnyTwoPlacesAndNothingElse) {
  constexpr size_t kRoom = 512;
  std::vector<unsigned char> from(kRoom);
  for (size_t i = 0; i < kRoom; ++i) from[i] = static_cast<unsigned char>(i % 251 + 1);
  for (size_t to_offset = 0; to_offset < 70; to_offset += 3) {
    for (size_t from_offset = 0; from_offset < 20; ++from_offset) {
      for (const size_t size : {0U, 1U, 15U, 63U, 64U, 65U, 127U, 128U, 129U, 200U, 256U, 300U}) {
        std::vector<unsigned char> to(kRoom, 0);
        StreamCopier().Copy(to.data() + to_offset, from.data() + from_offset, size);
        std::vector<unsigned char> expected(kRoom, 0);
        std::copy_n(from.data() + from_offset, size, expected.data() + to_offset);
        ASSERT_EQ(to, expected) << to_offset << ", " << from_offset << ", " << size;
      }
    }
  }
}

}  // namespace
}  // namespace gramian
