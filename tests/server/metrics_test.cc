#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

class MetricsTest : public ServerFixture {
 protected:
  std::string Scrape() {
    const HttpAnswer answer = HttpGet(server_->metrics_address(), "/metrics");
    EXPECT_EQ(answer.code, 200);
    return answer.body;
  }

  // The value of the series that begins with `series` and a blank; -1 if there is none.
  double Value(const std::string& series) {
    std::istringstream lines(Scrape());
    for (std::string line; std::getline(lines, line);) {
      if (line.compare(0, series.size() + 1, series + " ") == 0)
        return std::stod(line.substr(series.size() + 1));
    }
    return -1;
  }

  static std::string Rpc(const std::string& name, const std::string& service,
                         const std::string& method, const std::string& type,
                         const std::string& code = "") {
    const std::string code_label = code.empty() ? "" : absl::StrCat("grpc_code=\"", code, "\",");
    return absl::StrCat(name, "{", code_label, "grpc_method=\"", method,
                        "\",grpc_service=\"gramian.v1.", service, "\",grpc_type=\"", type, "\"}");
  }
};

// Dashboards and alerts hang on these names.
TEST_F(MetricsTest, NamesAndTypesAreThese) {
  Start();
  std::map<std::string, std::string> types;
  std::istringstream lines(Scrape());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash;
    std::string keyword;
    std::string name;
    std::string type;
    words >> hash >> keyword >> name >> type;
    if (hash == "#" && keyword == "TYPE") types[name] = type;
  }
  const std::map<std::string, std::string> expected = {
      {"gramian_answer_bytes", "gauge"},
      {"gramian_build_info", "gauge"},
      {"gramian_cache_bytes", "gauge"},
      {"gramian_cache_entries", "gauge"},
      {"gramian_cache_evicted_bytes_total", "counter"},
      {"gramian_cache_limit_bytes", "gauge"},
      {"gramian_cache_requests_total", "counter"},
      {"gramian_computations", "gauge"},
      {"gramian_computations_total", "counter"},
      {"gramian_compute_seconds", "histogram"},
      {"gramian_compute_seconds_total", "counter"},
      {"gramian_connections", "gauge"},
      {"gramian_connections_total", "counter"},
      {"gramian_draining", "gauge"},
      {"gramian_ingest_bytes_total", "counter"},
      {"gramian_ingest_streams", "gauge"},
      {"gramian_queue_length", "gauge"},
      {"gramian_scratch_bytes", "gauge"},
      {"gramian_scratch_limit_bytes", "gauge"},
      {"gramian_scratch_refused_total", "counter"},
      {"gramian_scratch_waiting", "gauge"},
      {"gramian_store_bytes", "gauge"},
      {"gramian_store_layers", "gauge"},
      {"gramian_store_limit_bytes", "gauge"},
      {"gramian_store_quarantined_blobs", "gauge"},
      {"gramian_store_reserved_bytes", "gauge"},
      {"gramian_store_retired_snapshots_total", "counter"},
      {"gramian_store_uploads", "gauge"},
      {"gramian_store_uploads_total", "counter"},
      {"grpc_server_handled_total", "counter"},
      {"grpc_server_handling_seconds", "histogram"},
      {"grpc_server_started_total", "counter"},
  };
  EXPECT_THAT(types, Eq(expected));
}

TEST_F(MetricsTest, EveryCodeOfEveryMethodIsThereFromTheStart) {
  Start();
  EXPECT_EQ(Value(Rpc("grpc_server_handled_total", "ActivationService", "UploadLayer",
                      "bidi_stream", "DataLoss")),
            0);
  EXPECT_EQ(Value(Rpc("grpc_server_started_total", "SimilarityService", "CompareNetworks",
                      "server_stream")),
            0);
  std::istringstream lines(Scrape());
  int handled = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, 26, "grpc_server_handled_total{") == 0) ++handled;
  }
  EXPECT_EQ(handled, 35 * 17);
}

TEST_F(MetricsTest, CountersFollowWhatHappens) {
  Start();
  const Activations x = RandomActivations(100, 7, 1);
  MustUpload(x, "x");
  v1::CompareLayersResponse response;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(Compare(LayerName("x"), LayerName("x"), {"cka"}, &response).ok());
  EXPECT_FALSE(Compare(LayerName("x"), LayerName("y"), {"cka"}, &response).ok());

  EXPECT_EQ(Value("gramian_ingest_bytes_total"), 2800);
  EXPECT_EQ(Value("gramian_ingest_streams"), 0);
  EXPECT_EQ(Value("gramian_store_bytes"), 2800);
  EXPECT_EQ(Value("gramian_store_layers"), 1);
  EXPECT_EQ(Value("gramian_store_reserved_bytes"), 0);
  EXPECT_EQ(Value("gramian_scratch_bytes"), 0);
  EXPECT_EQ(Value("gramian_connections"), 1);
  EXPECT_GT(Value("gramian_cache_bytes"), 0);
  EXPECT_EQ(Value("gramian_cache_requests_total{cache=\"score\",result=\"hit\"}"), 2);
  EXPECT_EQ(Value("gramian_computations_total{result=\"completed\"}"), 1);
  const std::string service = "SimilarityService";
  EXPECT_EQ(Value(Rpc("grpc_server_started_total", service, "CompareLayers", "unary")), 4);
  EXPECT_EQ(Value(Rpc("grpc_server_handled_total", service, "CompareLayers", "unary", "OK")), 3);
  EXPECT_EQ(Value(Rpc("grpc_server_handled_total", service, "CompareLayers", "unary", "NotFound")),
            1);
  EXPECT_EQ(Value(Rpc("grpc_server_handling_seconds_count", service, "CompareLayers", "unary")), 4);
  EXPECT_EQ(Value("gramian_compute_seconds_count{grpc_method=\"CompareLayers\"}"), 1);
  EXPECT_EQ(Value(Rpc("grpc_server_handled_total", "ActivationService", "UploadLayer",
                      "bidi_stream", "OK")),
            1);
}

TEST_F(MetricsTest, BuildInfoNamesVersionAndKernel) {
  Start();
  EXPECT_THAT(Scrape(), HasSubstr(absl::StrCat("version=\"", GRAMIAN_VERSION, "\"} 1")));
}

}  // namespace
}  // namespace gramian::testing
