#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

class CompareLayersTest : public ServerFixture {
 protected:
  // Distance correlation of so many inputs takes seconds, in tiles of milliseconds.
  static constexpr int64_t kManyRows = 60'000;

  // A comparison that takes long, started but not waited for.
  struct LongCall {
    std::unique_ptr<grpc::ClientContext> context = Context();
    std::future<grpc::Status> status;
  };

  void UploadLong(const std::string& layer, uint32_t seed) {
    MustUpload(RandomActivations(kManyRows, 4, seed), layer);
  }

  void Begin(LongCall& call, const std::string& a, const std::string& b) {
    call.status = std::async(std::launch::async, [this, &call, a, b] {
      v1::CompareLayersRequest request;
      request.set_layer_a(LayerName(a));
      request.set_layer_b(LayerName(b));
      request.add_measures("distcorr");
      v1::CompareLayersResponse response;
      return similarity_->CompareLayers(call.context.get(), request, &response);
    });
  }

  bool EventuallyRunning(int64_t count) {
    return Eventually([this, count] { return server_->engine().Stats().running == count; });
  }

  const Activations x_ = RandomActivations(100, 7, 1);
  const Activations y_ = RandomActivations(100, 11, 2);
};

TEST_F(CompareLayersTest, LinearCkaIsThatOfTheDefinition) {
  Start();
  MustUpload(x_, "x");
  MustUpload(y_, "y");
  v1::CompareLayersResponse response;
  const grpc::Status status = Compare(LayerName("x"), LayerName("y"), {"cka"}, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.scores_size(), 1);
  const v1::Score& score = response.scores(0);
  EXPECT_EQ(score.status(), v1::SCORE_STATUS_OK);
  // Inner products of float32 rows.
  EXPECT_NEAR(score.value(), ReferenceCka(x_, y_), 100 * std::numeric_limits<float>::epsilon());
  EXPECT_EQ(score.measure(), "cka-kernel=linear-hsic=gretton-score");
  EXPECT_EQ(score.input_count(), 100);
  EXPECT_EQ(score.feature_count_a(), 7);
  EXPECT_EQ(score.feature_count_b(), 11);
  EXPECT_TRUE(score.larger_is_more_similar());
  EXPECT_NE(score.form(), v1::COMPUTE_FORM_UNSPECIFIED);
  EXPECT_FALSE(score.cached());
}

TEST_F(CompareLayersTest, AnApproximateScoreSaysItsRecall) {
  Start();
  MustUpload(RandomActivations(3000, 60, 3), "x");
  MustUpload(RandomActivations(3000, 50, 4), "y");
  v1::CompareLayersResponse response;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("y"),
                      {"mutual-knn-search=hnsw:1", "mutual-knn", "mutual-knn-search=hnsw:1"},
                      &response)
                  .ok());
  EXPECT_GT(response.scores(0).recall(), 0.0F);
  EXPECT_LT(response.scores(0).recall(), 1.0F);
  EXPECT_FALSE(response.scores(1).has_recall());
  EXPECT_EQ(response.scores(2).recall(), response.scores(0).recall());
}

TEST_F(CompareLayersTest, ManyMeasuresAreAnsweredInTheirOrder) {
  Start();
  MustUpload(x_, "x");
  MustUpload(y_, "y");
  v1::CompareLayersResponse response;
  ASSERT_TRUE(
      Compare(LayerName("x"), LayerName("y"), {"distcorr", "ms-cka-t=4", "cka", "cka"}, &response)
          .ok());
  ASSERT_EQ(response.scores_size(), 4);
  EXPECT_EQ(response.scores(0).measure(), "distcorr");
  EXPECT_EQ(response.scores(1).measure(), "ms-cka-t=4");
  EXPECT_EQ(response.scores(2).value(), response.scores(3).value());
}

TEST_F(CompareLayersTest, TheSameQuestionIsAnsweredFromMemoryWithTheSameBits) {
  Start();
  MustUpload(x_, "x");
  MustUpload(y_, "y");
  v1::CompareLayersResponse first;
  v1::CompareLayersResponse second;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("y"), {"cka", "distcorr"}, &first).ok());
  // Another spelling of the same measure.
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("y"),
                      {"cka-kernel=linear-hsic=gretton-score", "distcorr"}, &second)
                  .ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(first.scores(i).cached());
    EXPECT_TRUE(second.scores(i).cached());
    EXPECT_EQ(second.scores(i).value(), first.scores(i).value());
    EXPECT_EQ(second.scores(i).compute_seconds(), 0);
  }
  EXPECT_EQ(server_->engine().Stats().completed, 2);
}

TEST_F(CompareLayersTest, DegeneratePairsHaveATypedStatusAndNoValue) {
  Start();
  MustUpload(x_, "x");
  const Activations constant{100, 7, std::vector<float>(700, 2.5F)};
  MustUpload(constant, "constant");
  v1::CompareLayersResponse response;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("constant"), {"cka", "distcorr"}, &response).ok());
  for (const v1::Score& score : response.scores()) {
    EXPECT_EQ(score.status(), v1::SCORE_STATUS_DEGENERATE_CONSTANT) << score.measure();
    EXPECT_FALSE(score.has_value());
  }
  const Activations three = RandomActivations(3, 7, 1);
  MustUpload(three, "three");
  ASSERT_TRUE(Compare(LayerName("three"), LayerName("three"), {"cka-hsic=song"}, &response).ok());
  EXPECT_EQ(response.scores(0).status(), v1::SCORE_STATUS_TOO_FEW_INPUTS);
}

TEST_F(CompareLayersTest, UnknownLayersAndMeasuresAreRefused) {
  Start();
  MustUpload(x_, "x");
  v1::CompareLayersResponse response;
  EXPECT_EQ(Compare(LayerName("x"), LayerName("y"), {"cka"}, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Compare(LayerName("x"), "y", {"cka"}, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  for (const std::string measure :
       {"", "ck", "cka-kernel=square", "ms-cka-t=0", "ms-cka-t=-1", "ms-cka-t=nan"}) {
    const grpc::Status status = Compare(LayerName("x"), LayerName("x"), {measure}, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << measure;
  }
}

TEST_F(CompareLayersTest, LayersThatSawOtherInputsAreRefusedWithTheDifference) {
  Start();
  MustUpload(x_, "x");
  MustUpload(RandomActivations(99, 7, 3), "fewer");
  v1::UploadHeader header = Header(x_, "other-probe");
  header.set_probe_set("other");
  ASSERT_TRUE(Upload(header, CutRows(x_, 10)).status.ok());
  v1::CompareLayersResponse response;
  const grpc::Status fewer = Compare(LayerName("x"), LayerName("fewer"), {"cka"}, &response);
  EXPECT_EQ(fewer.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(fewer.error_message(), HasSubstr("99"));
  EXPECT_EQ(ReasonIn(fewer), "INPUTS_DIFFER");
  const grpc::Status other = Compare(LayerName("x"), LayerName("other-probe"), {"cka"}, &response);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(other.error_message(), HasSubstr("other"));
}

TEST_F(CompareLayersTest, TheNumberOfMeasuresIsLimited) {
  ServerOptions options = Options();
  options.max_measures = 3;
  Start(options);
  MustUpload(x_, "x");
  v1::CompareLayersResponse response;
  EXPECT_TRUE(Compare(LayerName("x"), LayerName("x"), {"cka", "cka", "cka"}, &response).ok());
  EXPECT_EQ(
      Compare(LayerName("x"), LayerName("x"), {"cka", "cka", "cka", "cka"}, &response).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Compare(LayerName("x"), LayerName("x"), {}, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CompareLayersTest, ADeadlineStopsTheComputation) {
  Start();
  UploadLong("x", 1);
  UploadLong("y", 2);
  LongCall call;
  call.context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  Begin(call, "x", "y");
  EXPECT_EQ(call.status.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(EventuallyRunning(0));
  EXPECT_EQ(server_->engine().Stats().completed, 0);
}

TEST_F(CompareLayersTest, CancellingStopsTheComputation) {
  Start();
  UploadLong("x", 1);
  UploadLong("y", 2);
  LongCall call;
  Begin(call, "x", "y");
  ASSERT_TRUE(EventuallyRunning(1));
  call.context->TryCancel();
  EXPECT_EQ(call.status.get().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(EventuallyRunning(0));
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().cancelled >= 1; }));
  EXPECT_EQ(server_->engine().Stats().completed, 0);
}

TEST_F(CompareLayersTest, AFullQueueRefusesAndSaysWhenToTryAgainWhileKnownScoresAreStillAnswered) {
  ServerOptions options = Options();
  options.queue = 0;
  Start(options);
  MustUpload(x_, "small");
  v1::CompareLayersResponse response;
  ASSERT_TRUE(Eventually(
      [&] { return Compare(LayerName("small"), LayerName("small"), {"cka"}, &response).ok(); }));
  for (uint32_t i = 0; i < 3; ++i) UploadLong(absl::StrCat("x", i), i);
  // As many as the interactive lane has threads.
  LongCall first;
  LongCall second;
  Begin(first, "x0", "x1");
  ASSERT_TRUE(EventuallyRunning(1));
  Begin(second, "x0", "x2");
  ASSERT_TRUE(EventuallyRunning(2));
  const grpc::Status refused = Compare(LayerName("x1"), LayerName("x2"), {"cka"}, &response);
  ExpectRefused(refused, {grpc::StatusCode::UNAVAILABLE, "QUEUE_FULL", 1, 0, true});
  EXPECT_TRUE(Compare(LayerName("small"), LayerName("small"), {"cka"}, &response).ok());
  EXPECT_TRUE(response.scores(0).cached());
  first.context->TryCancel();
  second.context->TryCancel();
  first.status.wait();
  second.status.wait();
}

TEST_F(CompareLayersTest, DeletingASnapshotDoesNotDisturbWhoReadsIt) {
  Start();
  MustUpload(x_, "x");
  MustUpload(y_, "y");
  v1::CompareLayersResponse before;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("y"), {"cka"}, &before).ok());
  v1::DeleteSnapshotRequest request;
  request.set_name(SnapshotName());
  v1::DeleteSnapshotResponse deleted;
  ASSERT_TRUE(activations_->DeleteSnapshot(Context().get(), request, &deleted).ok());
  v1::CompareLayersResponse after;
  EXPECT_EQ(Compare(LayerName("x"), LayerName("y"), {"cka"}, &after).error_code(),
            grpc::StatusCode::NOT_FOUND);
  // The same content under another name is known.
  MustUpload(x_, "x", 5);
  MustUpload(y_, "y", 6);
  ASSERT_TRUE(Compare(LayerName("x", 5), LayerName("y", 6), {"cka"}, &after).ok());
  EXPECT_TRUE(after.scores(0).cached());
  EXPECT_EQ(after.scores(0).value(), before.scores(0).value());
}

}  // namespace
}  // namespace gramian::testing
