#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/blas_kernels.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "tests/integration/gramiand_process.h"
#include "tests/server/http_get.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

const std::vector<std::string> kFreePorts = {"--listen", "127.0.0.1:0", "--metrics-listen",
                                             "127.0.0.1:0"};

std::vector<std::string> With(std::vector<std::string> more) {
  more.insert(more.begin(), kFreePorts.begin(), kFreePorts.end());
  return more;
}

std::shared_ptr<grpc::Channel> Connect(const GramiandProcess& process) {
  return grpc::CreateChannel(process.grpc_address(), grpc::InsecureChannelCredentials());
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

TEST(GramiandTest, SaysOnOneLineWhereItListensAndServesThere) {
  GramiandProcess process(kFreePorts);
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  EXPECT_THAT(
      process.output(),
      MatchesRegex(
          "gramiand listening grpc=127\\.0\\.0\\.1:[0-9]+ metrics=127\\.0\\.0\\.1:[0-9]+\n"));
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetServerInfoResponse info;
  const grpc::Status status = v1::AdminService::NewStub(Connect(process))
                                  ->GetServerInfo(&context, v1::GetServerInfoRequest(), &info);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_GE(info.compute_thread_count(), 1);
  EXPECT_FALSE(info.blas_core().empty());
}

// The kernels that a gramiand started now reports.
std::string KernelsOfANewProcess() {
  GramiandProcess process(kFreePorts);
  if (!process.WaitUntilListening()) return process.errors();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetServerInfoResponse info;
  const grpc::Status status = v1::AdminService::NewStub(Connect(process))
                                  ->GetServerInfo(&context, v1::GetServerInfoRequest(), &info);
  return status.ok() ? info.blas_core() : status.error_message();
}

TEST(GramiandTest, TakesTheBestKernelsOfAProcessorThatOpenBlasDoesNotKnow) {
  const std::string missed = MissedBlasKernels();
  EXPECT_EQ(KernelsOfANewProcess(), missed.empty() ? BlasCoreName() : missed);
}

TEST(GramiandTest, KeepsTheKernelsItIsTold) {
  const char* const before = getenv("OPENBLAS_CORETYPE");
  const std::string kept = before == nullptr ? "" : before;
  setenv("OPENBLAS_CORETYPE", "Prescott", 1);
  EXPECT_EQ(MissedBlasKernels(), "");
  EXPECT_EQ(KernelsOfANewProcess(), "Prescott");
  if (before == nullptr) {
    unsetenv("OPENBLAS_CORETYPE");
  } else {
    setenv("OPENBLAS_CORETYPE", kept.c_str(), 1);
  }
}

TEST(GramiandTest, IsScrapedAndProbedOnItsOtherPort) {
  GramiandProcess process(kFreePorts);
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  const HttpAnswer metrics = HttpGet(process.metrics_address(), "/metrics");
  EXPECT_EQ(metrics.code, 200);
  EXPECT_THAT(metrics.body, HasSubstr("\ngramian_build_info{"));
  EXPECT_THAT(metrics.body, HasSubstr("\ngrpc_server_handled_total{"));
  EXPECT_EQ(HttpGet(process.metrics_address(), "/livez").code, 200);
  EXPECT_EQ(HttpGet(process.metrics_address(), "/readyz").code, 200);
}

TEST(GramiandTest, WritesTheLineToThePortFileToo) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/ports";
  GramiandProcess process(With({"--port-file", path}));
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, process.output());
}

TEST(GramiandTest, TermAndInterruptEndItWell) {
  for (const int signal : {SIGTERM, SIGINT}) {
    GramiandProcess process(kFreePorts);
    ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
    process.Signal(signal);
    EXPECT_EQ(process.Wait(), 0) << process.errors();
    EXPECT_THAT(process.errors(), HasSubstr("drained"));
  }
}

// Goal: who rotates logs, and who is used to reloading by a signal, ends nothing.
TEST(GramiandTest, HangupReadsTheFilesAnewAndServesOn) {
  const TemporaryDirectory directory;
  const std::string quotas = directory.path() + "/quotas.json";
  const std::string audit = directory.path() + "/audit.log";
  std::ofstream(quotas) << "{}";
  GramiandProcess process(With({"--quota-file", quotas, "--audit-file", audit}));
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  std::rename(audit.c_str(), (audit + ".1").c_str());
  std::ofstream(quotas) << "[]";
  process.Signal(SIGHUP);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!std::ifstream(audit).good() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(std::ifstream(audit).good());
  EXPECT_EQ(HttpGet(process.metrics_address(), "/readyz").code, 200);
  EXPECT_THAT(HttpGet(process.metrics_address(), "/metrics").body,
              HasSubstr("gramian_config_last_reload_successful{source=\"quotas\"} 0"));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.errors();
}

TEST(GramiandTest, TermLetsAnOpenUploadFinish) {
  GramiandProcess process(kFreePorts);
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  const auto stub = v1::ActivationService::NewStub(Connect(process));
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->UploadLayer(&context);
  v1::UploadLayerRequest request;
  request.mutable_header()->set_parent("projects/p/networks/n/snapshots/0");
  request.mutable_header()->set_module_path("layer");
  request.mutable_header()->set_row_count(1);
  request.mutable_header()->set_feature_count(1);
  request.mutable_header()->set_dtype(v1::DTYPE_FLOAT32);
  ASSERT_TRUE(stream->Write(request));
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  process.Signal(SIGTERM);
  request.mutable_chunk()->set_data(std::string(4, '\0'));
  // CRC-32C of four zero bytes.
  request.mutable_chunk()->set_crc32c(0x48674BC7);
  EXPECT_TRUE(stream->Write(request));
  stream->WritesDone();
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.has_committed());
  EXPECT_EQ(process.Wait(), 0) << process.errors();
}

TEST(GramiandTest, TermDoesNotWaitForAClientThatNeverFinishes) {
  GramiandProcess process(With({"--drain-seconds", "0"}));
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  const auto stub = v1::ActivationService::NewStub(Connect(process));
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->UploadLayer(&context);
  v1::UploadLayerRequest request;
  request.mutable_header()->set_parent("projects/p/networks/n/snapshots/0");
  request.mutable_header()->set_module_path("layer");
  request.mutable_header()->set_row_count(1);
  request.mutable_header()->set_feature_count(1);
  request.mutable_header()->set_dtype(v1::DTYPE_FLOAT32);
  ASSERT_TRUE(stream->Write(request));
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.errors();
  EXPECT_THAT(process.errors(), HasSubstr("cancelled"));
  // The status comes behind what the server says about going on elsewhere.
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(GramiandTest, APortInUseIsOneClearLineAndExitCodeOne) {
  GramiandProcess first(kFreePorts);
  ASSERT_TRUE(first.WaitUntilListening()) << first.errors();
  GramiandProcess same_grpc({"--listen", first.grpc_address(), "--metrics-listen", "127.0.0.1:0"});
  EXPECT_EQ(same_grpc.Wait(), 1);
  EXPECT_THAT(same_grpc.errors(),
              HasSubstr("cannot listen on " + first.grpc_address() + ": Address already in use"));
  EXPECT_EQ(std::count(same_grpc.errors().begin(), same_grpc.errors().end(), '\n'), 1)
      << same_grpc.errors();
  EXPECT_EQ(same_grpc.output(), "");
  GramiandProcess same_metrics(
      {"--listen", "127.0.0.1:0", "--metrics-listen", first.metrics_address()});
  EXPECT_EQ(same_metrics.Wait(), 1);
  EXPECT_THAT(same_metrics.errors(), HasSubstr("cannot listen on " + first.metrics_address()));
  EXPECT_EQ(std::count(same_metrics.errors().begin(), same_metrics.errors().end(), '\n'), 1)
      << same_metrics.errors();
}

TEST(GramiandTest, ABadFlagIsOneClearLineAndExitCodeTwo) {
  GramiandProcess process({"--no-such-flag"});
  EXPECT_EQ(process.Wait(), 2);
  EXPECT_THAT(process.errors(), StartsWith("gramiand: "));
  EXPECT_EQ(std::count(process.errors().begin(), process.errors().end(), '\n'), 1)
      << process.errors();
}

TEST(GramiandTest, HelpListsEveryFlagWithItsEnvironmentTwin) {
  GramiandProcess process({"--help"});
  EXPECT_EQ(process.Wait(), 0);
  for (const char* text :
       {"--listen", "GRAMIAN_LISTEN", "--upload-idle-seconds", "GRAMIAN_UPLOAD_IDLE_SECONDS"}) {
    EXPECT_THAT(process.output(), HasSubstr(text));
  }
}

}  // namespace
}  // namespace gramian::testing
