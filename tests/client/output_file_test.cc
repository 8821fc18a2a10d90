#include "gramian/cli/output_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace gramian::client::cli {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int64_t FileCount() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_;
};

TEST_F(OutputFileTest, AppearsAsAWhole) {
  ASSERT_TRUE(WriteFile(Path("a.txt"), "old").ok());
  {
    auto file = OutputFile::Create(Path("a.txt"));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Write("ne").ok());
    EXPECT_EQ(Read("a.txt"), "old");
    ASSERT_TRUE(file->Write("w").ok());
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(Read("a.txt"), "new");
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(OutputFileTest, LeavesNothingWhenItIsDropped) {
  {
    auto file = OutputFile::Create(Path("a.txt"));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Write("half").ok());
  }
  EXPECT_EQ(FileCount(), 0);
}

TEST_F(OutputFileTest, WhatCannotBeWrittenIsFoundBefore) {
  EXPECT_TRUE(CheckWritable({Path("a.csv"), Path("b.csv")}).ok());
  EXPECT_EQ(FileCount(), 0) << "trying leaves nothing";
  EXPECT_EQ(CheckWritable({Path("a.csv"), Path("none/b.csv")}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CheckWritable({folder_.string()}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(OutputFileTest, TheExtensionIsThatOfTheFile) {
  EXPECT_EQ(Extension("a/b.c/d"), "");
  EXPECT_EQ(Extension("a.b/c.tar.npy"), ".npy");
}

}  // namespace
}  // namespace gramian::client::cli
