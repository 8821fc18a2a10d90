#include "gramian/store/sqlite.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFormats[] = {"CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL)",
                                    "ALTER TABLE t ADD COLUMN more INTEGER NOT NULL DEFAULT 7"};

class SqliteTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(
      size_t format = 1, SqliteDatabase::Creation creation = SqliteDatabase::Creation::kAllowed) {
    return SqliteDatabase::Open(path_, SqliteDatabase::Durability::kNothing,
                                absl::MakeConstSpan(kFormats).first(format), creation);
  }
  static int64_t Count(SqliteDatabase& database) {
    SqliteStatement count = database.Prepare("SELECT count(*) FROM t").value();
    EXPECT_TRUE(count.Step().value());
    return count.Integer(0);
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/a.db";
};

TEST_F(SqliteTest, KeepsWhatWasWritten) {
  const std::string bytes("a\0b", 3);
  {
    const auto database = Open().value();
    SqliteStatement insert = database->Prepare("INSERT INTO t VALUES(?,?,?)").value();
    ASSERT_TRUE(insert.Bind(int64_t{1} << 60).Bind("name").Bind(0.1).Run().ok());
    ASSERT_TRUE(insert.Bind(int64_t{-2}).BindBlob(bytes).Bind(-1e300).Run().ok());
  }
  const auto database = Open().value();
  SqliteStatement select = database->Prepare("SELECT id, name, value FROM t ORDER BY id").value();
  ASSERT_TRUE(select.Step().value());
  EXPECT_EQ(select.Integer(0), -2);
  EXPECT_EQ(select.Bytes(1), bytes);
  EXPECT_EQ(select.Real(2), -1e300);
  ASSERT_TRUE(select.Step().value());
  EXPECT_EQ(select.Integer(0), int64_t{1} << 60);
  EXPECT_EQ(select.Bytes(1), "name");
  EXPECT_EQ(select.Real(2), 0.1);
  EXPECT_FALSE(select.Step().value());
}

TEST_F(SqliteTest, ATransactionIsAllOrNothing) {
  const auto database = Open().value();
  ASSERT_TRUE(
      database->Transact([&] { return database->Execute("INSERT INTO t(id) VALUES(1)"); }).ok());
  const absl::Status failed = database->Transact([&] {
    EXPECT_TRUE(database->Execute("INSERT INTO t(id) VALUES(2)").ok());
    return absl::CancelledError("no");
  });
  EXPECT_TRUE(absl::IsCancelled(failed));
  EXPECT_EQ(Count(*database), 1);
  const absl::Status twice = database->Transact([&] {
    EXPECT_TRUE(database->Execute("INSERT INTO t(id) VALUES(3)").ok());
    return database->Execute("INSERT INTO t(id) VALUES(1)");
  });
  EXPECT_FALSE(twice.ok());
  EXPECT_THAT(std::string(twice.message()), HasSubstr(path_));
  EXPECT_EQ(Count(*database), 1);
}

TEST_F(SqliteTest, AFailedStatementCanBeUsedAgain) {
  const auto database = Open().value();
  SqliteStatement insert = database->Prepare("INSERT INTO t(id) VALUES(?)").value();
  ASSERT_TRUE(insert.Bind(int64_t{1}).Run().ok());
  EXPECT_FALSE(insert.Bind(int64_t{1}).Run().ok());
  EXPECT_TRUE(insert.Bind(int64_t{2}).Run().ok());
  EXPECT_FALSE(insert.Bind(int64_t{3}).Bind(int64_t{4}).Run().ok()) << "one value too many";
  EXPECT_EQ(Count(*database), 2);
}

TEST_F(SqliteTest, RefusesANewerFormatAndWhatIsNoDatabase) {
  ASSERT_TRUE(Open(2).ok());
  const absl::Status newer = Open(1).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer)) << newer;
  std::ofstream(path_, std::ios::trunc) << std::string(5000, 'x');
  const absl::Status damaged = Open(2).status();
  EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(path_));
}

TEST_F(SqliteTest, AnOlderFormatIsBroughtUpToDateWithWhatItHolds) {
  ASSERT_TRUE(Open(1).value()->Execute("INSERT INTO t VALUES(1, 'a', 0.5)").ok());
  {
    const auto database = Open(2).value();
    ASSERT_TRUE(database->Execute("INSERT INTO t VALUES(2, 'b', 0.5, 8)").ok());
    EXPECT_EQ(Count(*database), 2);
    SqliteStatement sum = database->Prepare("SELECT sum(more) FROM t").value();
    EXPECT_TRUE(sum.Step().value());
    EXPECT_EQ(sum.Integer(0), 15);
  }
  EXPECT_TRUE(Open(2).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(1).status()));
}

TEST_F(SqliteTest, WhatIsNotThereIsNotBegunUnlessItMay) {
  const auto open = [&] { return Open(1, SqliteDatabase::Creation::kRefused).status(); };
  EXPECT_TRUE(absl::IsNotFound(open())) << open();
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::ofstream(path_).flush();
  std::ofstream(path_ + "-wal") << "log";
  EXPECT_TRUE(absl::IsNotFound(open())) << open();
  EXPECT_TRUE(std::filesystem::exists(path_ + "-wal"));
  std::filesystem::remove(path_ + "-wal");
  ASSERT_TRUE(Open(1).ok());
  EXPECT_TRUE(open().ok()) << open();
}

TEST_F(SqliteTest, FindsADamagedPage) {
  {
    const auto database = Open().value();
    ASSERT_TRUE(database
                    ->Execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
                              "WHERE i<2000) INSERT INTO t SELECT i, 'some text', 1.5 FROM n")
                    .ok());
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 4096 + 10);
    file << std::string(3000, '\xA5');
  }
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(SqliteTest, ADirectoryThatIsNotThereIsAnError) {
  const auto database = SqliteDatabase::Open(directory_.path() + "/no/a.db",
                                             SqliteDatabase::Durability::kNothing, kFormats);
  EXPECT_TRUE(absl::IsPermissionDenied(database.status())) << database.status();
}

}  // namespace
}  // namespace gramian
