#include "gramian/engine/similarity_engine.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gramian/measure/measure_registry.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kInputs = 60;

SnapshotKey Snapshot(const std::string& network, int64_t step = 0) {
  return {"default", network, step};
}

EngineOptions SmallOptions() {
  EngineOptions options;
  options.threads = 2;
  options.store.limit_bytes = int64_t{64} << 20;
  return options;
}

// What a sink received.
struct Received {
  MatrixHeader header;
  std::vector<std::vector<Comparison>> rows;
  absl::Status status;

  double value(size_t i, size_t j) const { return rows[i][j].score.value; }
};

class SimilarityEngineTest : public ::testing::Test {
 protected:
  explicit SimilarityEngineTest(const EngineOptions& options = SmallOptions())
      : owned_engine_(SimilarityEngine::Open(options).value()), engine_(*owned_engine_) {
    const std::vector<std::pair<std::string, std::vector<int64_t>>> networks = {
        {"net0", {8, 16, 5}}, {"net1", {6, 70}}, {"net2", {12, 9, 4, 7}}};
    uint64_t seed = 1;
    for (const auto& [network, widths] : networks) {
      for (size_t i = 0; i < widths.size(); ++i) {
        Upload(network, absl::StrCat("fc", i), static_cast<int64_t>(i),
               testing::RandomActivations(kInputs, widths[i], seed++));
      }
    }
  }

  void Upload(const std::string& network, const std::string& layer, int64_t ordinal,
              const Matrix& activations, const std::string& probe_set = "probes") {
    const absl::Status status =
        testing::Commit(engine_.store(),
                        {{Snapshot(network), layer}, "", probe_set, "none", ordinal},
                        *testing::AsFloat32(activations))
            .status();
    ASSERT_TRUE(status.ok()) << status;
  }

  static LayerKey Layer(const std::string& network, const std::string& layer) {
    return {Snapshot(network), layer};
  }

  std::shared_ptr<const Representation> Activations(const LayerKey& key) {
    return engine_.store().Load(engine_.store().GetLayer(key).value()).value();
  }

  absl::StatusOr<std::vector<Comparison>> CompareLayers(const LayerKey& a, const LayerKey& b,
                                                        const std::vector<std::string>& measures) {
    return engine_.CompareLayers(a, b, measures, Form::kAuto, {});
  }

  static MatrixSink SinkInto(Received& received) {
    return {[&received](const MatrixHeader& header) {
              EXPECT_TRUE(received.rows.empty());
              received.header = header;
              return absl::OkStatus();
            },
            [&received](ComparisonBlock block) {
              EXPECT_EQ(block.first_row, static_cast<int64_t>(received.rows.size()));
              received.rows.push_back(std::move(block.comparisons));
              return absl::OkStatus();
            }};
  }

  Received CompareSnapshots(const SnapshotSelection& a, const SnapshotSelection& b,
                            const std::string& measure, std::stop_token stop = {}) {
    Received received;
    received.status = engine_.CompareSnapshots(a, b, measure, SinkInto(received), std::move(stop));
    return received;
  }

  Received CompareNetworks(const std::vector<SnapshotSelection>& networks, const Fusion& fusion,
                           const std::string& measure) {
    Received received;
    received.status = engine_.CompareNetworks(networks, fusion, measure, SinkInto(received), {});
    return received;
  }

  // The score without engine, cache or threads. A symmetric measure sees a pair in the order of
  // keys, whichever side asks.
  double Direct(const LayerKey& a, const LayerKey& b, const std::string& measure) {
    const Operand first(Activations(a), &no_cache_);
    const Operand second(Activations(b), &no_cache_);
    const auto parsed = MeasureRegistry::Parse(measure).value();
    const absl::StatusOr<Score> score = first.key() < second.key()
                                            ? parsed->Compare({}, first, second, Form::kAuto)
                                            : parsed->Compare({}, second, first, Form::kAuto);
    return score.value().value;
  }

  const std::unique_ptr<SimilarityEngine> owned_engine_;
  SimilarityEngine& engine_;
  NoCache no_cache_;
};

TEST_F(SimilarityEngineTest, GivesTheScoresOfTheMeasuresInTheOrderAsked) {
  const std::vector<std::string> measures = {"ms-cka-t=4", "cka", "distcorr"};
  const auto comparisons = CompareLayers(Layer("net0", "fc0"), Layer("net1", "fc1"), measures);
  ASSERT_TRUE(comparisons.ok()) << comparisons.status();
  ASSERT_EQ(comparisons->size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const Comparison& comparison = (*comparisons)[i];
    EXPECT_EQ(comparison.score.status, ScoreStatus::kOk);
    EXPECT_EQ(comparison.score.value,
              Direct(Layer("net0", "fc0"), Layer("net1", "fc1"), measures[i]));
    EXPECT_EQ(comparison.rows, kInputs);
    EXPECT_EQ(comparison.cols_a, 8);
    EXPECT_EQ(comparison.cols_b, 70);
    EXPECT_NE(comparison.score.form, Form::kAuto);
    EXPECT_FALSE(comparison.cached);
  }
}

TEST_F(SimilarityEngineTest, AnswersTheSameQuestionFromTheResultStore) {
  const LayerKey a = Layer("net0", "fc0");
  const LayerKey b = Layer("net1", "fc0");
  const std::vector<std::string> short_name = {"cka"};
  const std::vector<std::string> long_name = {"cka-kernel=linear-hsic=gretton-score"};
  const auto unknown = engine_.FindCompared(a, b, short_name);
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_FALSE(unknown->has_value());
  const auto first = CompareLayers(a, b, short_name);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = CompareLayers(b, a, long_name);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->front().cached) << "names that mean the same share an answer";
  EXPECT_EQ(second->front().score.value, first->front().score.value);
  EXPECT_EQ(second->front().cols_a, 6);
  const auto found = engine_.FindCompared(a, b, long_name);
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  EXPECT_TRUE((**found)[0].cached);
  EXPECT_EQ((**found)[0].score.value, first->front().score.value);
  EXPECT_EQ((**found)[0].score.form, first->front().score.form);
  const EngineStats stats = engine_.Stats();
  EXPECT_EQ(stats.completed, 1);
  EXPECT_EQ(stats.results, 1);
  EXPECT_EQ(stats.result_hits, 2);
  EXPECT_EQ(stats.result_misses, 1);
  EXPECT_EQ(stats.running, 0);
  EXPECT_GT(stats.compute_seconds_total, 0.0);
  EXPECT_EQ(stats.store.layers, 9);
}

TEST_F(SimilarityEngineTest, FindsNothingUnlessEveryScoreIsKnown) {
  const LayerKey a = Layer("net0", "fc0");
  ASSERT_TRUE(CompareLayers(a, a, {"cka"}).ok());
  const std::vector<std::string> both = {"cka", "distcorr"};
  EXPECT_FALSE(engine_.FindCompared(a, a, both)->has_value());
  EXPECT_EQ(engine_.Stats().completed, 1) << "nothing is computed by looking";
}

TEST_F(SimilarityEngineTest, AForcedFormIsUsedAndAgrees) {
  const LayerKey a = Layer("net0", "fc0");
  const LayerKey b = Layer("net1", "fc0");
  const std::vector<std::string> cka = {"cka"};
  std::vector<double> values;
  for (const Form form : {Form::kFeatureSpace, Form::kSampleSpace, Form::kSpectral}) {
    const auto forced = engine_.CompareLayers(a, b, cka, form, {});
    ASSERT_TRUE(forced.ok()) << forced.status();
    EXPECT_EQ(forced->front().score.form, form);
    values.push_back(forced->front().score.value);
  }
  const double rounding = 100.0 * kInputs * std::numeric_limits<double>::epsilon();
  EXPECT_NEAR(values[0], values[1], rounding);
  EXPECT_NEAR(values[0], values[2], rounding);
}

TEST_F(SimilarityEngineTest, LayersOverOtherInputsAreNotComparable) {
  Upload("other", "fc0", 0, testing::RandomActivations(kInputs, 8, 50), "elsewhere");
  Upload("short", "fc0", 0, testing::RandomActivations(kInputs - 1, 8, 51));
  const auto message = [&](const std::string& network) {
    const absl::Status status =
        CompareLayers(Layer("net0", "fc0"), Layer(network, "fc0"), {"cka"}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    const std::vector<std::string> cka = {"cka"};
    EXPECT_EQ(engine_.FindCompared(Layer("net0", "fc0"), Layer(network, "fc0"), cka).status(),
              status);
    EXPECT_EQ(CompareSnapshots({Snapshot("net0"), {}}, {Snapshot(network), {}}, "cka").status,
              status);
    EXPECT_EQ(CompareNetworks({{Snapshot("net0"), {}}, {Snapshot(network), {}}}, {}, "cka").status,
              status);
    return std::string(status.message());
  };
  EXPECT_THAT(message("other"),
              AllOf(HasSubstr("'probes'"), HasSubstr("'elsewhere'"), HasSubstr("other@0")));
  EXPECT_THAT(message("short"),
              AllOf(HasSubstr("60 inputs"), HasSubstr("59 inputs"), HasSubstr("short@0")));
}

TEST_F(SimilarityEngineTest, UnknownLayersAndMeasuresAreNamed) {
  const LayerKey known = Layer("net0", "fc0");
  EXPECT_TRUE(absl::IsNotFound(CompareLayers(known, Layer("net0", "fc9"), {"cka"}).status()));
  EXPECT_TRUE(absl::IsNotFound(CompareLayers(Layer("net9", "fc0"), known, {"cka"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CompareLayers(known, known, {"cosmic"}).status()));
  EXPECT_TRUE(absl::IsNotFound(
      CompareSnapshots({Snapshot("net0", 7), {}}, {Snapshot("net1"), {}}, "cka").status));
  EXPECT_TRUE(absl::IsNotFound(
      CompareSnapshots({Snapshot("net0"), {"fc9"}}, {Snapshot("net1"), {}}, "cka").status));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CompareSnapshots({Snapshot("net0"), {}}, {Snapshot("net1"), {}}, "cosmic").status));
}

TEST_F(SimilarityEngineTest, AMatrixOfSnapshotsHasTheScoresOfItsPairs) {
  for (const std::string measure :
       {"cka", "ms-cka-t=4", "cka-kernel=rbf-bandwidth=median:1", "distcorr", "cka-hsic=song"}) {
    const Received matrix =
        CompareSnapshots({Snapshot("net0"), {}}, {Snapshot("net1"), {}}, measure);
    ASSERT_TRUE(matrix.status.ok()) << measure << ": " << matrix.status;
    EXPECT_THAT(matrix.header.row_names, ElementsAre("fc0", "fc1", "fc2"));
    EXPECT_THAT(matrix.header.col_names, ElementsAre("fc0", "fc1"));
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 2; ++j) {
        EXPECT_EQ(matrix.value(i, j), Direct(Layer("net0", absl::StrCat("fc", i)),
                                             Layer("net1", absl::StrCat("fc", j)), measure))
            << measure;
      }
    }
  }
}

TEST_F(SimilarityEngineTest, ASnapshotAgainstItselfIsSymmetricWithOneOnTheDiagonal) {
  const SnapshotSelection all{Snapshot("net2"), {}};
  const Received matrix = CompareSnapshots(all, all, "cka");
  ASSERT_TRUE(matrix.status.ok()) << matrix.status;
  EXPECT_EQ(engine_.Stats().completed, 10) << "the upper triangle";
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(matrix.value(i, i), 1.0, 1000.0 * std::numeric_limits<double>::epsilon());
    for (size_t j = 0; j < 4; ++j) EXPECT_EQ(matrix.value(i, j), matrix.value(j, i));
  }
}

TEST_F(SimilarityEngineTest, ASelectionIsTakenInItsOrder) {
  const Received all = CompareSnapshots({Snapshot("net0"), {}}, {Snapshot("net1"), {}}, "cka");
  const Received some =
      CompareSnapshots({Snapshot("net0"), {"fc2", "fc0"}}, {Snapshot("net1"), {"fc1"}}, "cka");
  ASSERT_TRUE(all.status.ok() && some.status.ok());
  EXPECT_THAT(some.header.row_names, ElementsAre("fc2", "fc0"));
  ASSERT_EQ(some.rows.size(), 2U);
  ASSERT_EQ(some.rows[0].size(), 1U);
  EXPECT_EQ(some.value(0, 0), all.value(2, 1));
  EXPECT_EQ(some.value(1, 0), all.value(0, 1));
  EXPECT_TRUE(some.rows[0][0].cached);
}

TEST_F(SimilarityEngineTest, ADegeneratePairIsACellAndNotAnError) {
  Upload("mixed", "dead", 0, Matrix::Constant(kInputs, 4, 0.25));
  Upload("mixed", "live", 1, testing::RandomActivations(kInputs, 4, 60));
  for (const std::string measure : {"cka", "ms-cka-t=4", "distcorr"}) {
    const Received matrix =
        CompareSnapshots({Snapshot("mixed"), {}}, {Snapshot("net0"), {}}, measure);
    ASSERT_TRUE(matrix.status.ok()) << measure << ": " << matrix.status;
    EXPECT_EQ(matrix.rows[0][0].score.status, ScoreStatus::kConstant) << measure;
    EXPECT_EQ(matrix.value(0, 0), 0.0);
    EXPECT_EQ(matrix.rows[1][0].score.status, ScoreStatus::kOk) << measure;
  }
}

TEST_F(SimilarityEngineTest, NetworksOfAnyShapeAreFusedAndCompared) {
  const std::vector<SnapshotSelection> networks = {
      {Snapshot("net0"), {}}, {Snapshot("net1"), {}}, {Snapshot("net2"), {}}};
  for (const FusionOrder order :
       {FusionOrder::kSymmetrized, FusionOrder::kReversed, FusionOrder::kProduct}) {
    const Fusion fusion{order, 1.0};
    const Received matrix = CompareNetworks(networks, fusion, "ms-cka-t=2");
    ASSERT_TRUE(matrix.status.ok()) << matrix.status;
    EXPECT_THAT(matrix.header.row_names, ElementsAre("net0@0", "net1@0", "net2@0"));
    EXPECT_EQ(matrix.header.col_names, matrix.header.row_names);
    ASSERT_EQ(matrix.rows.size(), 3U);
    EXPECT_EQ(matrix.rows[0][1].cols_a, 16) << "the widest layer";
    EXPECT_EQ(matrix.rows[0][1].cols_b, 70);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(matrix.value(i, i), 1.0, 1.0e4 * std::numeric_limits<double>::epsilon());
      for (size_t j = 0; j < 3; ++j) EXPECT_EQ(matrix.value(i, j), matrix.value(j, i));
    }
  }
}

TEST_F(SimilarityEngineTest, ANetworkOfOneLayerComparesAsThatLayer) {
  const Received matrix =
      CompareNetworks({{Snapshot("net0"), {"fc0"}}, {Snapshot("net1"), {"fc0"}}}, {}, "ms-cka-t=4");
  ASSERT_TRUE(matrix.status.ok()) << matrix.status;
  const auto pair = CompareLayers(Layer("net0", "fc0"), Layer("net1", "fc0"), {"ms-cka-t=4"});
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_NEAR(matrix.value(0, 1), pair->front().score.value,
              1.0e4 * std::numeric_limits<double>::epsilon());
}

TEST_F(SimilarityEngineTest, TheOrderOfASelectionIsTheOrderOfFusion) {
  const Received matrix = CompareNetworks(
      {{Snapshot("net0"), {}}, {Snapshot("net0"), {"fc2", "fc1", "fc0"}}}, {}, "ms-cka-t=1");
  ASSERT_TRUE(matrix.status.ok()) << matrix.status;
  EXPECT_LT(matrix.value(0, 1), 0.999);
}

TEST_F(SimilarityEngineTest, NetworksNeedAMeasureAndAFusionForThem) {
  const std::vector<SnapshotSelection> networks = {{Snapshot("net0"), {}}};
  const absl::Status measure = CompareNetworks(networks, {}, "cka-hsic=song").status;
  EXPECT_TRUE(absl::IsInvalidArgument(measure)) << measure;
  EXPECT_THAT(std::string(measure.message()), HasSubstr("cka-kernel=linear-hsic=song-score"));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CompareNetworks(networks, {FusionOrder::kSymmetrized, -1.0}, "ms-cka-t=2").status));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CompareNetworks(networks, {FusionOrder::kProduct, 1.5}, "ms-cka-t=2").status));
}

TEST_F(SimilarityEngineTest, ShowsTheOperatorOfALayerOrOfANetwork) {
  OperatorRequest request;
  request.view = OperatorRequest::View::kRows;
  const Fusion fusion;
  const SnapshotSelection network{Snapshot("net0"), {}};
  const SnapshotSelection layer{Snapshot("net0"), {"fc1"}};
  for (const auto& [selection, used] :
       {std::pair(layer, static_cast<const Fusion*>(nullptr)), {network, &fusion}}) {
    const auto view = engine_.GetOperator(selection, used, request, {});
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->rows, kInputs);
    EXPECT_EQ(view->cols, kInputs);
    EXPECT_EQ(view->values.size(), static_cast<size_t>(kInputs * kInputs));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(engine_.GetOperator(network, nullptr, request, {}).status()))
      << "three layers without a fusion";
  EXPECT_TRUE(absl::IsNotFound(
      engine_.GetOperator({Snapshot("net0"), {"fc9"}}, nullptr, request, {}).status()));
}

TEST_F(SimilarityEngineTest, AStoppedMatrixEndsWithinATile) {
  // 40 x 40 pairs whose operators are large enough to be seen between two blocks.
  for (int i = 0; i < 40; ++i) {
    Upload("deep", absl::StrCat("layer", i), i,
           testing::RandomActivations(kInputs, 20, static_cast<uint64_t>(100 + i)));
  }
  std::stop_source stop;
  Received received;
  MatrixSink sink = SinkInto(received);
  const auto on_block = sink.on_block;
  sink.on_block = [&](ComparisonBlock block) {
    if (block.first_row == 2) stop.request_stop();
    return on_block(std::move(block));
  };
  const SnapshotSelection deep{Snapshot("deep"), {}};
  const absl::Status status =
      engine_.CompareSnapshots(deep, {Snapshot("net0"), {}}, "ms-cka-t=4", sink, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(received.rows.size(), 3U);
  EXPECT_EQ(engine_.Stats().completed, 9) << "three rows of three";
  EXPECT_EQ(engine_.Stats().cancelled, 1);
  EXPECT_EQ(engine_.Stats().running, 0);
}

TEST_F(SimilarityEngineTest, AnErrorOfTheSinkIsReturned) {
  Received received;
  MatrixSink sink = SinkInto(received);
  sink.on_header = [](const MatrixHeader&) { return absl::UnavailableError("gone"); };
  const SnapshotSelection all{Snapshot("net0"), {}};
  EXPECT_EQ(engine_.CompareSnapshots(all, all, "cka", sink, {}), absl::UnavailableError("gone"));
  EXPECT_TRUE(received.rows.empty());
}

TEST_F(SimilarityEngineTest, SixteenThreadsGetTheSameBitsWhateverTheyShare) {
  const std::vector<std::string> measures = {"cka", "ms-cka-t=4", "distcorr",
                                             "cka-kernel=rbf-bandwidth=median:1"};
  const std::vector<SnapshotSelection> networks = {{Snapshot("net0"), {}}, {Snapshot("net2"), {}}};
  std::vector<std::vector<double>> expected;
  for (const std::string& measure : measures) {
    expected.emplace_back();
    for (int i = 0; i < 3; ++i) {
      const std::string layer = absl::StrCat("fc", i);
      expected.back().push_back(Direct(Layer("net0", layer), Layer("net2", layer), measure));
    }
  }
  RunInThreads(16, [&](int thread) {
    for (int round = 0; round < 12; ++round) {
      const size_t m = static_cast<size_t>(thread + round) % measures.size();
      const int layer = (thread / 4 + round) % 3;
      const LayerKey a = Layer("net0", absl::StrCat("fc", layer));
      const LayerKey b = Layer("net2", absl::StrCat("fc", layer));
      const bool forward = (thread + round) % 2 == 0;
      const auto pair =
          forward ? CompareLayers(a, b, {measures[m]}) : CompareLayers(b, a, {measures[m]});
      ASSERT_TRUE(pair.ok()) << pair.status();
      EXPECT_EQ(pair->front().score.value, expected[m][static_cast<size_t>(layer)]) << measures[m];
    }
    const Received matrix = CompareSnapshots(networks[0], networks[1], measures[0]);
    ASSERT_TRUE(matrix.status.ok()) << matrix.status;
    EXPECT_EQ(matrix.value(1, 1), expected[0][1]);
    const Received fused = CompareNetworks(networks, {}, "ms-cka-t=2");
    EXPECT_TRUE(fused.status.ok()) << fused.status;
  });
  EXPECT_EQ(engine_.Stats().running, 0);
}

TEST_F(SimilarityEngineTest, OneClientsCancellationNeverFailsAnother) {
  RunInThreads(16, [&](int thread) {
    for (int round = 0; round < 10; ++round) {
      // A kernel of its own for each round, so that there is always something to compute.
      const std::string measure =
          absl::StrCat("cka-kernel=rbf-bandwidth=median:", 1.0 + 0.125 * round);
      std::stop_source stop;
      std::jthread stopper;
      const bool impatient = thread % 2 == 0;
      if (impatient) stopper = std::jthread([&stop] { stop.request_stop(); });
      const Received matrix = CompareSnapshots({Snapshot("net0"), {}}, {Snapshot("net1"), {}},
                                               measure, stop.get_token());
      if (!matrix.status.ok()) {
        EXPECT_TRUE(impatient && absl::IsCancelled(matrix.status)) << matrix.status;
      }
    }
  });
}

// No operator fits the cache and every request computes its own.
class CachelessEngineTest : public SimilarityEngineTest {
 protected:
  static EngineOptions Options() {
    EngineOptions options = SmallOptions();
    options.cache_limit_bytes = 0;
    options.result_limit = 1;
    return options;
  }
  CachelessEngineTest() : SimilarityEngineTest(Options()) {}
};

TEST_F(CachelessEngineTest, GivesTheSameBitsWithoutACache) {
  const Received matrix =
      CompareSnapshots({Snapshot("net0"), {}}, {Snapshot("net2"), {}}, "ms-cka-t=4");
  ASSERT_TRUE(matrix.status.ok()) << matrix.status;
  EXPECT_EQ(matrix.value(1, 3), Direct(Layer("net0", "fc1"), Layer("net2", "fc3"), "ms-cka-t=4"));
  EXPECT_EQ(engine_.Stats().results, 1);
  EXPECT_EQ(engine_.Stats().cache.entries, 0);
}

TEST_F(CachelessEngineTest, ThreadsThatShareNothingStillAgree) {
  const SnapshotSelection a{Snapshot("net0"), {}};
  const SnapshotSelection b{Snapshot("net2"), {}};
  const Received expected = CompareSnapshots(a, b, "ms-cka-t=4");
  RunInThreads(16, [&](int) {
    const Received matrix = CompareSnapshots(a, b, "ms-cka-t=4");
    ASSERT_TRUE(matrix.status.ok()) << matrix.status;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 4; ++j) EXPECT_EQ(matrix.value(i, j), expected.value(i, j));
    }
  });
}

// Nothing n x n and hardly anything d x d fits.
class ScratchlessEngineTest : public SimilarityEngineTest {
 protected:
  static EngineOptions Options() {
    EngineOptions options = SmallOptions();
    options.scratch_limit_bytes = 1000;
    return options;
  }
  ScratchlessEngineTest() : SimilarityEngineTest(Options()) {}
};

TEST_F(ScratchlessEngineTest, WorkThatCanNeverFitIsRefused) {
  const absl::Status status =
      CompareLayers(Layer("net0", "fc1"), Layer("net1", "fc1"), {"ms-cka-t=4"}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(HasReason(status, "NEVER_FITS")) << status;
}

TEST(DurableEngineTest, AnswersAfterARestartWithoutComputingOrReadingActivations) {
  const testing::TemporaryDirectory directory;
  EngineOptions options = SmallOptions();
  options.store.data_dir = directory.path();
  const std::vector<LayerKey> layers = {{Snapshot("net0"), "fc"}, {Snapshot("net1"), "fc"}};
  const std::vector<std::string> measures = {"cka", "distcorr"};
  std::vector<double> values;
  {
    const auto engine = SimilarityEngine::Open(options).value();
    for (size_t i = 0; i < 2; ++i) {
      const auto stored =
          testing::Commit(engine->store(), {layers[i], "", "probes", "none", 0},
                          *testing::AsFloat32(testing::RandomActivations(kInputs, 6, i + 1)));
      ASSERT_TRUE(stored.ok()) << stored.status();
    }
    const auto computed = engine->CompareLayers(layers[0], layers[1], measures, Form::kAuto, {});
    ASSERT_TRUE(computed.ok()) << computed.status();
    for (const Comparison& comparison : *computed) values.push_back(comparison.score.value);
  }
  // Damaged content shows who reads it.
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory.path() + "/blobs")) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    file << "\1\2\3\4";
  }
  const auto engine = SimilarityEngine::Open(options).value();
  const auto found = engine->FindCompared(layers[1], layers[0], measures);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ((**found)[i].score.value, values[i]);
    EXPECT_TRUE((**found)[i].cached);
    EXPECT_EQ((**found)[i].rows, kInputs);
  }
  EXPECT_EQ(engine->Stats().completed, 0);
  const auto lost = engine->CompareLayers(layers[0], layers[1], {"ms-cka-t=4"}, Form::kAuto, {});
  EXPECT_TRUE(absl::IsDataLoss(lost.status())) << lost.status();
}

}  // namespace
}  // namespace gramian
