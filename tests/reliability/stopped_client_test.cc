// The command as a client that is stopped, interrupted or killed in the midst of an upload.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/folder.h"
#include "tests/reliability/wire.h"
#include "tests/testing/cutting_proxy.h"

namespace gramian::testing {
namespace {

// 128 MiB: long enough to be met half way.
constexpr Content kLarge{4096, 8192, 5};

// A .npy file of the content.
void WriteNpy(const Content& content, const std::string& path) {
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                                    content.rows, ", ", content.cols, "), }");
  header.resize(128 - 10 - 1, ' ');
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size()) << '\0' << header
       << BytesOf(content);
}

class StoppedClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteNpy(kLarge, Path());
    server_ = std::make_unique<GramiandProcess>(std::vector<std::string>{
        "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--log-level=error",
        "--audit-file=/dev/null", "--upload-idle-seconds=600",
        absl::StrCat("--data-dir=", folder_.path(), "/data")});
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
    wire_ = std::make_unique<Wire>(server_->grpc_address());
    proxy_ = std::make_unique<CuttingProxy>(server_->grpc_address(),
                                            [](int64_t) { return ConnectionFate{}; });
  }

  std::string Path() const { return folder_.path() + "/layer.npy"; }
  std::unique_ptr<ChildProcess> Push() const {
    return std::make_unique<ChildProcess>(
        GRAMIAN, std::vector<std::string>{"--server", proxy_->address(), "push", Path(),
                                          "--network", "net", "--step", "0"});
  }
  // Waits until so many bytes went to the server.
  bool Sent(int64_t bytes) const {
    return Eventually([&] { return proxy_->bytes_to_server() >= bytes; });
  }
  void ExpectContent() {
    v1::Layer layer;
    std::string bytes;
    const grpc::Status status =
        wire_->Download(LayerName(SnapshotName("default", "net", 0), "layer"), &layer, &bytes);
    ASSERT_TRUE(status.ok()) << Describe(status);
    EXPECT_TRUE(bytes == BytesOf(kLarge));
  }

  const Folder folder_{"stopped"};
  std::unique_ptr<GramiandProcess> server_;
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<CuttingProxy> proxy_;
};

TEST_F(StoppedClientTest, AStoppedClientDisturbsNobodyAndGoesOn) {
  const auto push = Push();
  ASSERT_TRUE(Sent(kLarge.size_bytes() / 4)) << push->errors();
  push->Signal(SIGSTOP);
  // While it stands still, another client does all its work.
  const Content small{64, 256, 6};
  for (int i = 0; i < 50; ++i) {
    UploadScript script;
    script.header.set_parent(SnapshotName("default", "other", i));
    script.header.set_module_path("layer");
    script.header.set_row_count(small.rows);
    script.header.set_feature_count(small.cols);
    script.header.set_dtype(v1::DTYPE_FLOAT32);
    script.chunks = ChunksOf(small, 4096);
    const UploadOutcome outcome = wire_->Upload(script);
    ASSERT_TRUE(outcome.status.ok()) << Describe(outcome.status);
  }
  push->Signal(SIGCONT);
  EXPECT_EQ(push->Wait(), 0) << push->errors();
  ExpectContent();
}

TEST_F(StoppedClientTest, AnInterruptedPushGoesOnWhereItStopped) {
  for (const int signal : {SIGINT, SIGKILL}) {
    const int64_t before = proxy_->bytes_to_server();
    const auto push = Push();
    ASSERT_TRUE(Sent(before + kLarge.size_bytes() * 3 / 4)) << push->errors();
    push->Signal(signal);
    push->Wait();
    const int64_t interrupted = proxy_->bytes_to_server();
    const auto again = Push();
    ASSERT_EQ(again->Wait(), 0) << again->errors();
    // The server persists what it has when a stream breaks: what was received is not sent again.
    EXPECT_LT(proxy_->bytes_to_server() - interrupted, kLarge.size_bytes() / 2);
    ExpectContent();
    ASSERT_TRUE(wire_->DeleteSnapshot(SnapshotName("default", "net", 0)).ok());
  }
}

TEST_F(StoppedClientTest, APushOutlivesAKilledServer) {
  const auto push = Push();
  ASSERT_TRUE(Sent(kLarge.size_bytes() / 2)) << push->errors();
  const std::string address = server_->grpc_address();
  server_->Signal(SIGKILL);
  server_->Wait();
  // Whatever was sent to it is lost; the next one listens at the same place.
  server_ = std::make_unique<GramiandProcess>(std::vector<std::string>{
      absl::StrCat("--listen=", address), "--metrics-listen=127.0.0.1:0", "--log-level=error",
      "--audit-file=/dev/null", absl::StrCat("--data-dir=", folder_.path(), "/data")});
  ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
  EXPECT_EQ(push->Wait(), 0) << push->errors();
  wire_ = std::make_unique<Wire>(server_->grpc_address());
  ExpectContent();
}

}  // namespace
}  // namespace gramian::testing
