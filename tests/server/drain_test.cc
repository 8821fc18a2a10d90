#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <future>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::testing {
namespace {

using std::chrono::milliseconds;

class DrainTest : public ServerFixture {
 protected:
  // Starts a comparison that takes seconds and waits until it runs.
  void BeginLongCall() {
    MustUpload(RandomActivations(60'000, 4, 1), "x");
    MustUpload(RandomActivations(60'000, 4, 2), "y");
    long_call_ = std::async(std::launch::async, [this] {
      v1::CompareLayersRequest request;
      request.set_layer_a(LayerName("x"));
      request.set_layer_b(LayerName("y"));
      request.add_measures("distcorr");
      v1::CompareLayersResponse response;
      return similarity_->CompareLayers(long_context_.get(), request, &response);
    });
    ASSERT_TRUE(Eventually([this] { return server_->engine().Stats().running == 1; }));
  }

  // Status of a service, or of the whole server, by the standard health service: 1 serving, 2 not
  // serving, -1 no answer.
  int Health(const std::string& service = "") {
    // Debian installs no stubs for grpc.health.v1: the request's one field, the first, is the name,
    // and the answer's one field is the status.
    const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check", nullptr,
                                           grpc::internal::RpcMethod::NORMAL_RPC);
    const std::string text =
        service.empty()
            ? ""
            : absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
    const grpc::Slice name(text);
    const grpc::ByteBuffer request(&name, 1);
    grpc::ByteBuffer response;
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
            channel_.get(), method, Context().get(), request, &response);
    grpc::Slice bytes;
    if (!status.ok() || !response.DumpToSingleSlice(&bytes).ok() || bytes.size() != 2) return -1;
    return bytes.begin()[1];
  }

  std::unique_ptr<grpc::ClientContext> long_context_ = Context();
  std::future<grpc::Status> long_call_;
};

TEST_F(DrainTest, AnIdleServerDrainsAtOnce) {
  Start();
  EXPECT_EQ(Health(), 1);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 200);
  EXPECT_TRUE(server_->Drain(milliseconds(60'000)));
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 503);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
}

TEST_F(DrainTest, EveryServiceHasAHealthOfItsOwn) {
  Start();
  const std::vector<std::string> services = {"gramian.v1.ActivationService",
                                             "gramian.v1.SimilarityService",
                                             "gramian.v1.AdminService", "gramian.v1.WatchService"};
  for (const std::string& service : services) EXPECT_EQ(Health(service), 1) << service;
  EXPECT_EQ(Health("gramian.v1.NoService"), -1);
  auto drained = std::async(std::launch::async, [this] {
    BeginLongCall();
    return server_->Drain(milliseconds(60'000));
  });
  for (const std::string& service : services) {
    EXPECT_TRUE(Eventually([&] { return Health(service) == 2; })) << service;
  }
  long_context_->TryCancel();
  EXPECT_TRUE(drained.get());
}

// Goal: a store that cannot be written stops uploads and not comparisons, and is told apart.
TEST_F(DrainTest, AStoreThatCannotBeWrittenIsNotReady) {
  const TemporaryDirectory directory;
  ServerOptions options = Options();
  options.data_dir = directory.path() + "/data";
  options.disk_reserve_bytes = 0;
  Start(options);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 200);
  const std::string elsewhere = directory.path() + "/elsewhere";
  ASSERT_EQ(std::rename(options.data_dir.c_str(), elsewhere.c_str()), 0);
  EXPECT_TRUE(
      Eventually([this] { return HttpGet(server_->metrics_address(), "/readyz").code == 503; }));
  EXPECT_THAT(HttpGet(server_->metrics_address(), "/readyz").body,
              ::testing::HasSubstr("the data directory cannot be written: No such file"));
  EXPECT_EQ(Health(), 2);
  EXPECT_EQ(Health("gramian.v1.ActivationService"), 2);
  EXPECT_EQ(Health("gramian.v1.SimilarityService"), 1);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
  ASSERT_EQ(std::rename(elsewhere.c_str(), options.data_dir.c_str()), 0);
  EXPECT_TRUE(
      Eventually([this] { return HttpGet(server_->metrics_address(), "/readyz").code == 200; }));
  EXPECT_EQ(Health("gramian.v1.ActivationService"), 1);
}

TEST_F(DrainTest, BeforeItRefusesWorkItIsNotReadyForAWhile) {
  ServerOptions options = Options();
  options.drain_delay_seconds = 1;
  Start(options);
  MustUpload(RandomActivations(10, 2, 1), "x");
  auto drained =
      std::async(std::launch::async, [this] { return server_->Drain(milliseconds(60'000)); });
  ASSERT_TRUE(Eventually([this] { return Health() == 2; }));
  v1::CompareLayersResponse response;
  EXPECT_TRUE(Compare(LayerName("x"), LayerName("x"), {"cka"}, &response).ok());
  EXPECT_TRUE(drained.get());
}

TEST_F(DrainTest, WhileDrainingNewWorkIsRefusedAndWorkInFlightGoesOn) {
  Start();
  BeginLongCall();
  auto drained =
      std::async(std::launch::async, [this] { return server_->Drain(milliseconds(60'000)); });
  ASSERT_TRUE(Eventually([this] { return Health() == 2; }));
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/readyz").code, 503);
  EXPECT_THAT(HttpGet(server_->metrics_address(), "/metrics").body,
              ::testing::HasSubstr("gramian_draining 1"));
  v1::CompareLayersResponse response;
  const grpc::Status compare = Compare(LayerName("x"), LayerName("x"), {"cka"}, &response);
  EXPECT_EQ(compare.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(compare), "DRAINING");
  const Activations z = RandomActivations(10, 2, 1);
  const UploadOutcome upload = Upload(Header(z, "z"), CutRows(z, 10));
  EXPECT_EQ(upload.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(upload.status), "DRAINING");
  EXPECT_EQ(server_->engine().Stats().running, 1);
  long_context_->TryCancel();
  long_call_.wait();
  EXPECT_TRUE(drained.get());
}

TEST_F(DrainTest, WorkThatOutlastsThePatienceIsCancelled) {
  Start();
  BeginLongCall();
  EXPECT_FALSE(server_->Drain(milliseconds(1)));
  const grpc::Status status = long_call_.get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(status), "DRAINING");
  EXPECT_EQ(server_->engine().Stats().completed, 0);
}

TEST_F(DrainTest, AnUploadThatOutlastsThePatienceIsToldSo) {
  Start();
  const Activations x = RandomActivations(100, 7, 1);
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(x, "x");
  stream->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(server_->Drain(milliseconds(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_draining());
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(status), "DRAINING");
}

TEST_F(DrainTest, AnOpenUploadMayBeFinished) {
  Start();
  const Activations x = RandomActivations(100, 7, 1);
  const auto context = Context();
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(x, "x");
  stream->Write(request);
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  auto drained =
      std::async(std::launch::async, [this] { return server_->Drain(milliseconds(60'000)); });
  ASSERT_TRUE(Eventually([this] { return Health() == 2; }));
  *request.mutable_chunk() = Chunk(0, 0, x.bytes());
  stream->Write(request);
  stream->WritesDone();
  while (stream->Read(&response)) {
  }
  EXPECT_TRUE(response.has_committed());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(drained.get());
}

TEST_F(DrainTest, APortInUseIsAnErrorThatNamesIt) {
  Start();
  ServerOptions options = Options();
  options.listen = server_->grpc_address();
  auto second = Server::Start(options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(second.status().message()),
            absl::StrCat("cannot listen on ", server_->grpc_address(), ": Address already in use"));
  options = Options();
  options.metrics_listen = server_->metrics_address();
  second = Server::Start(options);
  EXPECT_EQ(
      std::string(second.status().message()),
      absl::StrCat("cannot listen on ", server_->metrics_address(), ": Address already in use"));
}

TEST_F(DrainTest, AnAddressThatIsNoneIsAnError) {
  for (const std::string address : {"", "7443", "127.0.0.1:", ":7443"}) {
    ServerOptions options = Options();
    options.listen = address;
    EXPECT_EQ(Server::Start(options).status().code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
}

}  // namespace
}  // namespace gramian::testing
