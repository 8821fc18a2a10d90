#include "gramian/client/resource_name.h"

#include <gtest/gtest.h>

#include <string>

namespace gramian::client {
namespace {

TEST(ResourceNameTest, EncodingKeepsUnreservedBytesOnly) {
  EXPECT_EQ(EncodeId("layer4.1_relu-x~"), "layer4.1_relu-x~");
  EXPECT_EQ(EncodeId("encoder/0:relu %"), "encoder%2F0%3Arelu%20%25");
  EXPECT_EQ(EncodeId("ß"), "%C3%9F");
}

TEST(ResourceNameTest, DecodingIsTheInverseForEveryByte) {
  std::string bytes;
  for (int i = 1; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(*DecodeId(EncodeId(bytes)), bytes);
  for (const char* malformed : {"%", "%2", "%zz", "a%2"})
    EXPECT_FALSE(DecodeId(malformed).ok()) << malformed;
}

TEST(ResourceNameTest, NamesAreNested) {
  const std::string snapshot = SnapshotName("lab 1", "res/net", 100);
  EXPECT_EQ(snapshot, "projects/lab%201/networks/res%2Fnet/snapshots/100");
  EXPECT_EQ(LayerName(snapshot, "a/b"), snapshot + "/layers/a%2Fb");
}

TEST(ResourceNameTest, ShortFormsAreParsed) {
  EXPECT_EQ(*ParseSnapshot("p", "net@100"), SnapshotName("p", "net", 100));
  EXPECT_EQ(*ParseSnapshot("p", "net@last"), LastSnapshotName("p", "net"));
  EXPECT_EQ(*ParseSnapshot("p", "a@b@7"), SnapshotName("p", "a@b", 7));
  EXPECT_EQ(*ParseLayer("p", "net@7/encoder/0:relu"),
            LayerName(SnapshotName("p", "net", 7), "encoder/0:relu"));
}

TEST(ResourceNameTest, MalformedShortFormsAreRefused) {
  for (const char* text :
       {"", "net", "@1", "net@", "net@-1", "net@x", "net@1.5", "net@99999999999999999999"}) {
    EXPECT_EQ(ParseSnapshot("p", text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"net@1", "net@1/", "net/relu", "relu", "@1/relu"}) {
    EXPECT_EQ(ParseLayer("p", text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ResourceNameTest, SnapshotsShowInShortForm) {
  EXPECT_EQ(ShortName(SnapshotName("p", "res/net", 100)), "res/net@100");
  EXPECT_EQ(ShortName("something else"), "something else");
}

}  // namespace
}  // namespace gramian::client
