#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "tests/engine/threads.h"
#include "tests/store/store_test.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

using StoreUploadsTest = StoreTest;
GRAMIAN_INSTANTIATE_STORE_TEST(StoreUploadsTest);

TEST_P(StoreUploadsTest, SeveralStreamsFillOneUploadInAnyOrder) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  ASSERT_NE(MustOpen(plan), nullptr);
  RunInThreads(5, [&](int i) {
    const auto upload = MustOpen(plan);
    ASSERT_TRUE(AppendRows(*upload, 1, 2 * i, 1).ok());
    ASSERT_TRUE(AppendRows(*upload, 1, 2 * i + 1, 1).ok());
    EXPECT_TRUE(upload->Persist().ok());
  });
  const auto upload = store_->GetUpload(plan.description.key, plan.upload_id).value();
  EXPECT_TRUE(upload->is_complete());
  EXPECT_EQ(upload->received_rows(), kRows);
  EXPECT_EQ(upload->persisted_bytes(), kLayerBytes);
  EXPECT_THAT(upload->persisted(), ElementsAre(ByteRange{0, kLayerBytes}));
  RunInThreads(4, [&](int) {
    const absl::StatusOr<StoredLayer> layer = upload->Commit();
    EXPECT_TRUE(layer.ok()) << layer.status();
  });
  EXPECT_TRUE(Holds(plan.description.key, 1));
  EXPECT_TRUE(absl::IsAborted(AppendRows(*upload, 1, 0, 1)));
  EXPECT_TRUE(absl::IsAborted(upload->Persist().status()));
  EXPECT_TRUE(absl::IsNotFound(store_->GetUpload(plan.description.key, "upload").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->AbortUpload(plan.description.key, "upload")));
}

TEST_P(StoreUploadsTest, AnIncompleteUploadNamesTheFirstMissingRowAndGoesOn) {
  const auto upload = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 4).ok());
  ASSERT_TRUE(AppendRows(*upload, 1, 6, 4).ok());
  const absl::Status status = upload->Commit().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("row 4 of 10"));
  EXPECT_EQ(upload->received_rows(), 8);
  ASSERT_TRUE(AppendRows(*upload, 1, 3, 4).ok());
  EXPECT_TRUE(upload->Commit().ok());
  EXPECT_TRUE(Holds({Snapshot(), "fc1"}, 1));
}

TEST_P(StoreUploadsTest, ARepeatedPieceIsFineAndADifferentOneIsRefused) {
  const auto upload = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  ASSERT_TRUE(AppendRows(*upload, 1, 2, 3).ok());
  EXPECT_TRUE(AppendRows(*upload, 1, 1, 3).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(AppendRows(*upload, 2, 4, 2)));
  EXPECT_EQ(upload->received_bytes(), 4 * kRowBytes);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, kRows).ok());
  EXPECT_TRUE(upload->Commit().ok());
  EXPECT_TRUE(Holds({Snapshot(), "fc1"}, 1));
}

TEST_P(StoreUploadsTest, AnotherHeaderForTheSameUploadIsRefusedByNamingTheDifference) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  const auto upload = MustOpen(plan);
  const auto refusal = [&](auto change) {
    UploadPlan other = plan;
    change(other);
    const absl::Status status = store_->OpenUpload(other).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return Message(status);
  };
  EXPECT_THAT(refusal([](UploadPlan& p) { p.shape.rows = 9; }), HasSubstr("10 x 5, not"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.shape.dtype = DType::kFloat64; }),
              HasSubstr("float32 10 x 5, not float64"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.description.ordinal = 3; }),
              HasSubstr("ordinal 0, not 3"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.expected_digest = std::string(32, 'a'); }),
              HasSubstr("digest"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.input_ids_digest = std::string(32, 'a'); }),
              HasSubstr("input ids"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.on_conflict = OnConflict::kReplace; }),
              HasSubstr("conflicts"));
  EXPECT_EQ(store_->Stats().uploads, 1);
}

TEST_P(StoreUploadsTest, AnotherIdIsAnotherUploadAndTheFirstToCommitWins) {
  const LayerDescription description = Description(Snapshot(), "fc1");
  const auto first = MustOpen(Plan(description, 1, "first"));
  const auto second = MustOpen(Plan(description, 2, "second"));
  EXPECT_EQ(store_->Stats().uploads, 2);
  EXPECT_EQ(store_->Stats().reserved_bytes, 2 * kLayerBytes);
  ASSERT_TRUE(AppendRows(*first, 1, 0, kRows).ok());
  ASSERT_TRUE(AppendRows(*second, 2, 0, kRows).ok());
  EXPECT_TRUE(second->Commit().ok());
  const absl::Status late = first->Commit().status();
  EXPECT_TRUE(absl::IsAlreadyExists(late)) << late;
  EXPECT_TRUE(HasReason(late, "CONTENT_DIFFERS"));
  EXPECT_EQ(first->Commit().status(), late) << "every caller gets the same result";
  EXPECT_TRUE(Holds(description.key, 2));
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
}

TEST_P(StoreUploadsTest, TheStoreChoosesAnIdIfNoneIsGiven) {
  const LayerDescription description = Description(Snapshot(), "fc1");
  const auto first = MustOpen(Plan(description, 1, ""));
  const auto second = MustOpen(Plan(description, 1, ""));
  EXPECT_FALSE(first->plan().upload_id.empty());
  EXPECT_NE(first->plan().upload_id, second->plan().upload_id);
}

TEST_P(StoreUploadsTest, ContentThatIsNotFiniteOrNotAsAnnouncedIsRefused) {
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  std::string bytes = testing::BytesOf(*Activations(1));
  std::fill(bytes.end() - 4, bytes.end(), '\xFF');
  auto upload = MustOpen(plan);
  ASSERT_TRUE(upload->Append(0, 0, {absl::string_view(bytes)}).ok());
  const absl::Status infinite = upload->Commit().status();
  EXPECT_TRUE(absl::IsInvalidArgument(infinite)) << infinite;
  EXPECT_THAT(Message(infinite), HasSubstr("row 9, column 4"));
  plan.expected_digest = Activations(2)->digest().ToHex();
  upload = MustOpen(plan);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, kRows).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(upload->Commit().status()));
  EXPECT_EQ(store_->Stats().uploads, 0);
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
  EXPECT_THAT(store_->ListNetworks("default"), IsEmpty());
  plan.expected_digest = absl::AsciiStrToUpper(Activations(1)->digest().ToHex());
  upload = MustOpen(plan);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, kRows).ok());
  EXPECT_TRUE(upload->Commit().ok());
}

TEST_P(StoreUploadsTest, EqualContentAgainIsOkAndGivesTheEarlierLayer) {
  const absl::StatusOr<StoredLayer> first = Commit(Description(Snapshot(), "fc1"), 1);
  ASSERT_TRUE(first.ok()) << first.status();
  for (const OnConflict on_conflict : {OnConflict::kReject, OnConflict::kReplace}) {
    const absl::StatusOr<StoredLayer> again =
        Commit(Description(Snapshot(), "fc1"), 1, on_conflict);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->create_time, first->create_time);
  }
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store_->Stats().layers, 1);
}

TEST_P(StoreUploadsTest, AnotherDescriptionIsRejectedByNamingItAndReplacedOnRequest) {
  MustCommit(Description(Snapshot(), "fc1", 0), 1);
  const absl::Status status = Commit(Description(Snapshot(), "fc1", 5), 1).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_TRUE(HasReason(status, "DESCRIPTION_DIFFERS"));
  EXPECT_EQ(Message(status), "layer 'fc1' of snapshot net@0 exists with ordinal 0, not 5");
  MustCommit(Description(Snapshot(), "fc1", 5), 1, OnConflict::kReplace);
  EXPECT_EQ(store_->GetLayer({Snapshot(), "fc1"})->description.ordinal, 5);
  EXPECT_TRUE(Holds({Snapshot(), "fc1"}, 1));
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
}

TEST_P(StoreUploadsTest, OtherContentIsRejectedUnlessReplacementIsAskedFor) {
  MustCommit(Description(Snapshot(), "fc1"), 1);
  EXPECT_TRUE(absl::IsAlreadyExists(Commit(Description(Snapshot(), "fc1"), 2).status()));
  EXPECT_TRUE(Holds({Snapshot(), "fc1"}, 1));
  MustCommit(Description(Snapshot(), "fc1"), 2, OnConflict::kReplace);
  EXPECT_TRUE(Holds({Snapshot(), "fc1"}, 2));
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store_->Stats().layers, 1);
}

TEST_P(StoreUploadsTest, BytesAreReservedBeforeTheyAreReadUpToTheLimit) {
  OpenFor(2);
  const auto first = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  const auto second = MustOpen(Plan(Description(Snapshot(), "fc2"), 2));
  const UploadPlan third = Plan(Description(Snapshot(), "fc3"), 3);
  const absl::Status pressure = store_->OpenUpload(third).status();
  EXPECT_TRUE(absl::IsResourceExhausted(pressure)) << pressure;
  EXPECT_TRUE(HasReason(pressure, "MEMORY_PRESSURE"));
  ASSERT_TRUE(AppendRows(*first, 1, 0, kRows).ok());
  ASSERT_TRUE(first->Commit().ok());
  EXPECT_EQ(store_->Stats().reserved_bytes, kLayerBytes);
  EXPECT_TRUE(HasReason(store_->OpenUpload(third).status(), "MEMORY_PRESSURE"));
  ASSERT_TRUE(store_->AbortUpload({Snapshot(), "fc2"}, "upload").ok());
  EXPECT_TRUE(absl::IsAborted(AppendRows(*second, 2, 0, 1)));
  EXPECT_TRUE(absl::IsAborted(second->Commit().status()));
  EXPECT_TRUE(store_->OpenUpload(third).ok());
  UploadPlan huge = third;
  huge.upload_id = "huge";
  huge.shape.rows = 2 * kRows + 1;
  const absl::Status never = store_->OpenUpload(huge).status();
  EXPECT_TRUE(HasReason(never, "NEVER_FITS")) << never;
}

TEST_P(StoreUploadsTest, ASnapshotHoldsItsLimitOfLayersAndNoMore) {
  StoreOptions options;
  options.layers_per_snapshot = 2;
  Open(options);
  MustCommit(Description(Snapshot(), "fc1"), 1);
  const auto late = MustOpen(Plan(Description(Snapshot(), "fc3"), 3));
  MustCommit(Description(Snapshot(), "fc2"), 2);
  const absl::Status status = Commit(Description(Snapshot(), "fc4"), 4).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("limit of 2 layers"));
  ASSERT_TRUE(AppendRows(*late, 3, 0, kRows).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(late->Commit().status()));
  MustCommit(Description(Snapshot(1), "fc3"), 3);
  MustCommit(Description(Snapshot(), "fc2"), 4, OnConflict::kReplace);
}

TEST_P(StoreUploadsTest, AProjectHasItsLimitOfOpenUploads) {
  StoreOptions options;
  options.max_uploads = 1;
  Open(options);
  const auto first = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  const absl::Status status = store_->OpenUpload(Plan(Description(Snapshot(), "fc2"), 2)).status();
  EXPECT_TRUE(HasReason(status, "TOO_MANY_UPLOADS")) << status;
  EXPECT_NE(MustOpen(Plan(Description(Snapshot(0, "net", "elsewhere"), "fc2"), 2)), nullptr);
}

TEST_P(StoreUploadsTest, RowsThatDoNotFitTheProbeSetAreRefusedWithTheFirstDifference) {
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "probes";
  for (int64_t i = 0; i < kRows; ++i) probe_set.input_ids.push_back(absl::StrCat("image", i));
  ASSERT_TRUE(store_->CreateProbeSet(probe_set).ok());
  const auto refusal = [&](auto change) {
    UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
    change(plan);
    const absl::Status status = store_->OpenUpload(plan).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return Message(status);
  };
  EXPECT_THAT(refusal([](UploadPlan& p) { p.shape.rows = 9; }), HasSubstr("10 inputs, not 9"));
  EXPECT_THAT(refusal([&](UploadPlan& p) {
                p.input_ids = probe_set.input_ids;
                p.input_ids[7] = "cat";
              }),
              HasSubstr("'image7' as input 7, not 'cat'"));
  EXPECT_THAT(refusal([](UploadPlan& p) { p.input_ids_digest = std::string(32, 'b'); }),
              HasSubstr("digest"));
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  plan.input_ids = probe_set.input_ids;
  EXPECT_NE(MustOpen(plan), nullptr);
  plan.input_ids.clear();
  plan.input_ids_digest = absl::AsciiStrToUpper(DigestOfInputIds(probe_set.input_ids));
  EXPECT_NE(MustOpen(plan), nullptr) << "the same by its digest";
}

TEST_P(StoreUploadsTest, KnownContentIsCommittedWithoutBytesWithinItsProjectOnly) {
  MustCommit(Description(Snapshot(), "fc1"), 1);
  UploadPlan plan = Plan(Description(Snapshot(5), "fc9"), 1);
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(plan).status())) << "no digest announced";
  plan.expected_digest = Activations(1)->digest().ToHex();
  const absl::StatusOr<StoredLayer> layer = store_->CommitKnownContent(plan);
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_TRUE(Holds({Snapshot(5), "fc9"}, 1));
  EXPECT_EQ(store_->CommitKnownContent(plan)->create_time, layer->create_time);
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  UploadPlan elsewhere = plan;
  elsewhere.description.key.snapshot.project = "elsewhere";
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(elsewhere).status()));
  UploadPlan other = plan;
  other.expected_digest = Activations(2)->digest().ToHex();
  EXPECT_TRUE(absl::IsAlreadyExists(store_->CommitKnownContent(other).status()));
  other.on_conflict = OnConflict::kReplace;
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(other).status()));
  EXPECT_TRUE(Holds({Snapshot(5), "fc9"}, 1));
}

TEST_P(StoreUploadsTest, OnlyIdleUploadsThatNobodyHoldsExpire) {
  auto held = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  MustOpen(Plan(Description(Snapshot(), "fc2"), 2));
  EXPECT_EQ(store_->ExpireUploads(absl::Now() - absl::Hours(1)), 0);
  EXPECT_EQ(store_->ExpireUploads(absl::Now() + absl::Hours(1)), 1);
  EXPECT_TRUE(store_->GetUpload({Snapshot(), "fc1"}, "upload").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->GetUpload({Snapshot(), "fc2"}, "upload").status()));
  ASSERT_TRUE(AppendRows(*held, 1, 0, 1).ok());
  held.reset();
  EXPECT_EQ(store_->ExpireUploads(absl::Now() + absl::Hours(1)), 1);
  EXPECT_EQ(store_->Stats().expired_uploads, 2);
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
}

TEST_P(StoreUploadsTest, CountsStreamsThatFoundSomethingPersisted) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  const auto upload = MustOpen(plan);
  MustOpen(plan);
  EXPECT_EQ(store_->Stats().resumed_uploads, 0);
  ASSERT_TRUE(AppendRows(*upload, 1, 2, 3).ok());
  EXPECT_THAT(upload->persisted(), IsEmpty());
  ASSERT_TRUE(upload->Persist().ok());
  EXPECT_THAT(MustOpen(plan)->persisted(), ElementsAre(ByteRange{2 * kRowBytes, 5 * kRowBytes}));
  EXPECT_EQ(store_->Stats().resumed_uploads, 1);
}

// Goal: layers that name a probe set which is not there yet keep the order of their inputs.
TEST_P(StoreUploadsTest, TheOrderOfInputsIsKeptUntilAProbeSetIsThere) {
  std::vector<std::string> ids;
  for (int64_t i = 0; i < kRows; ++i) ids.push_back(absl::StrCat("image", i));
  std::vector<std::string> swapped = ids;
  std::swap(swapped[3], swapped[4]);
  const auto upload = [&](const std::string& layer, int seed, const std::vector<std::string>& order,
                          OnConflict on_conflict = OnConflict::kReject) {
    UploadPlan plan = Plan(Description(Snapshot(), layer), seed);
    plan.input_ids = order;
    plan.on_conflict = on_conflict;
    const absl::StatusOr<std::shared_ptr<Upload>> open = store_->OpenUpload(plan);
    if (!open.ok()) return open.status();
    EXPECT_TRUE(AppendRows(**open, seed, 0, kRows).ok());
    return (*open)->Commit().status();
  };
  ASSERT_TRUE(upload("fc1", 1, ids).ok());
  ASSERT_TRUE(upload("fc2", 2, swapped).ok());
  Open(StoreOptions());
  if (!is_durable()) {
    ASSERT_TRUE(upload("fc1", 1, ids).ok());
    ASSERT_TRUE(upload("fc2", 2, swapped).ok());
  }
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "probes";
  probe_set.input_ids = ids;
  const absl::Status refused = store_->CreateProbeSet(probe_set).status();
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("layer 'fc2'"), HasSubstr(DigestOfInputIds(swapped)),
                    HasSubstr(DigestOfInputIds(ids))));
  // The same content again says nothing else, unless it may replace.
  const absl::Status other = upload("fc2", 2, ids);
  EXPECT_TRUE(HasReason(other, "DESCRIPTION_DIFFERS")) << other;
  EXPECT_TRUE(upload("fc2", 2, {}).ok()) << "who does not say it changes nothing";
  EXPECT_TRUE(absl::IsAlreadyExists(store_->CreateProbeSet(probe_set).status()));
  EXPECT_TRUE(upload("fc2", 2, ids, OnConflict::kReplace).ok());
  EXPECT_TRUE(store_->CreateProbeSet(probe_set).ok());
}

}  // namespace
}  // namespace gramian
