#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

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
