#include <gmock/gmock.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::Contains;

class AdminServiceTest : public ServerFixture {
 protected:
  std::vector<v1::Measure> AllMeasures(int32_t page_size) {
    std::vector<v1::Measure> measures;
    v1::ListMeasuresRequest request;
    request.set_page_size(page_size);
    v1::ListMeasuresResponse response;
    do {
      request.set_page_token(response.next_page_token());
      response.Clear();
      EXPECT_TRUE(similarity_->ListMeasures(Context().get(), request, &response).ok());
      measures.insert(measures.end(), response.measures().begin(), response.measures().end());
    } while (!response.next_page_token().empty());
    return measures;
  }
};

TEST_F(AdminServiceTest, InfoTellsVersionsAndLimits) {
  ServerOptions options = Options();
  options.max_rows = 1234;
  Start(options);
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(admin_->GetServerInfo(Context().get(), v1::GetServerInfoRequest(), &info).ok());
  EXPECT_EQ(info.version(), GRAMIAN_VERSION);
  EXPECT_EQ(info.grpc_version(), grpc::Version());
  EXPECT_FALSE(info.blas_core().empty());
  EXPECT_EQ(info.compute_thread_count(), 2);
  EXPECT_GT(info.start_time().seconds(), 0);
  EXPECT_EQ(info.limits().row_count(), 1234);
  EXPECT_EQ(info.limits().chunk_bytes(), options.chunk_bytes);
  EXPECT_EQ(info.limits().message_bytes(), options.message_bytes);
  EXPECT_EQ(info.limits().feature_count(), options.max_features);
  EXPECT_EQ(info.limits().layers_per_snapshot_count(), options.max_layers);
  EXPECT_EQ(info.limits().open_upload_count(), options.max_uploads);
  EXPECT_EQ(info.limits().upload_idle_seconds(), options.upload_idle_seconds);
  EXPECT_EQ(info.limits().store_bytes(), options.store_bytes);
  EXPECT_EQ(info.limits().cache_bytes(), options.cache_bytes);
  EXPECT_EQ(info.limits().scratch_bytes(), options.scratch_bytes);
  EXPECT_EQ(info.limits().queue_count(), options.queue);
  EXPECT_EQ(info.limits().page_size(), options.page_size);
  EXPECT_EQ(info.limits().name_bytes(), options.name_bytes);
  EXPECT_EQ(info.limits().measure_count(), options.max_measures);
  EXPECT_EQ(info.limits().network_count(), options.max_networks);
}

TEST_F(AdminServiceTest, EveryListedMeasureIsAcceptedUnderItsName) {
  Start();
  MustUpload(RandomActivations(30, 5, 1), "x");
  MustUpload(RandomActivations(30, 6, 2), "y");
  const std::vector<v1::Measure> measures = AllMeasures(0);
  EXPECT_GE(measures.size(), 8u);
  std::set<std::string> families;
  for (const v1::Measure& measure : measures) {
    families.insert(measure.family());
    EXPECT_FALSE(measure.description().empty());
    EXPECT_LT(measure.range_min(), measure.range_max());
    v1::CompareLayersResponse response;
    const grpc::Status status =
        Compare(LayerName("x"), LayerName("y"), {measure.name()}, &response);
    ASSERT_TRUE(status.ok()) << measure.name() << ": " << status.error_message();
    EXPECT_EQ(response.scores(0).measure(), measure.name());
    EXPECT_EQ(response.scores(0).larger_is_more_similar(), measure.larger_is_more_similar());
  }
  for (const std::string family : {"cka", "hsic", "ms-cka", "distcorr", "ms-distcorr"}) {
    EXPECT_THAT(families, Contains(family));
  }
}

TEST_F(AdminServiceTest, MeasuresComeInPagesByName) {
  Start();
  const std::vector<v1::Measure> all = AllMeasures(0);
  const std::vector<v1::Measure> paged = AllMeasures(3);
  ASSERT_EQ(paged.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(paged[i].name(), all[i].name());
    if (i > 0) {
      EXPECT_LT(all[i - 1].name(), all[i].name());
    }
  }
  v1::ListMeasuresRequest request;
  request.set_page_size(-1);
  v1::ListMeasuresResponse response;
  EXPECT_EQ(similarity_->ListMeasures(Context().get(), request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gramian::testing
