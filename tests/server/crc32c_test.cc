#include "server/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace gramian {
namespace {

// RFC 3720, appendix B.4: the reference values of iSCSI.
TEST(Crc32cTest, AgreesWithTheIscsiReferenceValues) {
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\xFF')), 0x62A8AB43u);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending += c;
  EXPECT_EQ(ExtendCrc32c(0, ascending), 0x46DD794Eu);
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xE3069283u);
}

TEST(Crc32cTest, OfNothingIsZero) { EXPECT_EQ(ExtendCrc32c(0, ""), 0u); }

TEST(Crc32cTest, ContinuesWhereItWasCut) {
  std::string data;
  for (int i = 0; i < 4099; ++i) data += static_cast<char>(i * 31);
  const uint32_t whole = ExtendCrc32c(0, data);
  for (const size_t cut : {size_t{1}, size_t{63}, size_t{64}, size_t{1000}, data.size()}) {
    const uint32_t head = ExtendCrc32c(0, absl::string_view(data).substr(0, cut));
    EXPECT_EQ(ExtendCrc32c(head, absl::string_view(data).substr(cut)), whole) << cut;
  }
}

}  // namespace
}  // namespace gramian
