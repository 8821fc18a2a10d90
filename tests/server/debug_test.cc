// Logs, /debug and GetServerStats over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "server/http_connection.h"
#include "server/log_format.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// What the server logs goes into a string meanwhile.
class DebugTest : public ServerFixture {
 protected:
  void LogAs(const std::string& format) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
    auto logger = std::make_shared<spdlog::logger>("test", sink);
    logger->set_formatter(NewLogFormatter(format));
    logger->set_level(spdlog::level::info);
    before_ = spdlog::default_logger();
    spdlog::set_default_logger(logger);
  }
  void TearDown() override {
    Stop();
    if (before_ != nullptr) spdlog::set_default_logger(before_);
  }

  // A call that fails, with these metadata.
  void FailToGet(const std::string& request_id) {
    v1::GetLayerRequest request;
    request.set_name(LayerName("none"));
    v1::GetLayerResponse response;
    const auto context = Context();
    context->AddMetadata("traceparent", kTraceparent);
    context->AddMetadata("x-request-id", request_id);
    EXPECT_FALSE(activations_->GetLayer(context.get(), request, &response).ok());
  }

  // The objects of those lines that are about calls.
  std::vector<nlohmann::json> Calls() {
    std::vector<nlohmann::json> calls;
    std::istringstream lines(log_.str());
    for (std::string line; std::getline(lines, line);) {
      nlohmann::json object = nlohmann::json::parse(line);
      if (object.contains("method")) calls.push_back(std::move(object));
    }
    return calls;
  }

  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> before_;
};

TEST_F(DebugTest, AFailedCallIsALineOfJson) {
  LogAs("json");
  Start();
  FailToGet("job-17.step_4");
  Stop();
  const std::vector<nlohmann::json> calls = Calls();
  ASSERT_EQ(calls.size(), 1u) << log_.str();
  const nlohmann::json& call = calls[0];
  EXPECT_THAT(call["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_EQ(call["level"], "info");
  EXPECT_EQ(call["method"], "ActivationService/GetLayer");
  EXPECT_EQ(call["code"], "NOT_FOUND");
  EXPECT_EQ(call["project"], "default");
  EXPECT_EQ(call["request_id"], "job-17.step_4");
  EXPECT_EQ(call["trace_id"], kTraceId);
  EXPECT_EQ(call["parent_id"], "b7ad6b7169203331");
  EXPECT_GE(call["seconds"].get<double>(), 0);
  EXPECT_THAT(call["message"].get<std::string>(), HasSubstr("net"));
}

// What could break a line, or the logs of others, does not get there.
TEST_F(DebugTest, ARequestIdThatIsNoneIsReplaced) {
  LogAs("json");
  Start();
  FailToGet("two words");
  FailToGet(std::string(65, 'x'));
  Stop();
  const std::vector<nlohmann::json> calls = Calls();
  ASSERT_EQ(calls.size(), 2u);
  for (const nlohmann::json& call : calls)
    EXPECT_THAT(call["request_id"].get<std::string>(), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_NE(calls[0]["request_id"], calls[1]["request_id"]);
}

TEST_F(DebugTest, TextSaysTheSame) {
  LogAs("text");
  Start();
  FailToGet("job-17");
  Stop();
  EXPECT_THAT(log_.str(), HasSubstr("ActivationService/GetLayer NOT_FOUND"));
  EXPECT_THAT(log_.str(), HasSubstr(std::string("(request job-17, trace ") + kTraceId + ")"));
}

TEST_F(DebugTest, LogLevelChangesWhileTheServerRuns) {
  LogAs("json");
  Start();
  const auto set = [this](v1::LogLevel level, v1::LogLevel* before) {
    v1::SetLogLevelRequest request;
    request.set_level(level);
    v1::SetLogLevelResponse response;
    const grpc::Status status = admin_->SetLogLevel(Context().get(), request, &response);
    *before = response.previous_level();
    return status.error_code();
  };
  const auto succeed = [this] {
    v1::GetServerInfoResponse info;
    ASSERT_TRUE(admin_->GetServerInfo(Context().get(), {}, &info).ok());
  };
  v1::LogLevel before;
  succeed();
  EXPECT_EQ(set(v1::LOG_LEVEL_DEBUG, &before), grpc::StatusCode::OK);
  EXPECT_EQ(before, v1::LOG_LEVEL_INFO);
  succeed();
  EXPECT_EQ(set(v1::LOG_LEVEL_ERROR, &before), grpc::StatusCode::OK);
  EXPECT_EQ(before, v1::LOG_LEVEL_DEBUG);
  FailToGet("quiet");
  EXPECT_EQ(set(v1::LOG_LEVEL_UNSPECIFIED, &before), grpc::StatusCode::INVALID_ARGUMENT);
  Stop();
  int info_calls = 0;
  for (const nlohmann::json& call : Calls()) {
    EXPECT_NE(call["request_id"], "quiet");
    if (call["method"] == "AdminService/GetServerInfo") ++info_calls;
  }
  EXPECT_EQ(info_calls, 1);
}

TEST_F(DebugTest, PagesTellWhoIsOnThisMachine) {
  Start();
  MustUpload(RandomActivations(40, 5, 1), "x");
  // An upload that goes on: a call in flight.
  const auto context = Context();
  context->AddMetadata("x-request-id", "open-upload");
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = Header(RandomActivations(40, 5, 2), "y");
  ASSERT_TRUE(stream->Write(request));
  v1::UploadLayerResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const HttpAnswer requests = HttpGet(server_->metrics_address(), "/debug/requests");
  EXPECT_EQ(requests.code, 200);
  EXPECT_THAT(requests.body, HasSubstr("ActivationService/UploadLayer default open-upload -\n"));
  const HttpAnswer heap = HttpGet(server_->metrics_address(), "/debug/heap");
  EXPECT_THAT(heap.body, HasSubstr("in use "));
  EXPECT_THAT(heap.body, HasSubstr("<malloc version="));
  v1::CompareLayersResponse scores;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("x"), {"cka"}, &scores).ok());
  const HttpAnswer cache = HttpGet(server_->metrics_address(), "/debug/cache");
  EXPECT_THAT(cache.body, HasSubstr("limit bytes "));
  EXPECT_THAT(cache.body, ContainsRegex("\nbytes idle-seconds key\n[0-9]+ [0-9]+\\.[0-9] ."));
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/debug/none").code, 404);
  context->TryCancel();
  stream->Finish();
}

// Only an address of loopback is one of this machine for sure.
TEST_F(DebugTest, AConnectionWithoutLoopbackAddressIsNotLocal) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  const HttpConnection one(ends[0]);
  const HttpConnection other(ends[1]);
  EXPECT_FALSE(one.is_local());
  EXPECT_FALSE(other.is_local());
}

TEST_F(DebugTest, StatsFollowWhatHappens) {
  Start();
  MustUpload(RandomActivations(40, 5, 1), "x");
  MustUpload(RandomActivations(40, 5, 2), "y");
  v1::CompareLayersResponse scores;
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(Compare(LayerName("x"), LayerName("y"), {"cka"}, &scores).ok());
  EXPECT_FALSE(Compare(LayerName("x"), LayerName("z"), {"cka"}, &scores).ok());
  v1::GetServerStatsResponse stats;
  ASSERT_TRUE(admin_->GetServerStats(Context().get(), {}, &stats).ok());
  EXPECT_EQ(stats.succeeded_call_count(), 4);
  EXPECT_EQ(stats.failed_call_count(), 1);
  EXPECT_EQ(stats.started_call_count(), 6);
  EXPECT_EQ(stats.open_call_count(), 0);
  EXPECT_EQ(stats.ingested_bytes(), 2 * 40 * 5 * 4);
  EXPECT_EQ(stats.computed_score_count(), 1);
  EXPECT_EQ(stats.score_hit_count(), 1);
  EXPECT_EQ(stats.layer_count(), 2);
  EXPECT_EQ(stats.store_bytes(), 2 * 40 * 5 * 4);
  EXPECT_EQ(stats.store_limit_bytes(), Options().store_bytes);
  EXPECT_EQ(stats.cache_limit_bytes(), Options().cache_bytes);
  EXPECT_GT(stats.resident_bytes(), 0);
  EXPECT_GT(stats.memory_limit_bytes(), 0);
  EXPECT_GE(stats.read_time().seconds(), stats.start_time().seconds());
  EXPECT_FALSE(stats.draining());
}

}  // namespace
}  // namespace gramian::testing
