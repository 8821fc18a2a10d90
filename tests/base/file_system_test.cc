#include "gramian/base/file_system.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gtest/gtest.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileSystemTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  const testing::TemporaryDirectory directory_;
  FileSystem& files_ = RealFileSystem();
};

TEST_F(FileSystemTest, ReadsBackWhatWasWrittenInParts) {
  const std::unique_ptr<File> file = files_.Create(Path("a"), 1000).value();
  EXPECT_EQ(file->Size().value(), 1000);
  ASSERT_TRUE(file->WriteAt(10, {"one", "", "two", "three"}).ok());
  ASSERT_TRUE(file->WriteAt(0, {}).ok());
  ASSERT_TRUE(file->Sync().ok());
  std::string read(11, '\0');
  ASSERT_TRUE(file->ReadAt(10, 11, read.data()).ok());
  EXPECT_EQ(read, "onetwothree");
  const auto again = files_.OpenExisting(Path("a"), /*writable=*/false).value();
  ASSERT_TRUE(again->ReadAt(13, 3, read.data()).ok());
  EXPECT_EQ(read.substr(0, 3), "two");
}

TEST_F(FileSystemTest, WritesMorePartsThanTheSystemTakesAtOnce) {
  std::vector<std::string> texts;
  std::vector<absl::string_view> parts;
  std::string all;
  for (int i = 0; i < 3000; ++i) texts.push_back(absl::StrCat(i, ","));
  for (const std::string& text : texts) {
    parts.push_back(text);
    all += text;
  }
  const auto size = static_cast<int64_t>(all.size());
  const std::unique_ptr<File> file = files_.Create(Path("a"), size).value();
  ASSERT_TRUE(file->WriteAt(0, parts).ok());
  std::string read(all.size(), '\0');
  ASSERT_TRUE(file->ReadAt(0, size, read.data()).ok());
  EXPECT_EQ(read, all);
}

TEST_F(FileSystemTest, AllocatesTheBlocksOfANewFile) {
  ASSERT_TRUE(files_.Create(Path("a"), 1 << 20).ok());
  struct stat about = {};
  ASSERT_EQ(stat(Path("a").c_str(), &about), 0);
  EXPECT_EQ(about.st_size, 1 << 20);
  EXPECT_GE(about.st_blocks * 512, 1 << 20);
}

TEST_F(FileSystemTest, AMappingShowsWhatIsWrittenAndOutlivesFileAndName) {
  std::unique_ptr<File> file = files_.Create(Path("a"), 8192).value();
  const std::shared_ptr<const std::byte> mapping = file->Map(8192).value();
  ASSERT_TRUE(file->WriteAt(5000, {"seen"}).ok());
  EXPECT_EQ(std::memcmp(mapping.get() + 5000, "seen", 4), 0);
  file.reset();
  ASSERT_TRUE(files_.Remove(Path("a")).ok());
  EXPECT_EQ(std::memcmp(mapping.get() + 5000, "seen", 4), 0);
}

TEST_F(FileSystemTest, ErrorsNameThePathAndSayWhatKindTheyAre) {
  ASSERT_TRUE(files_.Create(Path("a"), 4).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(files_.Create(Path("a"), 4).status()));
  const absl::Status missing = files_.OpenExisting(Path("b"), false).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(Path("b")));
  EXPECT_TRUE(absl::IsNotFound(files_.Remove(Path("b"))));
  EXPECT_TRUE(absl::IsNotFound(files_.Rename(Path("b"), Path("c"))));
  EXPECT_TRUE(absl::IsNotFound(files_.List(Path("b")).status()));
  EXPECT_TRUE(absl::IsNotFound(files_.SyncDirectory(Path("b"))));
  EXPECT_TRUE(absl::IsNotFound(files_.FreeBytes(Path("b")).status()));
  EXPECT_TRUE(absl::IsNotFound(files_.TotalBytes(Path("b")).status()));
  char byte = 0;
  const auto file = files_.OpenExisting(Path("a"), false).value();
  EXPECT_TRUE(absl::IsDataLoss(file->ReadAt(4, 1, &byte))) << "past the end";
  EXPECT_FALSE(file->WriteAt(0, {"x"}).ok()) << "opened for reading";
  EXPECT_FALSE(file->Map(0).ok());
  EXPECT_FALSE(files_.CreateDirectories(Path("a/below")).ok());
}

TEST_F(FileSystemTest, AFileThatCannotBeAllocatedIsNotLeftBehind) {
  const absl::Status status = files_.Create(Path("a"), int64_t{1} << 60).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("a")));
  EXPECT_FALSE(std::filesystem::exists(Path("a")));
}

TEST_F(FileSystemTest, AFullDiskSaysHowMuchWasAskedOfIt) {
  const auto full = files_.OpenExisting("/dev/full", /*writable=*/true).value();
  const absl::Status status = full->WriteAt(0, {"one", "two"});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  const std::optional<ErrorReason> reason = GetReason(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "DISK_FULL");
  EXPECT_EQ(reason->metadata.at("value"), "6");
  EXPECT_EQ(reason->metadata.at("limit"), absl::StrCat(files_.FreeBytes("/dev/full").value()));
}

TEST_F(FileSystemTest, ListsRenamesAndRemoves) {
  ASSERT_TRUE(files_.CreateDirectories(Path("d/e")).ok());
  ASSERT_TRUE(files_.CreateDirectories(Path("d/e")).ok());
  for (const char* name : {"d/z", "d/a"}) ASSERT_TRUE(files_.Create(Path(name), 0).ok());
  EXPECT_THAT(files_.List(Path("d")).value(), ElementsAre("a", "e", "z"));
  ASSERT_TRUE(files_.Rename(Path("d/z"), Path("d/e/y")).ok());
  ASSERT_TRUE(files_.Remove(Path("d/a")).ok());
  ASSERT_TRUE(files_.SyncDirectory(Path("d")).ok());
  EXPECT_THAT(files_.List(Path("d")).value(), ElementsAre("e"));
  EXPECT_THAT(files_.List(Path("d/e")).value(), ElementsAre("y"));
  EXPECT_GT(files_.FreeBytes(Path("d")).value(), 0);
  EXPECT_GE(files_.TotalBytes(Path("d")).value(), files_.FreeBytes(Path("d")).value());
  // In place of a file a directory is damage.
  char byte = 0;
  EXPECT_TRUE(absl::IsDataLoss(files_.OpenExisting(Path("d"), true).status()));
  EXPECT_TRUE(absl::IsDataLoss(files_.OpenExisting(Path("d"), false).value()->ReadAt(0, 1, &byte)));
}

}  // namespace
}  // namespace gramian
