#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A server with a data directory that is ended and started again.
class DurableTest : public ServerFixture {
 protected:
  ServerOptions DurableOptions() {
    ServerOptions options = Options();
    options.data_dir = dir_.path();
    options.disk_reserve_bytes = 0;
    return options;
  }

  void Restart() {
    Stop();
    Start(DurableOptions());
  }

  std::vector<std::string> MissingOf(const std::string& layer, const std::string& digest) {
    v1::FindMissingLayersRequest request;
    request.set_parent(SnapshotName());
    request.add_layers()->set_module_path(layer);
    request.mutable_layers(0)->set_digest(digest);
    v1::FindMissingLayersResponse response;
    EXPECT_TRUE(activations_->FindMissingLayers(Context().get(), request, &response).ok());
    return {response.module_paths().begin(), response.module_paths().end()};
  }

  std::vector<int64_t> Steps() {
    v1::ListSnapshotsRequest request;
    request.set_parent("projects/default/networks/net");
    v1::ListSnapshotsResponse response;
    activations_->ListSnapshots(Context().get(), request, &response);
    std::vector<int64_t> steps;
    for (const v1::Snapshot& snapshot : response.snapshots()) steps.push_back(snapshot.step());
    return steps;
  }

  // The only blob in the directory.
  std::string OnlyBlob() {
    std::vector<std::string> blobs;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(dir_.path() + "/blobs")) {
      if (entry.is_regular_file()) blobs.push_back(entry.path().string());
    }
    EXPECT_THAT(blobs, SizeIs(1));
    return blobs.empty() ? "" : blobs[0];
  }

  TempDir dir_;
  const Activations x_ = RandomActivations(100, 7, 1);
};

TEST_F(DurableTest, WhatWasCommittedIsThereAfterARestart) {
  Start(DurableOptions());
  v1::CreateProbeSetRequest probe;
  probe.set_parent("projects/default");
  probe.set_probe_set_id("probe");
  for (int i = 0; i < 100; ++i) probe.add_input_ids(absl::StrCat("input", i));
  v1::CreateProbeSetResponse created;
  ASSERT_TRUE(activations_->CreateProbeSet(Context().get(), probe, &created).ok());
  v1::UploadHeader header = Header(x_, "a/b:c", 7);
  header.set_reduction("mean");
  header.set_ordinal(3);
  const v1::Layer layer = Upload(header, CutRows(x_, 10)).layer;
  v1::PinSnapshotRequest pin;
  pin.set_name(SnapshotName(7));
  pin.set_pinned(true);
  v1::PinSnapshotResponse pinned;
  ASSERT_TRUE(activations_->PinSnapshot(Context().get(), pin, &pinned).ok());
  v1::CompareLayersResponse before;
  ASSERT_TRUE(Compare(layer.name(), layer.name(), {"cka"}, &before).ok());

  Restart();
  v1::GetLayerRequest get;
  get.set_name(layer.name());
  v1::GetLayerResponse got;
  ASSERT_TRUE(activations_->GetLayer(Context().get(), get, &got).ok());
  EXPECT_EQ(got.layer().SerializeAsString(), layer.SerializeAsString());
  std::string bytes;
  ASSERT_TRUE(Fetch(layer.name(), &bytes).ok());
  EXPECT_TRUE(bytes == x_.bytes());
  v1::ListSnapshotsRequest list;
  list.set_parent("projects/default/networks/net");
  v1::ListSnapshotsResponse snapshots;
  ASSERT_TRUE(activations_->ListSnapshots(Context().get(), list, &snapshots).ok());
  EXPECT_TRUE(snapshots.snapshots(0).pinned());
  v1::GetProbeSetRequest get_probe;
  get_probe.set_name(created.probe_set().name());
  v1::GetProbeSetResponse kept;
  ASSERT_TRUE(activations_->GetProbeSet(Context().get(), get_probe, &kept).ok());
  EXPECT_EQ(kept.probe_set().input_ids_size(), 100);
  EXPECT_EQ(kept.probe_set().input_ids_digest(), created.probe_set().input_ids_digest());
  v1::CompareLayersResponse after;
  ASSERT_TRUE(Compare(layer.name(), layer.name(), {"cka"}, &after).ok());
  EXPECT_EQ(after.scores(0).value(), before.scores(0).value());
}

TEST_F(DurableTest, AnUploadGoesOnAfterTheServerWasEndedInItsMidst) {
  Start(DurableOptions());
  const std::string digest = MustUpload(x_, "whole").digest();
  const std::vector<v1::UploadChunk> chunks = CutRows(x_, 10);
  v1::UploadHeader header = Header(x_, "layer");
  header.set_upload_id("id");
  std::vector<int64_t> begins;
  // Three restarts, each after some more chunks.
  for (size_t round = 0; round < 3; ++round) {
    UploadCall call(*activations_);
    ASSERT_TRUE(call.Send(header));
    const auto accepted = call.Accepted();
    ASSERT_TRUE(accepted.has_value());
    begins.push_back(accepted->persisted().empty() ? 0 : accepted->persisted(0).end());
    for (size_t i = 3 * round; i < 3 * round + 3; ++i) ASSERT_TRUE(call.Send(chunks[i]));
    ASSERT_TRUE(Eventually([&] {
      const auto upload =
          server_->engine().store().GetUpload({{"default", "net", 0}, "layer"}, "id");
      return upload.ok() &&
             (*upload)->received_bytes() == static_cast<int64_t>(30 * (round + 1)) * x_.row_bytes();
    }));
    Restart();
    EXPECT_FALSE(call.WaitForEnd().status.ok());
  }
  EXPECT_THAT(begins, ElementsAre(0, 30 * x_.row_bytes(), 60 * x_.row_bytes()));
  EXPECT_EQ(server_->engine().Stats().store.uploads, 1);
  UploadCall call(*activations_);
  ASSERT_TRUE(call.Send(header) && call.Accepted().has_value());
  ASSERT_TRUE(call.Send(chunks[9]));
  const UploadEnd end = call.Finish();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.layer->digest(), digest);
  EXPECT_EQ(server_->engine().Stats().store.uploads, 0);
}

TEST_F(DurableTest, AnUploadLeftByAnEarlierServerIsDroppedWhenNobodyComes) {
  ServerOptions options = DurableOptions();
  Start(options);
  v1::UploadHeader header = Header(x_, "layer");
  header.set_upload_id("id");
  UploadCall call(*activations_);
  call.Send(header);
  call.Send(CutRows(x_, 10)[0]);
  EXPECT_EQ(ReasonIn(call.Finish().status), "ROWS_MISSING");
  Stop();
  options.upload_idle_seconds = 1;
  Start(options);
  EXPECT_EQ(server_->engine().Stats().store.uploads, 1);
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.uploads == 0; }));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path() + "/uploads"));
}

TEST_F(DurableTest, DamagedContentIsToldAndCanBeSentAgain) {
  Start(DurableOptions());
  const std::string digest = MustUpload(x_, "layer").digest();
  MustUpload(RandomActivations(100, 3, 2), "sound", 1);
  EXPECT_THAT(MissingOf("layer", digest), ::testing::IsEmpty());
  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName(1));
  v1::DeleteSnapshotResponse response;
  ASSERT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &response).ok());
  Stop();
  {
    std::fstream blob(OnlyBlob(), std::ios::in | std::ios::out | std::ios::binary);
    blob.seekp(-1, std::ios::end);
    const char last = static_cast<char>(x_.bytes().back() ^ 1);
    blob.write(&last, 1);
  }
  Start(DurableOptions());
  std::string bytes;
  const grpc::Status status = Fetch(LayerName("layer"), &bytes);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr(digest));
  EXPECT_EQ(ReasonIn(status), "DATA_LOSS");
  EXPECT_EQ(bytes, "");
  EXPECT_THAT(MissingOf("layer", digest), ElementsAre("layer"));
  EXPECT_EQ(server_->engine().Stats().store.quarantined_blobs, 1);

  v1::UploadHeader header = Header(x_, "layer");
  header.set_expected_digest(digest);
  const UploadOutcome outcome = Upload(header, CutRows(x_, 10));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_TRUE(outcome.accepted);
  ASSERT_TRUE(Fetch(LayerName("layer"), &bytes).ok());
  EXPECT_TRUE(bytes == x_.bytes());
  EXPECT_THAT(MissingOf("layer", digest), ::testing::IsEmpty());
}

TEST_F(DurableTest, SpaceThatIsToBeLeftAloneIsNotUsed) {
  ServerOptions options = DurableOptions();
  options.disk_reserve_bytes = int64_t{1} << 60;
  Start(options);
  const grpc::Status status = Upload(Header(x_, "layer"), {}).status;
  ExpectRefused(status, {grpc::StatusCode::RESOURCE_EXHAUSTED, "NEVER_FITS", 2800, 0, false});
  EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
}

TEST_F(DurableTest, UploadsThatNobodyFillsCountAgainstTheLimitOfOpenOnes) {
  ServerOptions options = DurableOptions();
  options.max_uploads = 1;
  Start(options);
  v1::UploadHeader header = Header(x_, "parked");
  header.set_upload_id("id");
  header.set_partial(true);
  ASSERT_TRUE(Upload(header, {CutRows(x_, 10)[0]}).status.ok());
  const grpc::Status status = Upload(Header(x_, "other"), CutRows(x_, 10)).status;
  ExpectRefused(status, {grpc::StatusCode::UNAVAILABLE, "TOO_MANY_UPLOADS", 2, 1, true});
  EXPECT_TRUE(Upload(header, CutRows(x_, 10)).status.ok());
  EXPECT_TRUE(Upload(Header(x_, "other"), CutRows(x_, 10)).status.ok());
}

TEST_F(DurableTest, RetentionKeepsWhatIsPinnedAndWhatWasUsedLast) {
  ServerOptions options = DurableOptions();
  options.retain_bytes = 2 * 100 * 7 * 4;
  options.upload_idle_seconds = 1;  // Looks four times a second.
  Start(options);
  for (const int64_t step : {1, 2}) MustUpload(RandomActivations(100, 7, 10), "layer", step);
  v1::PinSnapshotRequest pin;
  pin.set_name(SnapshotName(1));
  pin.set_pinned(true);
  v1::PinSnapshotResponse pinned;
  ASSERT_TRUE(activations_->PinSnapshot(Context().get(), pin, &pinned).ok());
  for (const int64_t step : {3, 4, 5}) {
    MustUpload(RandomActivations(100, 7, static_cast<uint32_t>(step)), "layer", step);
  }
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.retired_snapshots > 0; }));
  // Pinned content is beside the limit, and without the second snapshot nothing would be free.
  EXPECT_THAT(Steps(), ::testing::UnorderedElementsAre(1, 2, 4, 5));
}

}  // namespace
}  // namespace gramian::testing
