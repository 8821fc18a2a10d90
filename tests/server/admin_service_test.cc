#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::Contains;
using ::testing::Key;

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

TEST_F(AdminServiceTest, InfoTellsVersions) {
  Start();
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(admin_->GetServerInfo(Context().get(), v1::GetServerInfoRequest(), &info).ok());
  EXPECT_EQ(info.version(), GRAMIAN_VERSION);
  EXPECT_EQ(info.grpc_version(), grpc::Version());
  EXPECT_FALSE(info.blas_core().empty());
  EXPECT_EQ(info.compute_thread_count(), 2);
  EXPECT_GT(info.start_time().seconds(), 0);
}

// Every limit that is a flag, each with a value of its own, so that none stands for another.
TEST_F(AdminServiceTest, InfoTellsEveryLimit) {
  ServerOptions options = Options();
  const std::map<std::string, int64_t*> limits = {
      {"chunk_bytes", &options.chunk_bytes},
      {"message_bytes", &options.message_bytes},
      {"row_count", &options.max_rows},
      {"feature_count", &options.max_features},
      {"layers_per_snapshot_count", &options.max_layers},
      {"open_upload_count", &options.max_uploads},
      {"upload_idle_seconds", &options.upload_idle_seconds},
      {"store_bytes", &options.store_bytes},
      {"cache_bytes", &options.cache_bytes},
      {"queue_count", &options.queue},
      {"page_size", &options.page_size},
      {"name_bytes", &options.name_bytes},
      {"measure_count", &options.max_measures},
      {"network_count", &options.max_networks},
      {"scratch_bytes", &options.scratch_bytes},
      {"score_count", &options.max_scores},
      {"memory_bytes", &options.memory_bytes},
      {"disk_reserve_bytes", &options.disk_reserve_bytes},
      {"retain_seconds", &options.retain_age},
      {"retain_bytes", &options.retain_bytes},
      {"project_bytes", &options.project_bytes},
      {"project_calls_per_second", &options.project_rate},
      {"project_burst_calls", &options.project_burst},
      {"connection_count", &options.max_connections},
      {"calls_per_connection_count", &options.max_streams},
      {"stream_stall_seconds", &options.stream_stall_seconds},
      {"keepalive_seconds", &options.keepalive_seconds},
      {"keepalive_timeout_seconds", &options.keepalive_timeout_seconds},
      {"connection_idle_seconds", &options.connection_idle_seconds},
      {"connection_age_seconds", &options.connection_age_seconds},
      {"connection_grace_seconds", &options.connection_grace_seconds},
      {"watch_count", &options.max_watches},
  };
  int64_t value = 1000;
  for (const auto& [name, option] : limits) *option = ++value;
  options.max_watches = 1000;
  options.message_bytes = 2 * options.chunk_bytes;
  options.memory_bytes = 10 * options.store_bytes;
  Start(options);
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(admin_->GetServerInfo(Context().get(), v1::GetServerInfoRequest(), &info).ok());
  const google::protobuf::Descriptor& fields = *v1::ServerLimits::descriptor();
  ASSERT_EQ(static_cast<size_t>(fields.field_count()), limits.size());
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *fields.field(i);
    ASSERT_THAT(limits, Contains(Key(field.name())));
    EXPECT_EQ(info.limits().GetReflection()->GetInt64(info.limits(), &field),
              *limits.at(field.name()))
        << field.name();
  }
}

TEST_F(AdminServiceTest, EveryListedMeasureIsAcceptedUnderItsName) {
  Start();
  MustUpload(RandomActivations(30, 5, 1), "x");
  MustUpload(RandomActivations(30, 6, 2), "y");
  for (const char* name : {"tangents-x", "tangents-y"}) {
    const Activations jacobians = RandomActivations(30, 6, static_cast<uint32_t>(name[9]));
    v1::UploadHeader header = Header(jacobians, name);
    header.set_row_kind(v1::ROW_KIND_JACOBIAN);
    header.set_coordinate_count(2);
    ASSERT_TRUE(Upload(header, CutRows(jacobians, 30)).status.ok());
  }
  const std::vector<v1::Measure> measures = AllMeasures(0);
  EXPECT_GE(measures.size(), 8u);
  std::set<std::string> families;
  for (const v1::Measure& measure : measures) {
    families.insert(measure.family());
    EXPECT_FALSE(measure.description().empty());
    EXPECT_LT(measure.range_min(), measure.range_max());
    v1::CompareLayersResponse response;
    const std::string kind = measure.compares_tangents() ? "tangents-" : "";
    const grpc::Status status =
        Compare(LayerName(kind + "x"), LayerName(kind + "y"), {measure.name()}, &response);
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
