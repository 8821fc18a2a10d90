// Watches over a real socket: what they find, when, and what /metrics shows of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/v1/watch.grpc.pb.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Of a score in [0, 1] from sums over 40 inputs.
constexpr double kTolerance = 1000 * std::numeric_limits<double>::epsilon();
constexpr char kParent[] = "projects/default";

class WatchTest : public ServerFixture {
 protected:
  void StartWatching(const ServerOptions& options = Options()) {
    Start(options);
    watches_ = v1::WatchService::NewStub(channel_);
  }

  // Watches the layer "head" of "net" against the step 0 of it.
  static v1::Watch Drift(const std::string& id = "drift") {
    v1::Watch watch;
    watch.set_name(absl::StrCat(kParent, "/watches/", id));
    watch.set_network("projects/default/networks/net");
    watch.set_reference(SnapshotName(0));
    watch.add_layers("head");
    return watch;
  }

  grpc::Status Create(const v1::Watch& watch, v1::Watch* created = nullptr) {
    v1::CreateWatchRequest request;
    *request.mutable_watch() = watch;
    v1::CreateWatchResponse response;
    const grpc::Status status = watches_->CreateWatch(Context().get(), request, &response);
    if (created != nullptr) *created = response.watch();
    return status;
  }

  grpc::Status Get(const std::string& name, v1::Watch* watch) {
    v1::GetWatchRequest request;
    request.set_name(name);
    v1::GetWatchResponse response;
    const grpc::Status status = watches_->GetWatch(Context().get(), request, &response);
    *watch = response.watch();
    return status;
  }

  // The watch as soon as it is in this state, with this step unless that is -1.
  v1::Watch Await(v1::WatchState state, int64_t step = -1, const std::string& id = "drift") {
    v1::Watch watch;
    EXPECT_TRUE(Eventually([&] {
      EXPECT_TRUE(Get(absl::StrCat(kParent, "/watches/", id), &watch).ok());
      return watch.state() == state && (step < 0 || watch.step() == step);
    })) << watch.DebugString();
    return watch;
  }

  std::string Page() { return HttpGet(server_->metrics_address(), "/metrics").body; }

  std::unique_ptr<v1::WatchService::Stub> watches_;
};

std::string Series(const std::string& name, const std::string& value) {
  return absl::StrCat("\n", name, "{project=\"default\",watch=\"drift\"} ", value);
}

TEST_F(WatchTest, ScoreIsThatOfTheNewestSnapshotAndTheReference) {
  StartWatching();
  const Activations first = RandomActivations(40, 5, 1);
  const Activations second = RandomActivations(40, 6, 2);
  MustUpload(first, "head", 0);
  MustUpload(second, "head", 7);
  v1::Watch created;
  ASSERT_TRUE(Create(Drift(), &created).ok());
  EXPECT_EQ(created.state(), v1::WATCH_STATE_WAITING);
  EXPECT_EQ(created.step(), -1);

  const v1::Watch watch = Await(v1::WATCH_STATE_SCORED);
  EXPECT_NEAR(watch.score(), ReferenceCka(first, second), kTolerance);
  EXPECT_EQ(watch.step(), 7);
  EXPECT_EQ(watch.reference_step(), 0);
  EXPECT_EQ(watch.evaluation_count(), 1);
  EXPECT_EQ(watch.failure_count(), 0);
  EXPECT_EQ(watch.message(), "");
  EXPECT_THAT(Page(), HasSubstr(Series("gramian_watch_step", "7")));
  EXPECT_THAT(Page(), HasSubstr(Series("gramian_watch_score", "0.")));
  EXPECT_THAT(Page(), HasSubstr(Series("gramian_watch_failed", "0")));
}

TEST_F(WatchTest, ANewSnapshotIsEvaluatedByItself) {
  StartWatching();
  const Activations reference = RandomActivations(40, 5, 1);
  MustUpload(reference, "head", 0);
  ASSERT_TRUE(Create(Drift()).ok());
  // The reference is the newest snapshot itself.
  EXPECT_NEAR(Await(v1::WATCH_STATE_SCORED, 0).score(), 1, kTolerance);
  const Activations next = RandomActivations(40, 5, 2);
  MustUpload(next, "head", 1);
  EXPECT_NEAR(Await(v1::WATCH_STATE_SCORED, 1).score(), ReferenceCka(reference, next), kTolerance);
}

// A snapshot that lacks a layer of the watch is still being uploaded.
TEST_F(WatchTest, TheNewestSnapshotWithAllLayersIsTaken) {
  StartWatching();
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  MustUpload(RandomActivations(40, 5, 2), "head", 1);
  MustUpload(RandomActivations(40, 5, 3), "stem", 2);
  ASSERT_TRUE(Create(Drift()).ok());
  EXPECT_EQ(Await(v1::WATCH_STATE_SCORED).step(), 1);
}

TEST_F(WatchTest, ABurstOfSnapshotsIsFewEvaluations) {
  constexpr int kSnapshots = 30;
  StartWatching();
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  ASSERT_TRUE(Create(Drift()).ok());
  for (int step = 1; step <= kSnapshots; ++step)
    MustUpload(RandomActivations(40, 5, static_cast<uint32_t>(step) + 1), "head", step);
  const v1::Watch watch = Await(v1::WATCH_STATE_SCORED, kSnapshots);
  EXPECT_LT(watch.evaluation_count(), kSnapshots / 2);
}

TEST_F(WatchTest, WhatIsNotThereIsWaitedFor) {
  StartWatching();
  ASSERT_TRUE(Create(Drift()).ok());
  ASSERT_TRUE(Eventually([&] {
    v1::Watch watch;
    EXPECT_TRUE(Get(Drift().name(), &watch).ok());
    return watch.message() == "the network 'net' has no snapshot with the layers of the watch";
  }));
  EXPECT_THAT(Page(), Not(HasSubstr("gramian_watch_score{")));
  MustUpload(RandomActivations(40, 5, 1), "head", 3);
  ASSERT_TRUE(Eventually([&] {
    v1::Watch watch;
    EXPECT_TRUE(Get(Drift().name(), &watch).ok());
    return watch.message() ==
           "the reference 'net' has no snapshot at step 0 with the layers of the watch";
  }));
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  EXPECT_EQ(Await(v1::WATCH_STATE_SCORED).step(), 3);
}

TEST_F(WatchTest, AFailureIsShownAndLeavesNoScore) {
  StartWatching();
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  ASSERT_TRUE(Create(Drift()).ok());
  Await(v1::WATCH_STATE_SCORED, 0);
  // Other inputs: nothing to compare.
  MustUpload(RandomActivations(30, 5, 1), "head", 1);
  const v1::Watch watch = Await(v1::WATCH_STATE_FAILED);
  EXPECT_EQ(watch.score(), 0);
  EXPECT_EQ(watch.step(), 1);
  EXPECT_EQ(watch.failure_count(), 1);
  EXPECT_THAT(watch.message(), HasSubstr("30"));
  EXPECT_THAT(Page(), HasSubstr(Series("gramian_watch_failed", "1")));
  EXPECT_THAT(Page(), HasSubstr(Series("gramian_watch_failures_total", "1")));
  EXPECT_THAT(Page(), Not(HasSubstr("gramian_watch_score{")));
  EXPECT_THAT(Page(), Not(HasSubstr("gramian_watch_step{")));
}

TEST_F(WatchTest, ADeletedReferenceLeavesNoScore) {
  StartWatching();
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  MustUpload(RandomActivations(40, 5, 2), "head", 1);
  ASSERT_TRUE(Create(Drift()).ok());
  Await(v1::WATCH_STATE_SCORED);
  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName(0));
  v1::DeleteSnapshotResponse response;
  ASSERT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &response).ok());
  Await(v1::WATCH_STATE_WAITING);
  EXPECT_THAT(Page(), Not(HasSubstr("gramian_watch_score{")));
}

// Whole networks of other depths and widths, fused; the reference moves along.
TEST_F(WatchTest, WholeNetworksAreFused) {
  StartWatching();
  for (const char* layer : {"a", "b"}) MustUpload(RandomActivations(40, 5, 1), layer, 0, "net");
  MustUpload(RandomActivations(40, 5, 1), "c", 5, "teacher");
  v1::Watch watch = Drift();
  watch.clear_layers();
  watch.set_reference("projects/default/networks/teacher/snapshots/last");
  ASSERT_TRUE(Create(watch).ok());
  EXPECT_EQ(Await(v1::WATCH_STATE_SCORED).reference_step(), 5);
  MustUpload(RandomActivations(40, 5, 2), "c", 6, "teacher");
  ASSERT_TRUE(Eventually([&] { return Await(v1::WATCH_STATE_SCORED).reference_step() == 6; }));
}

TEST_F(WatchTest, WatchesOfAProjectAreLimited) {
  ServerOptions options = Options();
  options.max_watches = 2;
  StartWatching(options);
  ASSERT_TRUE(Create(Drift("a")).ok());
  ASSERT_TRUE(Create(Drift("b")).ok());
  ExpectRefused(Create(Drift("c")),
                {grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", 3, 2, false});
  // The same again is no further one.
  EXPECT_TRUE(Create(Drift("b")).ok());
  v1::Watch other = Drift("b");
  other.set_measure("procrustes");
  EXPECT_EQ(Create(other).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  // Another project has its own.
  v1::Watch elsewhere = Drift();
  elsewhere.set_name("projects/other/watches/c");
  elsewhere.set_network("projects/other/networks/net");
  elsewhere.set_reference("projects/other/networks/net/snapshots/0");
  EXPECT_TRUE(Create(elsewhere).ok());
  v1::DeleteWatchRequest request;
  request.set_name(Drift("a").name());
  v1::DeleteWatchResponse response;
  ASSERT_TRUE(watches_->DeleteWatch(Context().get(), request, &response).ok());
  EXPECT_TRUE(Create(Drift("c")).ok());
}

TEST_F(WatchTest, RemovedWatchesLeaveThePage) {
  StartWatching();
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  ASSERT_TRUE(Create(Drift()).ok());
  Await(v1::WATCH_STATE_SCORED);
  v1::DeleteWatchRequest request;
  request.set_name(Drift().name());
  v1::DeleteWatchResponse response;
  ASSERT_TRUE(watches_->DeleteWatch(Context().get(), request, &response).ok());
  EXPECT_THAT(Page(), Not(HasSubstr("watch=\"drift\"")));
  v1::Watch watch;
  EXPECT_EQ(Get(Drift().name(), &watch).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(watches_->DeleteWatch(Context().get(), request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(WatchTest, WatchesSurviveARestart) {
  const TempDir directory;
  ServerOptions options = Options();
  options.data_dir = directory.path();
  options.disk_reserve_bytes = 0;
  StartWatching(options);
  MustUpload(RandomActivations(40, 5, 1), "head", 0);
  MustUpload(RandomActivations(40, 5, 2), "head", 1);
  v1::Watch named = Drift();
  named.set_measure("ms-cka-t=2");
  ASSERT_TRUE(Create(named).ok());
  const v1::Watch before = Await(v1::WATCH_STATE_SCORED);
  watches_.reset();
  Stop();
  StartWatching(options);
  v1::ListWatchesRequest request;
  request.set_parent(kParent);
  v1::ListWatchesResponse list;
  ASSERT_TRUE(watches_->ListWatches(Context().get(), request, &list).ok());
  ASSERT_EQ(list.watches_size(), 1);
  EXPECT_EQ(list.watches(0).measure(), before.measure());
  EXPECT_EQ(list.watches(0).layers(0), "head");
  EXPECT_EQ(list.watches(0).reference(), SnapshotName(0));
  EXPECT_EQ(list.watches(0).create_time().seconds(), before.create_time().seconds());
  EXPECT_EQ(Await(v1::WATCH_STATE_SCORED).score(), before.score());
}

TEST_F(WatchTest, MalformedWatchesAreRefused) {
  StartWatching();
  std::vector<v1::Watch> bad(8, Drift());
  bad[0].set_name("projects/default/watches/");
  bad[1].set_network("projects/other/networks/net");
  bad[2].set_reference("projects/other/networks/net/snapshots/0");
  bad[3].set_reference("projects/default/networks/net");
  bad[4].set_measure("no-such-measure");
  bad[5].add_layers("head");
  bad[6].add_layers("");
  bad[7].add_layers(std::string(256, 'x'));
  for (const v1::Watch& watch : bad) {
    EXPECT_EQ(Create(watch).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << watch.DebugString();
  }
}

}  // namespace
}  // namespace gramian::testing
