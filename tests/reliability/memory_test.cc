// What a real gramiand does with the memory of the system. Not under a sanitizer: what is freed
// stays in its quarantine, and its shadow fills the address space.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/machine.h"
#include "gramian/engine/result_store.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/process_usage.h"
#include "tests/reliability/wire.h"

namespace gramian::testing {
namespace {

constexpr int64_t kMib = int64_t{1} << 20;

class MemoryTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--listen", "127.0.0.1:0", "--metrics-listen",
                                          "127.0.0.1:0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    process_ = std::make_unique<GramiandProcess>(arguments);
    ASSERT_TRUE(process_->WaitUntilListening()) << process_->errors();
    wire_ = std::make_unique<Wire>(process_->grpc_address());
  }

  void Upload(const std::string& layer, const Content& content) {
    UploadScript script;
    script.header.set_parent(snapshot_);
    script.header.set_module_path(layer);
    script.header.set_row_count(content.rows);
    script.header.set_feature_count(content.cols);
    script.header.set_dtype(v1::DTYPE_FLOAT32);
    script.chunks = ChunksOf(content, kMib);
    const UploadOutcome outcome = wire_->Upload(script);
    ASSERT_TRUE(outcome.status.ok()) << Describe(outcome.status);
  }

  int64_t ResidentBytes() const { return UsageOf(process_->pid()).resident_bytes; }

  int64_t AddressBytes() const {
    int64_t pages = 0;
    std::ifstream(absl::StrCat("/proc/", process_->pid(), "/statm")) >> pages;
    return pages * sysconf(_SC_PAGE_SIZE);
  }

  // The address space the process may have from now on.
  void LimitAddresses(rlim_t bytes) const {
    rlimit limit{};
    ASSERT_EQ(prlimit(process_->pid(), RLIMIT_AS, nullptr, &limit), 0);
    limit.rlim_cur = bytes;
    ASSERT_EQ(prlimit(process_->pid(), RLIMIT_AS, &limit, nullptr), 0);
  }

  // The first row of the Markov matrix of a layer, for which all of it is made.
  grpc::Status FirstMarkovRow(const std::string& layer) {
    v1::GetOperatorRequest request;
    request.set_layer(LayerName(snapshot_, layer));
    request.mutable_markov()->set_row_count(1);
    const auto context = Wire::Context();
    const auto stream = wire_->similarity().GetOperator(context.get(), request);
    v1::GetOperatorResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }

  const std::string snapshot_ = SnapshotName("p", "n", 0);
  std::unique_ptr<GramiandProcess> process_;
  std::unique_ptr<Wire> wire_;
};

// Goal: memory that is not needed any more goes back to the system. Method: layers come, are
// compared and deleted, again and again; then the process is about as small as after the first
// small round. A tenth of what one round brings is allowed for what it learnt meanwhile.
TEST_F(MemoryTest, ComesBackAfterChurn) {
  constexpr int64_t kRows = 64 * 1024;
  constexpr int64_t kCols = 256;
  constexpr uint32_t kLayers = 4;
  const int64_t round_bytes = kLayers * Content{kRows, kCols, 0}.size_bytes();
  Start({"--cache-bytes", "64MiB"});
  const auto churn = [&](int64_t rows) {
    for (uint32_t layer = 0; layer < kLayers; ++layer) {
      ASSERT_NO_FATAL_FAILURE(Upload(absl::StrCat("l", layer), {rows, kCols, layer}));
    }
    v1::CompareLayersResponse scores;
    ASSERT_TRUE(
        wire_->CompareLayers(LayerName(snapshot_, "l0"), LayerName(snapshot_, "l1"), "cka", &scores)
            .ok());
    EXPECT_GE(ResidentBytes(), kLayers * rows * kCols * 4);
    ASSERT_TRUE(wire_->DeleteSnapshot(snapshot_).ok());
  };
  churn(1024);
  const int64_t floor = ResidentBytes();
  for (int round = 0; round < 3; ++round) churn(kRows);
  EXPECT_TRUE(Eventually([&] { return ResidentBytes() < floor + round_bytes / 10; }))
      << ResidentBytes() << " bytes, " << floor << " at first";
}

// Goal: a computation whose memory the system refuses costs the one request, which may be repeated.
// Method: the running process may have little more than it has, and is asked for an n x n matrix.
TEST_F(MemoryTest, ARefusedAllocationCostsOneRequest) {
  constexpr int64_t kRows = 8192;
  constexpr int64_t kMatrixBytes = kRows * kRows * 8;
  Start({"--threads", "2", "--memory-bytes", "64GiB", "--scratch-bytes", "16GiB"});
  ASSERT_NO_FATAL_FAILURE(Upload("small", {64, 4, 1}));
  ASSERT_NO_FATAL_FAILURE(Upload("large", {kRows, 4, 2}));
  ASSERT_TRUE(FirstMarkovRow("small").ok());  // All threads are there.
  LimitAddresses(static_cast<rlim_t>(AddressBytes() + kMatrixBytes / 4));
  const grpc::Status refused = FirstMarkovRow("large");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << Describe(refused);
  EXPECT_EQ(ReasonOf(refused), "MEMORY_PRESSURE");
  EXPECT_TRUE(FirstMarkovRow("small").ok()) << "others go on";
  ASSERT_NO_FATAL_FAILURE(Upload("another", {64, 4, 3}));
  LimitAddresses(RLIM_INFINITY);
  const grpc::Status repeated = FirstMarkovRow("large");
  EXPECT_TRUE(repeated.ok()) << Describe(repeated);
}

TEST(MachineTest, ALimitOfAddressesLimitsMemory) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const int64_t usable = UsableMemoryBytes();
  const rlimit limited{static_cast<rlim_t>(usable - 1), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  EXPECT_EQ(UsableMemoryBytes(), usable - 1);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(UsableMemoryBytes(), usable);
}

// Goal: scores are kept up to their limit, in the memory that it stands for. Method: twice as many
// come as are kept.
TEST(ScoreMemoryTest, ScoresTakeWhatTheirLimitStandsFor) {
  constexpr int64_t kScores = 200'000;
  const auto heap_bytes = [] {
    const struct mallinfo2 heap = mallinfo2();
    return static_cast<int64_t>(heap.uordblks + heap.hblkhd);
  };
  const int64_t before = heap_bytes();
  const std::unique_ptr<ResultStore> scores = NewMemoryResultStore(kScores);
  for (int64_t i = 0; i < 2 * kScores; ++i) {
    scores->Insert(absl::StrCat("a layer with a long name ", i), "another", "cka",
                   {ScoreStatus::kOk, 0.5, Form::kFeatureSpace});
  }
  EXPECT_EQ(scores->size(), kScores);
  EXPECT_LE(heap_bytes() - before, kScores * kScoreBytes);
}

}  // namespace
}  // namespace gramian::testing
