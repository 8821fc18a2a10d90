// Micro-benchmarks of what the rows of the speed table are made of:
// `build/release/bin/primitives_bench`.
//
// One BLAS thread and no arena: rates are of one core.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/blas_kernels.h"
#include "gramian/base/compute.h"
#include "gramian/geometry/moments.h"
#include "gramian/representation/representation.h"
#include "gramian/representation/representation_builder.h"

namespace gramian {
namespace {

constexpr int64_t kBlockRows = 2048;

// Flop rate shown as "flops" in the output.
void SetFlops(benchmark::State& state, double flops) {
  state.counters["flops"] =
      benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void BM_CenterBlock(benchmark::State& state) {
  const int64_t d = state.range(0);
  MatrixF block = MatrixF::Random(kBlockRows, d);
  for (auto _ : state) benchmark::DoNotOptimize(CenterBlock(block.data(), kBlockRows, d));
  state.SetBytesProcessed(state.iterations() * kBlockRows * d * 4);
}
BENCHMARK(BM_CenterBlock)->Arg(64)->Arg(512)->Arg(2048);

// The second argument says whether the product is that of a block with itself.
void BM_AddBlock(benchmark::State& state) {
  const int64_t d = state.range(0);
  const bool symmetric = state.range(1) != 0;
  const MatrixF x = MatrixF::Random(kBlockRows, d);
  const MatrixF y = MatrixF::Random(kBlockRows, d);
  const Vector mean = Vector::Zero(d);
  CrossAccumulator accumulator(d, d, symmetric);
  for (auto _ : state) {
    const absl::Status status = accumulator.AddBlock<float>(
        ComputeContext{}, kBlockRows, x.data(), mean, symmetric ? nullptr : y.data(), mean);
    if (!status.ok()) state.SkipWithError("AddBlock failed");
  }
  const double square = static_cast<double>(d) * static_cast<double>(d);
  SetFlops(state, (symmetric ? 1.0 : 2.0) * static_cast<double>(kBlockRows) * square);
}
BENCHMARK(BM_AddBlock)->ArgsProduct({{64, 512, 2048}, {0, 1}});

void BM_EigenDecompose(benchmark::State& state) {
  const int64_t n = state.range(0);
  const Matrix root = Matrix::Random(n, n);
  const Matrix symmetric = root * root.transpose();
  for (auto _ : state) benchmark::DoNotOptimize(EigenDecompose(symmetric));
}
BENCHMARK(BM_EigenDecompose)->Arg(128)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond);

void BM_SvdDecompose(benchmark::State& state) {
  const int64_t n = state.range(0);
  const Matrix core = Matrix::Random(n, n);
  for (auto _ : state) benchmark::DoNotOptimize(SvdDecompose(core));
}
BENCHMARK(BM_SvdDecompose)->Arg(128)->Arg(512)->Unit(benchmark::kMillisecond);

// One upload without the network: copy, check of finiteness, digest.
void BM_BuildRepresentation(benchmark::State& state) {
  const RepresentationShape shape{.rows = 32'768, .cols = 512, .dtype = DType::kFloat32};
  const MatrixF source = MatrixF::Random(shape.rows, shape.cols);
  const int64_t chunk_rows = 512;  // 1 MiB
  const auto chunk_bytes = static_cast<size_t>(chunk_rows * shape.cols) * sizeof(float);
  for (auto _ : state) {
    absl::StatusOr<RepresentationBuilder> builder = RepresentationBuilder::Create(shape);
    if (!builder.ok()) state.SkipWithError("Create failed");
    for (int64_t row = 0; row < shape.rows; row += chunk_rows) {
      const char* data = reinterpret_cast<const char*>(source.row(row).data());
      const absl::Status status = builder->Append(row, 0, absl::string_view(data, chunk_bytes));
      if (!status.ok()) state.SkipWithError("Append failed");
    }
    benchmark::DoNotOptimize(std::move(*builder).Finish());
  }
  state.SetBytesProcessed(state.iterations() * shape.rows * shape.cols * 4);
}
BENCHMARK(BM_BuildRepresentation)->Unit(benchmark::kMillisecond);

void BM_FindNonFinite(benchmark::State& state) {
  const auto dtype = static_cast<DType>(state.range(0));
  const int64_t count = int64_t{1} << 22;
  const std::vector<std::byte> zeros(static_cast<size_t>(count * SizeOf(dtype)));
  for (auto _ : state) benchmark::DoNotOptimize(FindNonFinite(dtype, zeros.data(), count));
  state.SetBytesProcessed(state.iterations() * count * SizeOf(dtype));
}
BENCHMARK(BM_FindNonFinite)->DenseRange(0, 3);

void BM_ConvertToFloat(benchmark::State& state) {
  const auto dtype = static_cast<DType>(state.range(0));
  const int64_t count = int64_t{1} << 20;
  const std::vector<std::byte> zeros(static_cast<size_t>(count * SizeOf(dtype)));
  std::vector<float> out(static_cast<size_t>(count));
  for (auto _ : state) {
    Convert(dtype, zeros.data(), count, out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * count * SizeOf(dtype));
}
BENCHMARK(BM_ConvertToFloat)->DenseRange(0, 3);

}  // namespace
}  // namespace gramian

int main(int argc, char** argv) {
  gramian::RestartWithMissedBlasKernels(argv);
  benchmark::Initialize(&argc, argv);
  if (!gramian::InitializeBlas().ok()) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
