#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

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
TEST_F(MetricsTest, NamesTypesAndHelpTextsAreThese) {
  Start();
  // Prometheus' own order: HELP, then TYPE.
  std::vector<std::string> families;
  std::string help;
  std::istringstream lines(Scrape());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash;
    std::string keyword;
    std::string name;
    std::string rest;
    words >> hash >> keyword >> name;
    std::getline(words >> std::ws, rest);
    if (hash != "#") continue;
    if (keyword == "HELP") help = rest;
    if (keyword == "TYPE") families.push_back(absl::StrCat(name, " ", rest, " ", help));
  }
  std::sort(families.begin(), families.end());
  const std::vector<std::string> expected = {
      "gramian_answer_bytes gauge Bytes of operators computed for clients that have not read them "
      "yet",
      "gramian_audit_lost_lines_total counter Lines of the audit log that its file lacks; they are "
      "in the log",
      "gramian_build_info gauge 1, with the version and what computes in the labels",
      "gramian_cache_bytes gauge Bytes of operators kept for reuse",
      "gramian_cache_entries gauge Entries kept for reuse",
      "gramian_cache_evicted_bytes_total counter Bytes of operators dropped to make room",
      "gramian_cache_last_evicted_age_seconds gauge How long the operator dropped last had not "
      "been used; 0 before",
      "gramian_cache_limit_bytes gauge Bytes of operators that may be kept",
      "gramian_cache_requests_total counter Lookups: operators that were there, had to be "
      "computed, or were being computed for another; scores that were known or not",
      "gramian_computations gauge Computations running now",
      "gramian_computations_total counter Scores computed and computations stopped early",
      "gramian_compute_flops_total counter Floating point operations of matrix products",
      "gramian_compute_seconds histogram Time an RPC computed, queueing excluded; nothing for "
      "answers that were known",
      "gramian_compute_seconds_total counter Wall time spent computing, summed over computations",
      "gramian_config_last_reload_successful gauge 0 while a file that changed is refused and what "
      "it held before stays in use",
      "gramian_connections gauge Open connections to the gRPC port",
      "gramian_connections_total counter Connections taken, and closed at once because of the "
      "limit",
      "gramian_draining gauge 1 while the server finishes work and takes no more",
      "gramian_ingest_bytes_total counter Bytes of activations accepted",
      "gramian_ingest_paused_seconds_total counter Time that uploads waited for the bytes a second "
      "of their project",
      "gramian_ingest_streams gauge Open uploads",
      "gramian_memory_bytes gauge Bytes of the process in memory that no file holds as well",
      "gramian_memory_limit_bytes gauge Bytes that activations in memory, operators and "
      "computations may take together",
      "gramian_project_calls_total counter Calls of a project that were admitted",
      "gramian_project_compute_seconds_total counter Wall time computed for calls of a project",
      "gramian_project_ingest_bytes_total counter Bytes of activations accepted of a project",
      "gramian_project_open_calls gauge Calls of a project in flight",
      "gramian_project_open_uploads gauge Uploads of a project that are not committed yet",
      "gramian_project_quota_used_ratio gauge Share of a quota that a project uses now; nothing "
      "where it has none",
      "gramian_project_refused_total counter Calls of a project that its quotas refused",
      "gramian_project_stored_bytes gauge Bytes of activations and probe sets that a project keeps "
      "or has announced",
      "gramian_queue_length gauge Jobs that wait for a thread or for what another computes",
      "gramian_queue_seconds histogram Time that calls waited for their first thread",
      "gramian_refused_total counter Calls refused for want of room or because of what they sent, "
      "by reason",
      "gramian_scratch_bytes gauge Bytes leased to running computations",
      "gramian_scratch_limit_bytes gauge Bytes that may be leased to computations together",
      "gramian_scratch_refused_total counter Computations refused for want of memory or of a place "
      "to wait",
      "gramian_scratch_waiting gauge Computations that wait for memory",
      "gramian_store_bytes gauge Bytes of activations kept",
      "gramian_store_fsync_seconds histogram Time until files and folders of activations were on "
      "stable storage",
      "gramian_store_layers gauge Committed layers",
      "gramian_store_limit_bytes gauge Bytes of activations that may be kept",
      "gramian_store_quarantined_blobs gauge Files of activations found damaged since the start",
      "gramian_store_reserved_bytes gauge Bytes promised to open uploads",
      "gramian_store_retired_snapshots_total counter Snapshots deleted by retention",
      "gramian_store_uploads gauge Uploads that are not committed yet, with or without a stream",
      "gramian_store_uploads_total counter Streams that found their upload begun, and uploads that "
      "were dropped because nobody went on with them",
      "gramian_watch_evaluated_timestamp_seconds gauge When a watch was evaluated last, in seconds "
      "since 1970; 0 for never",
      "gramian_watch_failed gauge 1 while the last evaluation of a watch failed, and there is no "
      "score",
      "gramian_watch_failures_total counter Evaluations of a watch that failed",
      "gramian_watch_score gauge Similarity of the newest snapshot of a watched network to its "
      "reference",
      "gramian_watch_step gauge Training step that the score of a watch belongs to",
      "gramian_watches gauge Watches of all projects",
      "grpc_server_handled_total counter RPCs that ended, by status code",
      "grpc_server_handling_seconds histogram Time from the start of an RPC to its status",
      "grpc_server_started_total counter RPCs that began",
      "process_cpu_seconds_total counter Processor time of the process, user and system",
      "process_max_fds gauge File descriptors that may be open",
      "process_open_fds gauge Open file descriptors",
      "process_resident_memory_bytes gauge Bytes of the process in memory",
      "process_start_time_seconds gauge When the process started, in seconds since 1970",
      "process_virtual_memory_bytes gauge Bytes of the process's address space",
  };
  EXPECT_THAT(families, ElementsAreArray(expected));
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
  EXPECT_EQ(handled, 36 * 17);
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

TEST_F(MetricsTest, RefusalsAndQueuesAreCounted) {
  Start();
  EXPECT_EQ(Value("gramian_refused_total{reason=\"CHECKSUM_MISMATCH\"}"), 0);
  const Activations x = RandomActivations(100, 7, 1);
  std::vector<v1::UploadChunk> chunks = CutRows(x, 100);
  chunks[0].set_crc32c(chunks[0].crc32c() + 1);
  EXPECT_FALSE(Upload(Header(x, "x"), chunks).status.ok());
  EXPECT_EQ(Value("gramian_refused_total{reason=\"CHECKSUM_MISMATCH\"}"), 1);
  MustUpload(x, "x");
  v1::CompareLayersResponse response;
  ASSERT_TRUE(Compare(LayerName("x"), LayerName("x"), {"cka"}, &response).ok());
  EXPECT_EQ(Value("gramian_queue_seconds_count{lane=\"interactive\"}"), 1);
  EXPECT_EQ(Value("gramian_queue_seconds_count{lane=\"batch\"}"), 0);
  EXPECT_EQ(Value("gramian_watches"), 0);
}

TEST_F(MetricsTest, SyncsOfADataDirectoryAreTimed) {
  const TempDir directory;
  ServerOptions options = Options();
  options.data_dir = directory.path();
  options.disk_reserve_bytes = 0;
  Start(options);
  const double before = Value("gramian_store_fsync_seconds_count");
  EXPECT_GE(before, 0);
  MustUpload(RandomActivations(100, 7, 1), "x");
  // The blob and the folder that names it.
  EXPECT_GE(Value("gramian_store_fsync_seconds_count"), before + 2);
}

TEST_F(MetricsTest, ADiskIsShownWithWhatUploadsLeave) {
  Start();
  EXPECT_THAT(Scrape(), Not(HasSubstr("disk")));
  const TempDir directory;
  ServerOptions options = Options();
  options.data_dir = directory.path();
  options.disk_reserve_bytes = 4096;
  Start(options);
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("# HELP gramian_store_free_disk_bytes Free bytes of the data "
                              "directory's file system\n"
                              "# TYPE gramian_store_free_disk_bytes gauge\n"));
  EXPECT_THAT(page, HasSubstr("# HELP gramian_store_disk_reserve_bytes Free bytes of the data "
                              "directory's file system that uploads leave\n"
                              "# TYPE gramian_store_disk_reserve_bytes gauge\n"
                              "gramian_store_disk_reserve_bytes 4096\n"));
}

TEST_F(MetricsTest, TheProcessIsMeasured) {
  Start();
  EXPECT_GT(Value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(Value("process_virtual_memory_bytes"), Value("process_resident_memory_bytes"));
  EXPECT_GT(Value("process_cpu_seconds_total"), 0);
  EXPECT_GT(Value("process_open_fds"), 3);
  EXPECT_GT(Value("process_max_fds"), Value("process_open_fds"));
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LT(Value("process_start_time_seconds"), now + 1);
  // Tests take minutes, not a day.
  EXPECT_GT(Value("process_start_time_seconds"), now - 86'400);
  EXPECT_GT(Value("gramian_memory_limit_bytes"), 0);
  EXPECT_GT(Value("gramian_memory_bytes"), 1 << 20);
  EXPECT_LT(Value("gramian_memory_bytes"), Value("process_resident_memory_bytes"));
}

}  // namespace
}  // namespace gramian::testing
