// Goal: tangent data arrive, resume, are checked and survive like activations, and factors are all
// that is kept of them. Method: Jacobians through both stores, and through every death of a
// process.
#include <algorithm>
#include <filesystem>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/store/open_directory.h"
#include "gramian/tangent/pullback_factor.h"
#include "tests/store/store_test.h"
#include "tests/testing/faulty_catalog.h"
#include "tests/testing/faulty_file_system.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kInputs = 12;
constexpr int64_t kFeatures = 5;
constexpr int64_t kCoordinates = 2;
constexpr int64_t kJacobianBytes = kInputs * kFeatures * kCoordinates * 4;
constexpr int64_t kFactorBytes = kInputs * PackedSize(kCoordinates) * 8;

// float32 rows of a kind, which differ with `seed`.
std::shared_ptr<const Representation> Tangents(int seed, RowKind kind = RowKind::kJacobian,
                                               int64_t cols = kFeatures * kCoordinates) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal;
  const RepresentationShape shape{kInputs, cols, DType::kFloat32, {kind, kCoordinates}};
  const auto count = static_cast<size_t>(kInputs * cols);
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  auto bytes = std::make_unique<std::byte[]>(count * sizeof(float));
  std::memcpy(bytes.get(), values.data(), count * sizeof(float));
  return Representation::Create(shape, std::move(bytes)).value();
}

UploadPlan PlanOf(const Representation& tangents, const std::string& layer = "fc1") {
  UploadPlan plan = testing::PlanFor(Description(Snapshot(), layer), tangents);
  plan.upload_id = "upload";
  return plan;
}

// Bytes [begin, end) of the rows.
absl::Status AppendBytes(Upload& upload, const Representation& tangents, int64_t begin,
                         int64_t end) {
  const std::string bytes = testing::BytesOf(tangents).substr(static_cast<size_t>(begin),
                                                              static_cast<size_t>(end - begin));
  const int64_t row_bytes = tangents.size_bytes() / tangents.rows();
  return upload.Append(begin / row_bytes, begin % row_bytes, {absl::string_view(bytes)});
}

// Whether the layer is the factors of `tangents`, bit for bit.
::testing::AssertionResult HoldsFactors(ActivationStore& store, const Representation& tangents,
                                        const std::string& name = "fc1") {
  const absl::StatusOr<StoredLayer> layer = store.GetLayer({Snapshot(), name});
  if (!layer.ok()) return ::testing::AssertionFailure() << layer.status();
  const auto loaded = store.Load(*layer);
  if (!loaded.ok()) return ::testing::AssertionFailure() << loaded.status();
  // Not owned.
  const auto expected =
      ReduceToFactors(std::shared_ptr<const Representation>(std::shared_ptr<void>(), &tangents))
          .value();
  if (layer->shape != expected->shape() || layer->digest != expected->digest() ||
      layer->size_bytes != kFactorBytes || layer->reduced_from != tangents.digest() ||
      (*loaded)->digest() != expected->digest()) {
    return ::testing::AssertionFailure() << "another description";
  }
  if (testing::BytesOf(**loaded) != testing::BytesOf(*expected)) {
    return ::testing::AssertionFailure() << "other bytes";
  }
  return ::testing::AssertionSuccess();
}

using TangentUploadTest = StoreTest;
GRAMIAN_INSTANTIATE_STORE_TEST(TangentUploadTest);

TEST_P(TangentUploadTest, JacobiansCutAnyhowBecomeTheSameFactors) {
  const auto tangents = Tangents(1);
  for (const int64_t piece : {int64_t{4}, int64_t{28}, int64_t{100}, kJacobianBytes}) {
    const std::string name = absl::StrCat("fc", piece);
    const auto upload = MustOpen(PlanOf(*tangents, name));
    std::vector<int64_t> begins;
    for (int64_t begin = 0; begin < kJacobianBytes; begin += piece) begins.push_back(begin);
    std::shuffle(begins.begin(), begins.end(), std::mt19937(7));
    for (const int64_t begin : begins) {
      ASSERT_TRUE(
          AppendBytes(*upload, *tangents, begin, std::min(begin + piece, kJacobianBytes)).ok());
    }
    EXPECT_EQ(upload->received_rows(), kInputs);
    const absl::StatusOr<StoredLayer> layer = upload->Commit();
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(upload->Commit()->digest, layer->digest);
    EXPECT_TRUE(HoldsFactors(*store_, *tangents, name));
  }
  EXPECT_EQ(store_->Stats().bytes, kFactorBytes) << "one content, and nothing of the Jacobians";
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
}

TEST_P(TangentUploadTest, EveryKindIsReducedButFactors) {
  const auto softmax = Tangents(1, RowKind::kSoftmaxJacobian, kFeatures * (kCoordinates + 1));
  ASSERT_TRUE(testing::Commit(*store_, Description(Snapshot(), "fc1"), *softmax).ok());
  EXPECT_TRUE(HoldsFactors(*store_, *softmax));
  const auto factors = Tangents(2, RowKind::kFactor, PackedSize(kCoordinates));
  const auto kept = testing::Commit(*store_, Description(Snapshot(), "fc2"), *factors);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->digest, factors->digest());
  EXPECT_EQ(kept->shape, factors->shape()) << "float32 as it came";
  EXPECT_FALSE(kept->reduced_from.has_value());
}

TEST_P(TangentUploadTest, WhatWasSentIsKnownByItsDigest) {
  const auto tangents = Tangents(1);
  UploadPlan plan = PlanOf(*tangents);
  plan.expected_digest = tangents->digest().ToHex();
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(plan).status()));
  const auto upload = MustOpen(plan);
  ASSERT_TRUE(AppendBytes(*upload, *tangents, 0, kJacobianBytes).ok());
  ASSERT_TRUE(upload->Commit().ok());
  const absl::StatusOr<StoredLayer> known = store_->CommitKnownContent(plan);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->sent_digest(), tangents->digest());
  EXPECT_TRUE(store_->OpenUpload(plan).ok()) << "the same again is no conflict";
  UploadPlan other = PlanOf(*Tangents(2));
  other.upload_id = "other";
  other.expected_digest = Tangents(2)->digest().ToHex();
  EXPECT_TRUE(HasReason(store_->OpenUpload(other).status(), "CONTENT_DIFFERS"));
}

TEST_P(TangentUploadTest, WhatWasSentIsKnownUnderAnotherNameToo) {
  const auto tangents = Tangents(1);
  ASSERT_TRUE(testing::Commit(*store_, Description(Snapshot(), "fc1"), *tangents).ok());
  UploadPlan plan = PlanOf(*tangents, "fc2");
  plan.expected_digest = tangents->digest().ToHex();
  const absl::StatusOr<StoredLayer> known = store_->CommitKnownContent(plan);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_TRUE(HoldsFactors(*store_, *tangents, "fc2"));
  if (is_durable()) {
    Open(StoreOptions());
    EXPECT_TRUE(HoldsFactors(*store_, *tangents, "fc2"));
  }
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot()).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(plan).status()));
  plan.description.key.snapshot.project = "other";
  ASSERT_TRUE(testing::Commit(*store_, Description(Snapshot(), "fc1"), *tangents).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(plan).status())) << "of another project";
}

TEST_P(TangentUploadTest, WhatItBecomesIsReservedFromTheBeginning) {
  // One input unit's derivatives: the factors are larger than what is sent.
  const auto tangents = Tangents(1, RowKind::kJacobian, kCoordinates);
  const int64_t both = tangents->size_bytes() + kFactorBytes;
  ASSERT_GT(kFactorBytes, tangents->size_bytes());
  StoreOptions options;
  options.limit_bytes = both - 1;
  Open(options);
  const absl::Status refused = store_->OpenUpload(PlanOf(*tangents)).status();
  EXPECT_TRUE(HasReason(refused, "NEVER_FITS")) << refused;
  options.limit_bytes = both;
  Open(options);
  const auto upload = MustOpen(PlanOf(*tangents));
  EXPECT_EQ(store_->Stats().reserved_bytes, both);
  EXPECT_EQ(store_->ProjectBytes("default"), both);
  if (is_durable()) {
    ASSERT_TRUE(AppendBytes(*upload, *tangents, 0, 8).ok());
    ASSERT_TRUE(upload->Persist().ok());
    Open(options);
    EXPECT_EQ(store_->Stats().reserved_bytes, both) << "after a restart too";
  }
  const auto resumed = MustOpen(PlanOf(*tangents));
  ASSERT_TRUE(AppendBytes(*resumed, *tangents, 0, tangents->size_bytes()).ok());
  ASSERT_TRUE(resumed->Commit().ok());
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
  EXPECT_EQ(store_->ProjectBytes("default"), kFactorBytes);
}

TEST_P(TangentUploadTest, ACommitThatIsStoppedLeavesItWhole) {
  if (!is_durable()) return;
  const auto tangents = Tangents(1);
  const auto upload = MustOpen(PlanOf(*tangents));
  ASSERT_TRUE(AppendBytes(*upload, *tangents, 0, kJacobianBytes).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(upload->Commit(stop.get_token()).status()));
  EXPECT_TRUE(upload->is_complete());
  ASSERT_TRUE(upload->Commit().ok());
  EXPECT_TRUE(HoldsFactors(*store_, *tangents));
}

TEST_P(TangentUploadTest, ContentWithAnotherDigestIsRefused) {
  const auto tangents = Tangents(1);
  UploadPlan plan = PlanOf(*tangents);
  plan.expected_digest = Tangents(2)->digest().ToHex();
  const auto upload = MustOpen(plan);
  ASSERT_TRUE(AppendBytes(*upload, *tangents, 0, kJacobianBytes).ok());
  EXPECT_TRUE(HasReason(upload->Commit().status(), "DIGEST_MISMATCH"));
  EXPECT_EQ(store_->Stats().bytes, 0);
}

TEST_P(TangentUploadTest, AnotherLayoutIsAnotherUpload) {
  const UploadPlan plan = PlanOf(*Tangents(1));
  const auto upload = MustOpen(plan);
  UploadPlan other = plan;
  other.shape.layout.coordinates = 1;
  const absl::Status status = store_->OpenUpload(other).status();
  EXPECT_TRUE(HasReason(status, "UPLOAD_DIFFERS"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("float32 12 x 10 jacobian in 2 coordinates, not float32 12 x 10 jacobian "
                        "in 1 coordinates"));
  other.shape.layout.coordinates = 3;
  other.upload_id = "other";
  EXPECT_TRUE(absl::IsInvalidArgument(store_->OpenUpload(other).status()));
}

TEST_P(TangentUploadTest, AMetricThatIsNoneIsRefusedByItsRow) {
  auto metrics = Tangents(1, RowKind::kPullbackMetric, PackedSize(kCoordinates));
  const absl::Status status =
      testing::Commit(*store_, Description(Snapshot(), "fc1"), *metrics).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("row "));
  EXPECT_TRUE(absl::IsNotFound(store_->GetLayer({Snapshot(), "fc1"}).status()));
  EXPECT_EQ(store_->Stats().uploads, 0);
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
}

TEST_P(TangentUploadTest, ProbeSetsAreChecked) {
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "probes";
  probe_set.input_count = kInputs + 1;
  ASSERT_TRUE(store_->CreateProbeSet(probe_set).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->OpenUpload(PlanOf(*Tangents(1))).status()));
}

TEST_P(TangentUploadTest, ARestartLosesNothingThatWasPersisted) {
  if (!is_durable()) return;
  const auto tangents = Tangents(1);
  const int64_t half = kJacobianBytes / 2 + 4;
  {
    const auto upload = MustOpen(PlanOf(*tangents));
    ASSERT_TRUE(AppendBytes(*upload, *tangents, 0, half).ok());
    EXPECT_EQ(upload->Persist().value(), half);
  }
  Open(StoreOptions());
  {
    const auto upload = MustOpen(PlanOf(*tangents));
    EXPECT_THAT(upload->persisted(), ElementsAre(ByteRange{0, half}));
    EXPECT_EQ(upload->plan().shape, tangents->shape());
    ASSERT_TRUE(AppendBytes(*upload, *tangents, half, kJacobianBytes).ok());
    ASSERT_TRUE(upload->Commit().ok());
  }
  Open(StoreOptions());
  EXPECT_TRUE(HoldsFactors(*store_, *tangents));
  EXPECT_EQ(store_->Stats().bytes, kFactorBytes);
}

// A store in a directory whose disk and catalog stop at a given step.
class TangentKillTest : public ::testing::Test {
 protected:
  // Uploads the Jacobians; what was acknowledged.
  struct Acknowledged {
    int64_t persisted = 0;
    bool committed = false;
  };
  Acknowledged Run(ActivationStore& store) {
    Acknowledged result;
    const auto upload = store.OpenUpload(PlanOf(*tangents_));
    if (!upload.ok()) return result;
    if (!AppendBytes(**upload, *tangents_, 0, 100).ok()) return result;
    if ((*upload)->Persist().ok()) result.persisted = 100;
    if (!AppendBytes(**upload, *tangents_, 100, kJacobianBytes).ok()) return result;
    result.committed = (*upload)->Commit().ok();
    return result;
  }
  static int64_t FilesIn(const std::string& directory) {
    int64_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  const std::shared_ptr<const Representation> tangents_ = Tangents(1);
};

TEST_F(TangentKillTest, EveryDeathLeavesTheLayerOrTheUpload) {
  bool ran_through = false;
  for (int64_t steps = 0; !ran_through; ++steps) {
    SCOPED_TRACE(steps);
    ASSERT_LT(steps, 200);
    const testing::TemporaryDirectory directory;
    StoreOptions options;
    options.data_dir = directory.path();
    Acknowledged acknowledged;
    {
      testing::FaultyFileSystem files;
      options.files = &files;
      const auto store = OpenDirectory(options, [&](std::unique_ptr<Catalog> real) {
        return std::make_unique<testing::FaultyCatalog>(std::move(real), &files);
      });
      ASSERT_TRUE(store.ok()) << store.status();
      files.StopAfter(steps);
      acknowledged = Run(**store);
      ran_through = files.Step().ok();
    }
    options.files = nullptr;
    const auto store = ActivationStore::Open(options).value();
    if (acknowledged.committed || store->GetLayer({Snapshot(), "fc1"}).ok()) {
      EXPECT_TRUE(HoldsFactors(*store, *tangents_));
      EXPECT_EQ(FilesIn(directory.path() + "/uploads"), 0);
      EXPECT_EQ(FilesIn(directory.path() + "/blobs"), 1);
      continue;
    }
    EXPECT_EQ(FilesIn(directory.path() + "/blobs"), 0);
    const auto upload = store->OpenUpload(PlanOf(*tangents_)).value();
    EXPECT_GE(upload->persisted_bytes(), acknowledged.persisted);
    ASSERT_TRUE(AppendBytes(*upload, *tangents_, 0, kJacobianBytes).ok());
    ASSERT_TRUE(upload->Commit().ok());
    EXPECT_TRUE(HoldsFactors(*store, *tangents_));
    EXPECT_EQ(FilesIn(directory.path() + "/uploads"), 0);
  }
}

// Each step of a commit fails once; after that it is repeated without sending anything.
TEST_F(TangentKillTest, ACommitThatTheDiskRefusesIsRepeated) {
  using testing::FileOperation;
  const testing::TemporaryDirectory directory;
  testing::FaultyFileSystem files;
  absl::Status failure;
  StoreOptions options;
  options.data_dir = directory.path();
  options.files = &files;
  const auto store = OpenDirectory(options, [&](std::unique_ptr<Catalog> real) {
                       return std::make_unique<testing::FaultyCatalog>(std::move(real), &files,
                                                                       [&] { return failure; });
                     }).value();
  const auto upload = store->OpenUpload(PlanOf(*tangents_)).value();
  ASSERT_TRUE(AppendBytes(*upload, *tangents_, 0, kJacobianBytes).ok());
  ASSERT_TRUE(upload->Persist().ok());
  const absl::Status full = DiskFull("no space left on device", 100, 60);
  for (const FileOperation operation :
       {FileOperation::kCreate, FileOperation::kWrite, FileOperation::kRename}) {
    files.FailOnce(operation, full);
    EXPECT_EQ(upload->Commit().status(), full);
    EXPECT_EQ(FilesIn(directory.path() + "/blobs"), 0);
    EXPECT_EQ(FilesIn(directory.path() + "/uploads"), 1);
  }
  failure = full;
  EXPECT_EQ(upload->Commit().status(), full);
  EXPECT_EQ(FilesIn(directory.path() + "/blobs"), 0);
  failure = absl::OkStatus();
  const absl::StatusOr<StoredLayer> layer = upload->Commit();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_TRUE(HoldsFactors(*store, *tangents_));
  EXPECT_EQ(FilesIn(directory.path() + "/uploads"), 0);
}

}  // namespace
}  // namespace gramian
