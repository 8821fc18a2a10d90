// gramiand with a data directory: what it says when it cannot start, and what a restart keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/folder.h"
#include "tests/reliability/wire.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

class DataDirTest : public ::testing::Test {
 protected:
  static std::vector<std::string> Flags(const std::string& data_dir) {
    return {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
            absl::StrCat("--data-dir=", data_dir)};
  }

  void Start() {
    server_ = std::make_unique<GramiandProcess>(Flags(folder_.path()));
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
    wire_ = std::make_unique<Wire>(server_->grpc_address());
  }
  void Stop(int signal) {
    server_->Signal(signal);
    const int code = server_->Wait();
    if (signal == SIGTERM) {
      EXPECT_EQ(code, 0) << server_->errors();
    }
  }

  // Starts, and expects it to end at once with one line that holds `text`.
  static void ExpectRefusal(const std::string& data_dir, const std::string& text) {
    GramiandProcess process(Flags(data_dir));
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_EQ(process.output(), "");
    EXPECT_THAT(process.errors(), HasSubstr(text));
    EXPECT_EQ(std::count(process.errors().begin(), process.errors().end(), '\n'), 1)
        << process.errors();
  }

  static UploadScript Script(const Content& content, const std::string& layer) {
    UploadScript script;
    script.header.set_parent(SnapshotName("default", "net", 7));
    script.header.set_module_path(layer);
    script.header.set_row_count(content.rows);
    script.header.set_feature_count(content.cols);
    script.header.set_dtype(v1::DTYPE_FLOAT32);
    script.header.set_upload_id("upload");
    script.chunks = ChunksOf(content, 65536);
    return script;
  }
  static std::string Name(const std::string& layer) {
    return LayerName(SnapshotName("default", "net", 7), layer);
  }
  void MustUpload(const Content& content, const std::string& layer) {
    const UploadOutcome outcome = wire_->Upload(Script(content, layer));
    ASSERT_TRUE(outcome.status.ok()) << Describe(outcome.status);
  }
  void ExpectContent(const Content& content, const std::string& layer) {
    v1::Layer stored;
    std::string bytes;
    const grpc::Status status = wire_->Download(Name(layer), &stored, &bytes);
    ASSERT_TRUE(status.ok()) << Describe(status);
    EXPECT_EQ(bytes, BytesOf(content));
  }

  // The only file below a part of the data directory.
  std::filesystem::path OnlyFileIn(const std::string& part) {
    std::filesystem::path found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() + "/" + part)) {
      if (entry.is_regular_file()) found = entry.path();
    }
    return found;
  }

  const Folder folder_{"data_dir"};
  std::unique_ptr<GramiandProcess> server_;
  std::unique_ptr<Wire> wire_;
};

void Damage(const std::filesystem::path& path, std::streamoff offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.put('\x5A').put('\xA5');
}

TEST_F(DataDirTest, ADirectoryInUseIsOneClearLine) {
  Start();
  ExpectRefusal(folder_.path(), folder_.path());
}

TEST_F(DataDirTest, APlaceThatIsNoDirectoryIsOneClearLine) {
  const std::string file = folder_.path() + "/file";
  std::ofstream(file) << "x";
  ExpectRefusal(file, file);
}

TEST_F(DataDirTest, ADamagedDatabaseIsOneClearLineAndIsLeftAsItIs) {
  Start();
  MustUpload({64, 64, 1}, "a");
  Stop(SIGTERM);
  const std::string database = folder_.path() + "/gramian.db";
  Damage(database, 0);
  const auto size = std::filesystem::file_size(database);
  ExpectRefusal(folder_.path(), "gramian.db");
  EXPECT_EQ(std::filesystem::file_size(database), size);
}

TEST_F(DataDirTest, DamagedScoresAreBegunAnew) {
  Start();
  MustUpload({64, 64, 1}, "a");
  v1::CompareLayersResponse scores;
  ASSERT_TRUE(wire_->CompareLayers(Name("a"), Name("a"), "cka", &scores).ok());
  Stop(SIGTERM);
  Damage(folder_.path() + "/scores.db", 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(wire_->CompareLayers(Name("a"), Name("a"), "cka", &scores).ok());
  Stop(SIGTERM);
  EXPECT_THAT(server_->errors(), HasSubstr("scores.db.damaged"));
}

TEST_F(DataDirTest, AScoreIsServedAfterARestartWithoutComputing) {
  Start();
  MustUpload({64, 64, 1}, "a");
  MustUpload({64, 256, 2}, "b");
  v1::CompareLayersResponse first;
  ASSERT_TRUE(wire_->CompareLayers(Name("a"), Name("b"), "ms-cka-t=4", &first).ok());
  EXPECT_FALSE(first.scores(0).cached());
  Stop(SIGTERM);
  Start();
  v1::CompareLayersResponse second;
  ASSERT_TRUE(wire_->CompareLayers(Name("a"), Name("b"), "ms-cka-t=4", &second).ok());
  EXPECT_TRUE(second.scores(0).cached());
  EXPECT_EQ(second.scores(0).value(), first.scores(0).value());
}

TEST_F(DataDirTest, ADamagedBlobIsSaidToBeDamagedAndCanBeSentAgain) {
  const Content content{64, 256, 3};
  Start();
  MustUpload(content, "a");
  Stop(SIGKILL);
  const std::filesystem::path blob = OnlyFileIn("blobs");
  Damage(blob, static_cast<std::streamoff>(std::filesystem::file_size(blob)) - 100);
  Start();
  v1::Layer stored;
  std::string bytes;
  EXPECT_EQ(wire_->Download(Name("a"), &stored, &bytes).error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_FALSE(OnlyFileIn("quarantine").empty());
  MustUpload(content, "a");
  ExpectContent(content, "a");
  Stop(SIGTERM);
  EXPECT_THAT(server_->errors(), HasSubstr(OnlyFileIn("quarantine").string()));
}

TEST_F(DataDirTest, ADrainTellsAnOpenUploadWhereToGoOnAndItDoes) {
  const Content content{64, 4096, 4};
  Start();
  UploadScript script = Script(content, "a");
  // The server drains while the upload is half way and its client waits.
  script.go_on = [&](int64_t index) {
    if (index == 8) server_->Signal(SIGTERM);
    return true;
  };
  const UploadOutcome cut = wire_->Upload(script);
  // A second signal does not end the drain before its time.
  ASSERT_NO_FATAL_FAILURE(Stop(SIGTERM));
  Start();
  if (!cut.status.ok()) {
    EXPECT_EQ(cut.status.error_code(), grpc::StatusCode::UNAVAILABLE) << Describe(cut.status);
    script.go_on = nullptr;
    const UploadOutcome rest = wire_->Upload(script);
    ASSERT_TRUE(rest.status.ok()) << Describe(rest.status);
    EXPECT_GE(rest.persisted_bytes, cut.persisted_chunk_count * 65536);
  }
  ExpectContent(content, "a");
}

}  // namespace
}  // namespace gramian::testing
