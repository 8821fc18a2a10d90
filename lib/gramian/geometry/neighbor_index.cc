#include "gramian/geometry/neighbor_index.h"

#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <memory>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using Graph = hnswlib::HierarchicalNSW<float>;

constexpr int64_t kGraphRows = 32768;
constexpr size_t kLinks = 16;
constexpr size_t kBuildEffort = 200;

absl::StatusOr<std::unique_ptr<Graph>> MakeGraph(const ComputeContext& context,
                                                 const MatrixF& vectors, int64_t first,
                                                 hnswlib::SpaceInterface<float>* space) {
  const int64_t count = std::min(kGraphRows, vectors.rows() - first);
  auto graph = std::make_unique<Graph>(space, static_cast<size_t>(count), kLinks, kBuildEffort);
  for (int64_t row = first; row < first + count; ++row) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    graph->addPoint(vectors.row(row).data(), static_cast<hnswlib::labeltype>(row));
  }
  return graph;
}

}  // namespace

absl::StatusOr<std::vector<std::vector<int32_t>>> NeighborCandidates(const ComputeContext& context,
                                                                     const MatrixF& vectors,
                                                                     bool by_inner_product,
                                                                     int64_t count,
                                                                     int64_t effort) {
  constexpr int64_t kRowBytes = 300;
  constexpr int64_t kSearchRows = 64;
  const int64_t n = vectors.rows();
  const auto dimension = static_cast<size_t>(vectors.cols());
  const int64_t graph_count = (n + kGraphRows - 1) / kGraphRows;
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch((4 * vectors.cols() + kRowBytes + 4 * graph_count * (count + 1)) * n,
                           "an index of neighbours"));
  hnswlib::InnerProductSpace inner_product(dimension);
  hnswlib::L2Space euclidean(dimension);
  hnswlib::SpaceInterface<float>* const space =
      by_inner_product ? static_cast<hnswlib::SpaceInterface<float>*>(&inner_product) : &euclidean;
  std::vector<std::unique_ptr<Graph>> graphs(static_cast<size_t>(graph_count));
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, graph_count, [&](int64_t i) -> absl::Status {
    auto& graph = graphs[static_cast<size_t>(i)];
    GRAMIAN_ASSIGN_OR_RETURN(graph, MakeGraph(context, vectors, i * kGraphRows, space));
    graph->setEf(static_cast<size_t>(std::max(effort, count + 1)));
    return absl::OkStatus();
  }));
  std::vector<std::vector<int32_t>> candidates(static_cast<size_t>(n));
  GRAMIAN_RETURN_IF_ERROR(
      ParallelFor(context, (n + kSearchRows - 1) / kSearchRows, [&](int64_t block) {
        for (int64_t row = block * kSearchRows; row < std::min((block + 1) * kSearchRows, n);
             ++row) {
          std::vector<int32_t>& found = candidates[static_cast<size_t>(row)];
          for (const std::unique_ptr<Graph>& graph : graphs) {
            // One more, which may be the row itself.
            auto nearest =
                graph->searchKnn(vectors.row(row).data(), static_cast<size_t>(count) + 1);
            for (; !nearest.empty(); nearest.pop()) {
              const auto other = static_cast<int32_t>(nearest.top().second);
              if (other != row) found.push_back(other);
            }
          }
        }
        return absl::OkStatus();
      }));
  return candidates;
}

}  // namespace gramian
