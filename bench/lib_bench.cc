// Measures the library in process: scores of one pair, fused networks, streamed moments, rounding
// at large means, how soon a stopped computation ends.
//
// Each subcommand prints one JSON object: wall_s and cpu_s of every repetition, and what was
// computed.

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/blas_kernels.h"
#include "gramian/base/compute.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/operator_cache.h"
#include "gramian/geometry/moments.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "gramian/representation/representation.h"
#include "gramian/representation/representation_builder.h"
#include "support.h"

namespace gramian::bench {
namespace {

using Json = nlohmann::json;
using LayerPtr = std::shared_ptr<const Representation>;

constexpr int64_t kCacheBytes = int64_t{4} << 30;

struct Options {
  int threads = 2;
  int repeats = 1;
  bool cached = false;
  std::string measure = "ms-cka-t=4";
  std::string order = "product";
  std::vector<std::string> first;
  std::vector<std::string> second;
  int layers = 12;
  int64_t rows = 0;
  int64_t features = 512;
  int64_t piece_rows = 8192;
  std::string form = "auto";
  std::string arrival = "forward";
};

absl::StatusOr<LayerPtr> Load(const std::string& path) {
  GRAMIAN_ASSIGN_OR_RETURN(NpyArray array, ReadNpy(path));
  const RepresentationShape shape{.rows = array.rows, .cols = array.cols, .dtype = DType::kFloat32};
  return Representation::Create(shape, std::move(array.bytes));
}

absl::StatusOr<std::vector<LayerPtr>> LoadAll(const std::vector<std::string>& paths) {
  std::vector<LayerPtr> layers;
  for (const std::string& path : paths) {
    GRAMIAN_ASSIGN_OR_RETURN(LayerPtr layer, Load(path));
    layers.push_back(std::move(layer));
  }
  return layers;
}

Operand MakeOperand(const std::vector<LayerPtr>& layers, const Fusion* fusion,
                    DerivedCache* cache) {
  return fusion == nullptr ? Operand(layers.front(), cache) : Operand(layers, *fusion, cache);
}

// Scores one pair. Cold: every repetition starts with an empty cache. Cached: with the one the
// repetition before left.
absl::StatusOr<Json> ScorePair(const Options& options, const Fusion* fusion) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<LayerPtr> first, LoadAll(options.first));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<LayerPtr> second, LoadAll(options.second));
  GRAMIAN_ASSIGN_OR_RETURN(const auto measure, MeasureRegistry::Parse(options.measure));
  ComputeArena arena(options.threads);
  ComputeContext context;
  context.arena = &arena;
  OperatorCache cache(kCacheBytes);
  Score score;
  Timings timings;
  GRAMIAN_RETURN_IF_ERROR(timings.Run(options.repeats, [&]() -> absl::Status {
    if (!options.cached) cache.Clear();
    GRAMIAN_ASSIGN_OR_RETURN(score,
                             measure->Compare(context, MakeOperand(first, fusion, &cache),
                                              MakeOperand(second, fusion, &cache), Form::kAuto));
    return absl::OkStatus();
  }));
  if (score.status != ScoreStatus::kOk) return absl::InternalError(ToString(score.status));
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"value", score.value},
              {"measure", measure->name()},
              {"form", ToString(score.form)}};
}

// The rate of single-threaded float32 products, one caller per thread: what the machine can give to
// BLAS.
absl::StatusOr<Json> MeasureGemm(const Options& options) {
  const Index n = 2048;
  const auto caller_count = static_cast<size_t>(options.threads);
  const std::vector<MatrixF> a(caller_count, MatrixF::Random(n, n));
  const std::vector<MatrixF> b(caller_count, MatrixF::Random(n, n));
  std::vector<MatrixF> c(caller_count, MatrixF::Zero(n, n));
  constexpr int kProducts = 8;
  Timings timings;
  GRAMIAN_RETURN_IF_ERROR(timings.Run(options.repeats, [&] {
    std::vector<std::jthread> callers;
    for (size_t i = 0; i < a.size(); ++i) {
      callers.emplace_back([&, i] {
        for (int product = 0; product < kProducts; ++product) {
          Gemm(Transpose::kNo, Transpose::kNo, n, n, n, 1.0F, a[i].data(), n, b[i].data(), n, 0.0F,
               c[i].data(), n);
        }
      });
    }
    return absl::OkStatus();
  }));
  const double cube = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"flop", 2.0 * cube * kProducts * options.threads},
              {"blas_core", BlasCoreName()}};
}

// |a - factor * b| / |factor * b|, Frobenius.
double RelativeError(const Matrix& a, const Matrix& b, double factor) {
  return (a - factor * b).norm() / (factor * b.norm());
}

// x' H y in double, a block of rows at a time: the check must not need more memory than what it
// checks.
Matrix CrossOf(const MatrixF& x, const MatrixF& y) {
  constexpr Index kRows = 512;
  const Eigen::RowVectorXd mean_x = x.cast<double>().colwise().mean();
  const Eigen::RowVectorXd mean_y = y.cast<double>().colwise().mean();
  Matrix cross = Matrix::Zero(x.cols(), y.cols());
  for (Index first = 0; first < x.rows(); first += kRows) {
    const Index rows = std::min(kRows, x.rows() - first);
    const Matrix block_x = x.middleRows(first, rows).cast<double>().rowwise() - mean_x;
    const Matrix block_y = y.middleRows(first, rows).cast<double>().rowwise() - mean_y;
    cross += Product(block_x, Transpose::kYes, block_y, Transpose::kNo);
  }
  return cross;
}

// Streams options.rows rows of a pair through StreamedPairMoments. The rows come from a few pieces
// in memory that are sent again and again: what is measured is accumulation, and the exact answer
// is a multiple of that of the pieces once.
absl::StatusOr<Json> StreamMoments(const Options& options) {
  constexpr int64_t kPieces = 2;
  const int64_t ring_rows = kPieces * options.piece_rows;
  const int64_t rounds = std::max<int64_t>(1, (options.rows + ring_rows - 1) / ring_rows);
  const Eigen::RowVectorXf offset = Eigen::RowVectorXf::LinSpaced(options.features, -3.0F, 3.0F);
  MatrixF x = MatrixF::Random(ring_rows, options.features);
  MatrixF y = MatrixF::Random(ring_rows, options.features) + 0.5F * x;
  x.rowwise() += offset;
  ComputeArena arena(options.threads);
  ComputeContext context;
  context.arena = &arena;
  StreamedPairMoments::Result result;
  Timings timings;
  const auto accumulate = [&]() -> absl::Status {
    StreamedPairMoments moments(options.features, options.features);
    for (int64_t piece = 0; piece < rounds * kPieces; ++piece) {
      const int64_t start = (piece % kPieces) * options.piece_rows;
      GRAMIAN_RETURN_IF_ERROR(
          moments.Add(context, options.piece_rows, x.row(start).data(), y.row(start).data()));
    }
    GRAMIAN_ASSIGN_OR_RETURN(result, std::move(moments).Finish(context));
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(timings.Run(options.repeats, accumulate));
  const auto times = static_cast<double>(rounds);
  const double error = std::max({RelativeError(result.xx, CrossOf(x, x), times),
                                 RelativeError(result.yy, CrossOf(y, y), times),
                                 RelativeError(result.xy, CrossOf(x, y), times)});
  const double square =
      static_cast<double>(options.features) * static_cast<double>(options.features);
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"rows", result.rows},
              // Two symmetric products of n d^2 and one general one of 2 n d^2 flops.
              {"flop", 4.0 * static_cast<double>(result.rows) * square},
              {"relative_error", error}};
}

// A layer whose columns matter less and less, as those of real ones do.
absl::StatusOr<LayerPtr> RandomLayer(const Options& options, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  MatrixF matrix(options.rows, options.features);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = normal(random) / static_cast<float>(1 + i % matrix.cols());
  }
  return Representation::FromMatrix(matrix);
}

// Every layer of one side with every layer of the other, cell by cell as gramiand does it; the
// repetition starts with an empty cache. `flop` counts the products that one product of all layers
// side by side would need: cross-covariances of all pairs, covariances of all layers.
absl::StatusOr<Json> ScoreMatrix(const Options& options) {
  std::vector<LayerPtr> layers;
  for (int i = 0; i < 2 * options.layers; ++i) {
    GRAMIAN_ASSIGN_OR_RETURN(LayerPtr layer, RandomLayer(options, static_cast<uint32_t>(i) + 1));
    layers.push_back(std::move(layer));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const auto measure, MeasureRegistry::Parse(options.measure));
  ComputeArena arena(options.threads);
  ComputeContext context;
  context.arena = &arena;
  OperatorCache cache(kCacheBytes);
  double sum = 0.0;
  Timings timings;
  GRAMIAN_RETURN_IF_ERROR(timings.Run(options.repeats, [&]() -> absl::Status {
    cache.Clear();
    sum = 0.0;
    for (int a = 0; a < options.layers; ++a) {
      for (int b = 0; b < options.layers; ++b) {
        const auto& first = layers[static_cast<size_t>(a)];
        const auto& second = layers[static_cast<size_t>(options.layers + b)];
        GRAMIAN_ASSIGN_OR_RETURN(const Score score,
                                 measure->Compare(context, Operand(first, &cache),
                                                  Operand(second, &cache), Form::kAuto));
        sum += score.value;
      }
    }
    return absl::OkStatus();
  }));
  const auto count = static_cast<double>(options.layers);
  const double product =
      static_cast<double>(options.rows) * static_cast<double>(options.features * options.features);
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"flop", product * (2.0 * count * count + 2.0 * count)},
              {"sum", sum},
              {"measure", measure->name()}};
}

// First rows of the pieces in the order in which they arrive.
absl::StatusOr<std::vector<int64_t>> ArrivalOrder(const Options& options, int64_t rows) {
  std::vector<int64_t> starts;
  for (int64_t start = 0; start < rows; start += options.piece_rows) starts.push_back(start);
  if (options.arrival == "reversed") {
    std::reverse(starts.begin(), starts.end());
  } else if (options.arrival == "shuffled") {
    std::shuffle(starts.begin(), starts.end(), std::mt19937_64(5));
  } else if (options.arrival != "forward") {
    return absl::InvalidArgumentError(absl::StrCat("unknown arrival order ", options.arrival));
  }
  return starts;
}

absl::StatusOr<double> CkaOfUpload(const Options& options, const ComputeContext& context,
                                   const std::vector<NpyArray>& pair) {
  OperatorCache cache(kCacheBytes);
  std::vector<Operand> operands;
  for (const NpyArray& array : pair) {
    const RepresentationShape shape{
        .rows = array.rows, .cols = array.cols, .dtype = DType::kFloat32};
    GRAMIAN_ASSIGN_OR_RETURN(RepresentationBuilder builder, RepresentationBuilder::Create(shape));
    const int64_t row_bytes = array.cols * static_cast<int64_t>(sizeof(float));
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, ArrivalOrder(options, array.rows));
    for (const int64_t start : starts) {
      const int64_t count = std::min(options.piece_rows, array.rows - start);
      const char* data = reinterpret_cast<const char*>(array.bytes.get()) + start * row_bytes;
      GRAMIAN_RETURN_IF_ERROR(builder.Append(
          start, 0, absl::string_view(data, static_cast<size_t>(count * row_bytes))));
    }
    GRAMIAN_ASSIGN_OR_RETURN(LayerPtr layer, std::move(builder).Finish());
    operands.emplace_back(std::move(layer), &cache);
  }
  GRAMIAN_ASSIGN_OR_RETURN(const auto measure, MeasureRegistry::Parse("cka"));
  GRAMIAN_ASSIGN_OR_RETURN(const Score score,
                           measure->Compare(context, operands[0], operands[1], Form::kAuto));
  return score.value;
}

absl::StatusOr<double> CkaOfStream(const Options& options, const ComputeContext& context,
                                   const std::vector<NpyArray>& pair) {
  StreamedPairMoments moments(pair[0].cols, pair[1].cols);
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, ArrivalOrder(options, pair[0].rows));
  for (const int64_t start : starts) {
    const auto* x = reinterpret_cast<const float*>(pair[0].bytes.get()) + start * pair[0].cols;
    const auto* y = reinterpret_cast<const float*>(pair[1].bytes.get()) + start * pair[1].cols;
    GRAMIAN_RETURN_IF_ERROR(
        moments.Add(context, std::min(options.piece_rows, pair[0].rows - start), x, y));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const StreamedPairMoments::Result result,
                           std::move(moments).Finish(context));
  return result.xy.squaredNorm() / (result.xx.norm() * result.yy.norm());
}

// Linear CKA of a pair that arrives in pieces: as an upload that is stored, and as a stream that is
// not.
absl::StatusOr<Json> CkaOfPieces(const Options& options) {
  std::vector<NpyArray> pair;
  for (const std::string& path : {options.first.front(), options.second.front()}) {
    GRAMIAN_ASSIGN_OR_RETURN(NpyArray array, ReadNpy(path));
    pair.push_back(std::move(array));
  }
  ComputeArena arena(options.threads);
  ComputeContext context;
  context.arena = &arena;
  double uploaded = 0.0;
  double streamed = 0.0;
  Timings timings;
  GRAMIAN_RETURN_IF_ERROR(timings.Run(1, [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(uploaded, CkaOfUpload(options, context, pair));
    GRAMIAN_ASSIGN_OR_RETURN(streamed, CkaOfStream(options, context, pair));
    return absl::OkStatus();
  }));
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"uploaded", uploaded},
              {"streamed", streamed}};
}

absl::StatusOr<Form> ParseForm(const std::string& name) {
  for (const Form form : {Form::kAuto, Form::kFeatureSpace, Form::kSampleSpace, Form::kSpectral}) {
    if (name == ToString(form)) return form;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown form ", name));
}

// How long a computation goes on after it was asked to stop, at moments spread evenly over the time
// that it takes.
absl::StatusOr<Json> StopComputations(const Options& options) {
  GRAMIAN_ASSIGN_OR_RETURN(const LayerPtr a, RandomLayer(options, 1));
  GRAMIAN_ASSIGN_OR_RETURN(const LayerPtr b, RandomLayer(options, 2));
  GRAMIAN_ASSIGN_OR_RETURN(const auto measure, MeasureRegistry::Parse(options.measure));
  GRAMIAN_ASSIGN_OR_RETURN(const Form form, ParseForm(options.form));
  ComputeArena arena(options.threads);
  const auto compare = [&](std::stop_token stop) {
    ComputeContext context;
    context.arena = &arena;
    context.stop = std::move(stop);
    OperatorCache cache(kCacheBytes);
    return measure->Compare(context, Operand(a, &cache), Operand(b, &cache), form);
  };
  const double begin = WallSeconds();
  GRAMIAN_ASSIGN_OR_RETURN(const Score score, compare({}));
  const double whole = WallSeconds() - begin;
  std::vector<double> waits;
  for (int i = 0; i < options.repeats; ++i) {
    std::stop_source source;
    absl::Status status;
    double end = 0.0;
    std::jthread computing([&] {
      status = compare(source.get_token()).status();
      end = WallSeconds();
    });
    std::this_thread::sleep_for(std::chrono::duration<double>(whole * (i + 0.5) / options.repeats));
    const double asked = WallSeconds();
    source.request_stop();
    computing.join();
    if (absl::IsCancelled(status)) waits.push_back(end - asked);
  }
  if (waits.empty()) return absl::InternalError("nothing could be stopped");
  std::sort(waits.begin(), waits.end());
  return Json{{"wall_s", whole},
              {"stopped", waits.size()},
              {"median_s", waits[waits.size() / 2]},
              {"longest_s", waits.back()},
              {"form", ToString(score.form)},
              {"measure", measure->name()}};
}

void AddPairOptions(CLI::App* command, Options* options) {
  command->add_option("--first", options->first, "float32 .npy files of one side")->required();
  command->add_option("--second", options->second, "the other side")->required();
}

int Main(int argc, char** argv) {
  // As gramiand and gramian do: memory of one computation is kept for the next.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
  Options options;
  CLI::App app("Benchmarks of the Gramian library.");
  app.require_subcommand(1);
  app.add_option("--threads", options.threads, "threads that compute");
  app.add_option("--repeats", options.repeats, "timed repetitions");

  CLI::App* pair = app.add_subcommand("pair", "score of one pair of layers");
  CLI::App* fused = app.add_subcommand("fused", "score of two fused networks");
  for (CLI::App* command : {pair, fused}) {
    AddPairOptions(command, &options);
    command->add_option("--measure", options.measure, "canonical name of a measure");
    command->add_flag("--cached", options.cached, "keep operators between repetitions");
  }
  fused->add_option("--order", options.order, "symmetrized, product or reversed");
  CLI::App* gemm = app.add_subcommand("gemm", "rate of float32 matrix products");
  CLI::App* moments = app.add_subcommand("moments", "covariances of a streamed pair");
  moments->add_option("--rows", options.rows, "rows of the stream")->required();
  moments->add_option("--features", options.features, "columns of either side");
  CLI::App* matrix = app.add_subcommand("matrix", "all pairs of the layers of two snapshots");
  matrix->add_option("--measure", options.measure, "canonical name of a measure");
  matrix->add_option("--layers", options.layers, "layers of either snapshot");
  matrix->add_option("--rows", options.rows, "inputs of all layers")->required();
  matrix->add_option("--features", options.features, "features of all layers");
  CLI::App* pieces = app.add_subcommand("pieces", "CKA of a pair that arrives in pieces");
  AddPairOptions(pieces, &options);
  pieces->add_option("--arrival", options.arrival, "forward, reversed or shuffled");
  for (CLI::App* command : {moments, pieces}) {
    command->add_option("--piece-rows", options.piece_rows, "rows of a piece");
  }
  CLI::App* stop = app.add_subcommand("stop", "how soon a stopped computation ends");
  stop->add_option("--measure", options.measure, "canonical name of a measure");
  stop->add_option("--form", options.form, "auto, feature_space, sample_space or spectral");
  stop->add_option("--rows", options.rows, "inputs of both layers")->required();
  stop->add_option("--features", options.features, "features of both layers");
  CLI11_PARSE(app, argc, argv);

  const absl::Status blas = InitializeBlas();
  if (!blas.ok()) return Finish(blas);
  if (*pair) return Finish(ScorePair(options, nullptr));
  if (*gemm) return Finish(MeasureGemm(options));
  if (*moments) return Finish(StreamMoments(options));
  if (*matrix) return Finish(ScoreMatrix(options));
  if (*pieces) return Finish(CkaOfPieces(options));
  if (*stop) return Finish(StopComputations(options));
  const absl::StatusOr<FusionOrder> order = ParseFusionOrder(options.order);
  if (!order.ok()) return Finish(order.status());
  const Fusion fusion{.order = *order, .power = 1.0};
  return Finish(ScorePair(options, &fusion));
}

}  // namespace
}  // namespace gramian::bench

int main(int argc, char** argv) {
  gramian::RestartWithMissedBlasKernels(argv);
  return gramian::bench::Main(argc, argv);
}
