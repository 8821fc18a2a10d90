// Connections that break, stall or never were, between real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/folder.h"
#include "tests/reliability/process_usage.h"
#include "tests/reliability/wire.h"
#include "tests/testing/cutting_proxy.h"

namespace gramian::testing {
namespace {

using End = ConnectionFate::End;

class BrokenNetworkTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags = {
        "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
        "--log-level=error",    "--audit-file=/dev/null",
        "--threads=2",          absl::StrCat("--data-dir=", folder_.path())};
    flags.insert(flags.end(), more.begin(), more.end());
    server_ = std::make_unique<GramiandProcess>(flags);
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
    direct_ = std::make_unique<Wire>(server_->grpc_address());
  }

  static v1::UploadHeader Header(const Content& content, const std::string& layer) {
    v1::UploadHeader header;
    header.set_parent(SnapshotName("default", "net", 0));
    header.set_module_path(layer);
    header.set_row_count(content.rows);
    header.set_feature_count(content.cols);
    header.set_dtype(v1::DTYPE_FLOAT32);
    header.set_upload_id("upload");
    return header;
  }
  static std::string Name(const v1::UploadHeader& header) {
    return LayerName(header.parent(), header.module_path());
  }

  // No stream of the upload is open any more: the server has noticed.
  bool NobodySends(const v1::UploadHeader& header) {
    return Eventually([&] {
      v1::Upload upload;
      const grpc::Status status = direct_->GetUpload(Name(header), header.upload_id(), &upload);
      return !status.ok() || upload.stream_count() == 0;
    });
  }

  // Uploads over a connection that ends after so many bytes, then once more without a proxy.
  void CutAndResume(const Content& content, const std::string& layer, const ConnectionFate& fate) {
    UploadScript script;
    script.header = Header(content, layer);
    script.chunks = ChunksOf(content, 4096);
    {
      CuttingProxy proxy(server_->grpc_address(), [&](int64_t) { return fate; });
      Wire through(proxy.address());
      script.timeout = std::chrono::milliseconds(10'000);
      const UploadOutcome cut = through.Upload(script);
      if (cut.layer.has_value()) ++uncut_;
    }
    ASSERT_TRUE(NobodySends(script.header));
    v1::Upload left;
    const bool is_open =
        direct_->GetUpload(Name(script.header), script.header.upload_id(), &left).ok();
    script.timeout = std::chrono::milliseconds(60'000);
    const UploadOutcome outcome = direct_->Upload(script);
    ASSERT_TRUE(outcome.status.ok()) << Describe(outcome.status);
    ASSERT_TRUE(outcome.layer.has_value());
    // Nothing that was persisted is sent again.
    int64_t kept = 0;
    for (const auto& [begin, end] : ToPairs(left.persisted())) kept += (end - begin) / 4096;
    if (is_open) {
      EXPECT_LE(outcome.sent.size() + static_cast<size_t>(kept), script.chunks.size());
    }
    v1::Layer stored;
    std::string bytes;
    ASSERT_TRUE(direct_->Download(Name(script.header), &stored, &bytes).ok());
    EXPECT_EQ(bytes, BytesOf(content));
  }

  const Folder folder_{"network"};
  std::unique_ptr<GramiandProcess> server_;
  std::unique_ptr<Wire> direct_;
  int uncut_ = 0;
};

TEST_F(BrokenNetworkTest, AnUploadCutAfterAnyByteCanBeResumed) {
  Start();
  const Content content{64, 256, 1};  // 16 chunks of 4 KiB
  int64_t all = 0;
  {
    CuttingProxy proxy(server_->grpc_address());
    Wire through(proxy.address());
    UploadScript script;
    script.header = Header(content, "whole");
    script.chunks = ChunksOf(content, 4096);
    ASSERT_TRUE(through.Upload(script).status.ok());
    all = proxy.bytes_to_server();
  }
  // Finely where the connection, the call and the header begin, then twice in every chunk.
  int cut = 0;
  for (int64_t bytes = 1; bytes < all; bytes += bytes < 600 ? 37 : 2048, ++cut) {
    SCOPED_TRACE(absl::StrCat("cut after ", bytes, " bytes to the server"));
    ConnectionFate fate;
    fate.bytes_to_server = bytes;
    fate.end = cut % 2 == 0 ? End::kReset : End::kClose;
    ASSERT_NO_FATAL_FAILURE(CutAndResume(content, absl::StrCat("up", bytes), fate));
  }
  // Hardly any of them can have been committed before the cut.
  EXPECT_LE(uncut_, 2);
}

TEST_F(BrokenNetworkTest, AnAnswerCutAfterAnyByteLeavesAWholeLayerOrNone) {
  Start();
  const Content content{64, 256, 2};
  for (int64_t bytes = 1; bytes < 900; bytes += 41) {
    SCOPED_TRACE(absl::StrCat("cut after ", bytes, " bytes to the client"));
    ConnectionFate fate;
    fate.bytes_to_client = bytes;
    ASSERT_NO_FATAL_FAILURE(CutAndResume(content, absl::StrCat("down", bytes), fate));
  }
}

TEST_F(BrokenNetworkTest, PeersThatFallSilentAreDroppedAndTheirUploadsCanBeResumed) {
  Start({"--keepalive-seconds=1", "--keepalive-timeout-seconds=1"});
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(direct_->GetServerInfo(&info).ok());
  const ProcessUsage before = UsageOf(server_->pid());
  const Content content{64, 1024, 3};
  std::vector<std::unique_ptr<CuttingProxy>> proxies;
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {
    // Both ends believe the connection is there long after the network forgot it.
    ConnectionFate fate;
    fate.bytes_to_server = 20'000 + 9'000 * i;
    fate.end = End::kStall;
    proxies.push_back(
        std::make_unique<CuttingProxy>(server_->grpc_address(), [fate](int64_t) { return fate; }));
    clients.emplace_back([&, i] {
      Wire through(proxies[static_cast<size_t>(i)]->address());
      UploadScript script;
      script.header = Header(content, absl::StrCat("silent", i));
      script.chunks = ChunksOf(content, 4096);
      script.timeout = std::chrono::milliseconds(15'000);
      through.Upload(script);
    });
  }
  // The proxies still hold their sockets: only the server can have closed them. An open upload may
  // keep a descriptor of its file.
  EXPECT_TRUE(Eventually([&] {
    return std::all_of(proxies.begin(), proxies.end(),
                       [](const auto& proxy) { return proxy->cuts() == 1; }) &&
           UsageOf(server_->pid()).descriptors <= before.descriptors + 20;
  }));
  for (int i = 0; i < 20; ++i) {
    UploadScript script;
    script.header = Header(content, absl::StrCat("silent", i));
    script.chunks = ChunksOf(content, 4096);
    ASSERT_TRUE(NobodySends(script.header));
    const UploadOutcome outcome = direct_->Upload(script);
    EXPECT_TRUE(outcome.status.ok()) << Describe(outcome.status);
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(BrokenNetworkTest, ConnectionsThatNeverSayAnythingAreClosedAndStarveNobody) {
  Start();
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(direct_->GetServerInfo(&info).ok());
  const int64_t before = UsageOf(server_->pid()).descriptors;
  ConnectionFate dumb;
  dumb.bytes_to_server = 0;
  dumb.end = End::kStall;
  CuttingProxy proxy(server_->grpc_address(), [&](int64_t) { return dumb; });
  std::vector<std::unique_ptr<Wire>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<Wire>(proxy.address()));
    clients.back()->channel()->GetState(true);
  }
  ASSERT_TRUE(Eventually([&] { return proxy.connections() >= 100; }));
  ASSERT_TRUE(direct_->GetServerInfo(&info).ok());
  EXPECT_TRUE(Eventually([&] { return UsageOf(server_->pid()).descriptors <= before; }))
      << UsageOf(server_->pid()).descriptors << " descriptors, before there were " << before;
}

TEST_F(BrokenNetworkTest, RunningOutOfDescriptorsIsSurvived) {
  Start();
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(direct_->GetServerInfo(&info).ok());
  const int64_t before = UsageOf(server_->pid()).descriptors;
  rlimit old{};
  const rlimit few{static_cast<rlim_t>(before + 12), static_cast<rlim_t>(before + 12)};
  ASSERT_EQ(prlimit(server_->pid(), RLIMIT_NOFILE, &few, &old), 0);
  {
    // Its end closes all connections; a channel that nobody polls any more may keep its own.
    CuttingProxy proxy(server_->grpc_address());
    std::vector<std::unique_ptr<Wire>> clients;
    for (int i = 0; i < 60; ++i) {
      clients.push_back(std::make_unique<Wire>(proxy.address()));
      clients.back()->channel()->GetState(true);
    }
    ASSERT_TRUE(Eventually([&] { return UsageOf(server_->pid()).descriptors >= before + 11; }));
    // Who has a connection is served.
    EXPECT_TRUE(direct_->GetServerInfo(&info).ok());
  }
  EXPECT_TRUE(Eventually([&] {
    Wire late(server_->grpc_address());
    return late.GetServerInfo(&info).ok();
  }));
  // What needs descriptors works as before.
  const Content content{64, 256, 4};
  UploadScript script;
  script.header = Header(content, "late");
  script.chunks = ChunksOf(content, 4096);
  EXPECT_TRUE(Eventually([&] { return direct_->Upload(script).status.ok(); }));
}

}  // namespace
}  // namespace gramian::testing
