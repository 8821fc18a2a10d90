#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"
#include "tests/testing/certificates.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

class QuotaTest : public ServerFixture {
 protected:
  grpc::Status Get(const std::string& name) {
    v1::GetLayerRequest request;
    request.set_name(name);
    v1::GetLayerResponse response;
    return activations_->GetLayer(Context().get(), request, &response);
  }
};

TEST_F(QuotaTest, AProjectKeepsWhatItsQuotaAllowsAndNotOneByteMore) {
  ServerOptions options = Options();
  options.project_bytes = 100 * 8 * 4;
  Start(options);
  MustUpload(RandomActivations(100, 7, 1), "x");
  const Activations too_large = RandomActivations(101, 1, 2);
  v1::UploadHeader header = Header(too_large, "y");
  header.set_probe_set("other");
  const UploadOutcome refused = Upload(header, CutRows(too_large, 64));
  ExpectRefused(refused.status,
                {grpc::StatusCode::RESOURCE_EXHAUSTED, "TENANT_QUOTA", 3204, 3200, true});
  // What never fits need not be tried again.
  const Activations never = RandomActivations(801, 1, 2);
  v1::UploadHeader never_header = Header(never, "never");
  never_header.set_probe_set("others");
  ExpectRefused(Upload(never_header, {}).status,
                {grpc::StatusCode::RESOURCE_EXHAUSTED, "TENANT_QUOTA", 6004, 3200, false});
  MustUpload(RandomActivations(100, 1, 2), "y");
  // What is deleted may be kept anew.
  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName());
  v1::DeleteSnapshotResponse response;
  ASSERT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &response).ok());
  MustUpload(RandomActivations(100, 8, 3), "z");
}

TEST_F(QuotaTest, AProjectThatCallsTooOftenIsToldWhenToComeBack) {
  ServerOptions options = Options();
  options.project_rate = 1;
  options.project_burst = 3;
  Start(options);
  const std::string name = LayerName("none");
  grpc::Status status;
  int taken = 0;
  // A call comes back every second: these many are refused on the slowest machine.
  while (taken < 60 && ReasonIn(status = Get(name)) == "NOT_FOUND") ++taken;
  EXPECT_GE(taken, 3);
  ExpectRefused(status, {grpc::StatusCode::RESOURCE_EXHAUSTED, "RATE_LIMITED", 4, 3, true});
  EXPECT_EQ(MetadataIn(status).at("per_second"), "1");
  EXPECT_LE(RetryMillisecondsIn(status), 1000);
  // Neither another project nor what is about none is refused.
  EXPECT_EQ(Get("projects/other/networks/n/snapshots/0/layers/l").error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::GetServerInfoResponse info;
  EXPECT_TRUE(admin_->GetServerInfo(Context().get(), v1::GetServerInfoRequest(), &info).ok());
  EXPECT_TRUE(Eventually([&] { return Get(name).error_code() == grpc::StatusCode::NOT_FOUND; }));
}

TEST_F(QuotaTest, EveryKindOfCallCounts) {
  ServerOptions options = Options();
  options.project_rate = 1;
  options.project_burst = 1;
  Start(options);
  // Projects have buckets of their own: the second call of each comes too early.
  const auto snapshot = [](const std::string& project) {
    return absl::StrCat("projects/", project, "/networks/n/snapshots/0");
  };
  const auto layer = [&](const std::string& project) {
    return absl::StrCat(snapshot(project), "/layers/l");
  };
  const auto is_limited_at_last = [](const std::function<grpc::Status()>& call) {
    for (int i = 0; i < 60; ++i) {
      if (ReasonIn(call()) == "RATE_LIMITED") return true;
    }
    return false;
  };
  EXPECT_TRUE(is_limited_at_last([&] {
    v1::CompareLayersResponse response;
    return Compare(layer("a"), layer("a"), {"cka"}, &response);
  }));
  EXPECT_TRUE(is_limited_at_last([&] {
    v1::CompareSnapshotsRequest request;
    request.set_snapshot_a(snapshot("b"));
    request.set_snapshot_b(snapshot("b"));
    request.set_measure("cka");
    return similarity_->CompareSnapshots(Context().get(), request)->Finish();
  }));
  EXPECT_TRUE(is_limited_at_last([&] {
    const Activations x = RandomActivations(4, 2, 1);
    v1::UploadHeader header = Header(x, "x");
    header.set_parent(snapshot("c"));
    return Upload(header, CutRows(x, 4)).status;
  }));
  EXPECT_TRUE(is_limited_at_last([&] {
    v1::ListNetworksRequest request;
    request.set_parent("projects/d");
    v1::ListNetworksResponse response;
    return activations_->ListNetworks(Context().get(), request, &response);
  }));
  EXPECT_TRUE(is_limited_at_last([&] {
    v1::GetOperatorRequest request;
    request.set_layer(layer("e"));
    return similarity_->GetOperator(Context().get(), request)->Finish();
  }));
}

// Quotas of single projects, from a file that changes while the server runs.
class ProjectQuotaTest : public QuotaTest {
 protected:
  void StartWith(const std::string& quotas) {
    options_.quota_file = directory_.path() + "/quotas.json";
    ReplaceFile(options_.quota_file, quotas);
    Start(options_);
  }
  static v1::UploadHeader HeaderIn(const std::string& project, const Activations& activations,
                                   const std::string& layer) {
    v1::UploadHeader header = Header(activations, layer);
    header.set_parent(absl::StrCat("projects/", project, "/networks/net/snapshots/0"));
    return header;
  }
  static std::string LayerIn(const std::string& project, const std::string& layer) {
    return absl::StrCat("projects/", project, "/networks/net/snapshots/0/layers/", layer);
  }
  std::vector<v1::ProjectStats> Projects() {
    v1::GetServerStatsResponse stats;
    EXPECT_TRUE(admin_->GetServerStats(Context().get(), v1::GetServerStatsRequest(), &stats).ok());
    return {stats.projects().begin(), stats.projects().end()};
  }

  TempDir directory_;
  ServerOptions options_ = Options();
};

TEST_F(ProjectQuotaTest, OpenCallsOfAProjectHaveALimitThatMayChange) {
  StartWith(R"({"vision": {"open_calls": 2}})");
  const Activations x = RandomActivations(40, 2, 1);
  UploadCall first(*activations_);
  UploadCall second(*activations_);
  ASSERT_TRUE(first.Send(HeaderIn("vision", x, "a")) && first.Accepted().has_value());
  ASSERT_TRUE(second.Send(HeaderIn("vision", x, "b")) && second.Accepted().has_value());
  const std::string name = LayerIn("vision", "none");
  const grpc::Status refused = Get(name);
  ExpectRefused(refused, {grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", 3, 2, true});
  EXPECT_EQ(ReasonIn(Get("projects/%76ision/networks/n/snapshots/0/layers/l")), "TOO_MANY_CALLS")
      << "however it is written";
  EXPECT_EQ(Get(LayerIn("audio", "none")).error_code(), grpc::StatusCode::NOT_FOUND);
  const std::vector<v1::ProjectStats> projects = Projects();
  ASSERT_EQ(projects.size(), 1U);
  EXPECT_EQ(projects[0].name(), "projects/vision");
  EXPECT_EQ(projects[0].open_call_count(), 2);
  EXPECT_EQ(projects[0].open_upload_count(), 2);
  EXPECT_EQ(projects[0].quotas().open_call_count(), 2);

  ReplaceFile(options_.quota_file, R"({"vision": {"open_calls": 3}})");
  EXPECT_TRUE(Eventually([&] { return Get(name).error_code() == grpc::StatusCode::NOT_FOUND; }));
  // What is wrong changes nothing.
  ReplaceFile(options_.quota_file, R"({"vision": {"open_call": 1}})");
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(server_->metrics_address(), "/metrics")
               .body.find("gramian_config_last_reload_successful{source=\"quotas\"} 0") !=
           std::string::npos;
  }));
  EXPECT_EQ(Get(name).error_code(), grpc::StatusCode::NOT_FOUND);
  ReplaceFile(options_.quota_file, R"({"vision": {"open_calls": 2}})");
  EXPECT_TRUE(Eventually([&] { return ReasonIn(Get(name)) == "TOO_MANY_CALLS"; }));
  ASSERT_TRUE(first.Send(CutRows(x, 64)));
  EXPECT_TRUE(first.Finish().status.ok());
  EXPECT_EQ(Get(name).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(second.Send(CutRows(x, 64)));
  EXPECT_TRUE(second.Finish().status.ok());
}

TEST_F(ProjectQuotaTest, AsManyProjectsAreShownAsAPageHas) {
  options_.page_size = 2;
  StartWith(R"({"a": {}, "b": {"calls_per_second": 7}, "c": {}})");
  const std::vector<v1::ProjectStats> projects = Projects();
  ASSERT_EQ(projects.size(), 2U);
  EXPECT_EQ(projects[1].name(), "projects/b");
  EXPECT_EQ(projects[1].quotas().calls_per_second(), 7);
  EXPECT_EQ(projects[1].quotas().burst_call_count(), 7);
}

TEST_F(ProjectQuotaTest, UploadsAndBytesOfAProjectHaveLimits) {
  StartWith(R"({"vision": {"open_uploads": 1, "stored_bytes": 640}})");
  const Activations x = RandomActivations(40, 2, 1);
  UploadCall first(*activations_);
  ASSERT_TRUE(first.Send(HeaderIn("vision", x, "a")) && first.Accepted().has_value());
  const grpc::Status refused = Upload(HeaderIn("vision", x, "b"), {}).status;
  EXPECT_EQ(ReasonIn(refused), "TOO_MANY_UPLOADS") << refused.error_message();
  EXPECT_EQ(MetadataIn(refused).at("limit"), "1");
  EXPECT_GE(RetryMillisecondsIn(refused), 1);
  EXPECT_TRUE(Upload(HeaderIn("audio", x, "b"), CutRows(x, 64)).status.ok());
  ASSERT_TRUE(first.Send(CutRows(x, 64)));
  EXPECT_TRUE(first.Finish().status.ok());
  EXPECT_TRUE(Upload(HeaderIn("vision", RandomActivations(40, 2, 2), "b"),
                     CutRows(RandomActivations(40, 2, 2), 64))
                  .status.ok());
  const Activations more = RandomActivations(40, 1, 3);
  ExpectRefused(Upload(HeaderIn("vision", more, "c"), CutRows(more, 64)).status,
                {grpc::StatusCode::RESOURCE_EXHAUSTED, "TENANT_QUOTA", 800, 640, true});
  const std::string page = HttpGet(server_->metrics_address(), "/metrics").body;
  EXPECT_THAT(page, HasSubstr("gramian_project_stored_bytes{project=\"vision\"} 640"));
  EXPECT_THAT(page, HasSubstr("gramian_project_refused_total{project=\"vision\"} 2"));
  EXPECT_THAT(page, HasSubstr("gramian_project_ingest_bytes_total{project=\"vision\"} 640"));
  EXPECT_THAT(
      page,
      HasSubstr("gramian_project_quota_used_ratio{project=\"vision\",quota=\"stored_bytes\"} 1\n"));
}

TEST_F(ProjectQuotaTest, WhoHasComputedForTheHourComputesNoMore) {
  StartWith(R"({"vision": {"compute_seconds_per_hour": 1}})");
  const Activations x = RandomActivations(1000, 8, 1);
  const Activations y = RandomActivations(1000, 8, 2);
  for (const char* project : {"vision", "audio"}) {
    ASSERT_TRUE(Upload(HeaderIn(project, x, "x"), CutRows(x, 64)).status.ok());
    ASSERT_TRUE(Upload(HeaderIn(project, y, "y"), CutRows(y, 64)).status.ok());
  }
  v1::CompareLayersResponse response;
  grpc::Status status;
  // A bandwidth of its own makes each a computation of its own.
  for (int i = 1; i < 10'000 && status.ok(); ++i) {
    status = Compare(LayerIn("vision", "x"), LayerIn("vision", "y"),
                     {absl::StrCat("cka-kernel=rbf-bandwidth=fixed:", i)}, &response);
  }
  ExpectRefused(status, {grpc::StatusCode::RESOURCE_EXHAUSTED, "COMPUTE_QUOTA", 2, 1, true});
  EXPECT_EQ(Get(LayerIn("vision", "x")).error_code(), grpc::StatusCode::OK);
  EXPECT_TRUE(Compare(LayerIn("audio", "x"), LayerIn("audio", "y"), {"cka"}, &response).ok());
  EXPECT_GE(Projects()[1].compute_seconds(), 0.9);
}

TEST_F(ProjectQuotaTest, WhoSendsTooFastIsReadMoreSlowlyAndLosesNothing) {
  // A second brings half of it.
  StartWith(R"({"vision": {"bytes_per_second": 65536}})");
  const Activations x = RandomActivations(256, 128, 1);
  const auto start = std::chrono::steady_clock::now();
  const UploadOutcome outcome = Upload(HeaderIn("vision", x, "x"), CutRows(x, 32));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(990));
  std::string bytes;
  ASSERT_TRUE(Fetch(LayerIn("vision", "x"), &bytes).ok());
  EXPECT_EQ(bytes, x.bytes());
}

// Goal: a stream that waits for its rate ends at once when its client goes or the server drains.
TEST_F(ProjectQuotaTest, WhoWaitsMayLeave) {
  for (const bool on_disk : {false, true}) {
    TempDir data;
    if (on_disk) options_.data_dir = data.path();
    StartWith(R"({"vision": {"bytes_per_second": 65536}})");
    // The last chunk but one would wait for half a minute.
    const Activations x = RandomActivations(4096, 128, 1);
    const auto open_calls = [&] { return Projects().at(0).open_call_count(); };
    UploadCall gone(*activations_);
    ASSERT_TRUE(gone.Send(HeaderIn("vision", x, "x")) && gone.Accepted().has_value());
    ASSERT_TRUE(gone.Send(CutRows(x, 1024)));
    gone.Cancel();
    gone.WaitForEnd();
    EXPECT_TRUE(Eventually([&] { return open_calls() == 0; }));
    UploadCall cut(*activations_);
    ASSERT_TRUE(cut.Send(HeaderIn("vision", x, "y")) && cut.Accepted().has_value());
    ASSERT_TRUE(cut.Send(CutRows(x, 1024)));
    server_->Drain(std::chrono::milliseconds(0));
    EXPECT_EQ(ReasonIn(cut.WaitForEnd().status), "DRAINING");
    Stop();
  }
}

// Goal: a computation that fits alone waits for others instead of being refused. Method: many at
// once, of which only one fits.
TEST_F(QuotaTest, ComputationsWaitForEachOthersMemory) {
  ServerOptions options = Options();
  // A distance correlation of n inputs streams; a non-linear kernel needs its n x n matrix.
  options.scratch_bytes = int64_t{9} * 400 * 400 * 8;
  Start(options);
  for (int i = 0; i < 6; ++i) {
    MustUpload(RandomActivations(400, 8, static_cast<uint32_t>(i)), absl::StrCat("l", i));
  }
  std::vector<grpc::Status> statuses(6);
  std::vector<std::thread> clients;
  for (size_t i = 0; i < statuses.size(); ++i) {
    clients.emplace_back([this, i, &statuses] {
      v1::CompareLayersResponse response;
      statuses[i] =
          Compare(LayerName(absl::StrCat("l", i)), LayerName("l0"), {"ms-cka-t=4"}, &response);
    });
  }
  for (std::thread& client : clients) client.join();
  for (const grpc::Status& status : statuses) EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(server_->engine().Stats().scratch.leased_bytes, 0);
}

TEST_F(QuotaTest, WhatExceedsTheScratchOfAllNeverFits) {
  ServerOptions options = Options();
  options.scratch_bytes = 1000;
  Start(options);
  MustUpload(RandomActivations(400, 8, 1), "x");
  v1::CompareLayersResponse response;
  const grpc::Status status = Compare(LayerName("x"), LayerName("x"), {"ms-cka-t=4"}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(status), "NEVER_FITS");
  EXPECT_EQ(MetadataIn(status).at("limit"), "1000");
  EXPECT_GT(std::stoll(MetadataIn(status).at("value")), 1000);
  EXPECT_EQ(RetryMillisecondsIn(status), -1);
}

TEST_F(QuotaTest, ProbeSetsCountAgainstTheQuotaOfTheirProject) {
  ServerOptions options = Options();
  options.project_bytes = 10'000;
  Start(options);
  const auto create = [&](const std::string& project, const std::string& id) {
    v1::CreateProbeSetRequest request;
    request.set_parent("projects/" + project);
    request.set_probe_set_id(id);
    for (int i = 0; i < 30; ++i) request.add_input_ids(absl::StrCat(i, std::string(200, 'x')));
    v1::CreateProbeSetResponse response;
    return activations_->CreateProbeSet(Context().get(), request, &response);
  };
  EXPECT_TRUE(create("default", "one").ok());
  const grpc::Status status = create("default", "two");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(status), "TENANT_QUOTA") << status.error_message();
  EXPECT_TRUE(create("default", "one").ok()) << "it was counted when it was created";
  EXPECT_TRUE(create("other", "two").ok());
  const grpc::Status upload = Upload(Header(RandomActivations(100, 10, 1), "layer"), {}).status;
  EXPECT_EQ(ReasonIn(upload), "TENANT_QUOTA") << upload.error_message();
}

}  // namespace
}  // namespace gramian::testing
