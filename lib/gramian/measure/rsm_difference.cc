// Norm of the difference of two dissimilarity matrices: |D_a - D_b|, Frobenius or spectral.
//
// Sources: Shahbazi et al. 2021 (norm of the difference of RSMs); ReSi (Klabunde et al. 2024),
// whose RSMNormDifference is the spectral norm for Euclidean distances.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rdm.h"
#include "gramian/geometry/spectral_norm.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

MeasureTraits TraitsOf(Dissimilarity rdm) {
  const bool is_distance =
      rdm == Dissimilarity::kEuclidean || rdm == Dissimilarity::kSquaredEuclidean;
  MeasureTraits traits;
  traits.range_max = std::numeric_limits<double>::infinity();
  traits.larger_is_more_similar = false;
  traits.is_metric = true;
  traits.invariant_to_orthogonal = rdm != Dissimilarity::kCorrelation;
  traits.invariant_to_permutation = true;
  traits.invariant_to_isotropic_scaling = !is_distance;
  traits.invariant_to_translation = is_distance;
  traits.invariant_to_dead_units = rdm != Dissimilarity::kCorrelation;
  traits.scores_constant_layers = true;
  return traits;
}

class RsmDifference final : public LayerMeasure {
 public:
  RsmDifference(Dissimilarity rdm, bool spectral)
      : LayerMeasure(absl::StrCat("rsm-difference-rdm=", ToString(rdm),
                                  "-norm=", spectral ? "spectral" : "frobenius"),
                     TraitsOf(rdm), Form::kSampleSpace),
        rdm_(rdm),
        spectral_(spectral) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    if (a.key() == b.key()) return Value(0.0);
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles a_rdm, RdmTiles::Create(context, *a.layers()[0], rdm_));
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles b_rdm, RdmTiles::Create(context, *b.layers()[0], rdm_));
    GRAMIAN_ASSIGN_OR_RETURN(const double norm, spectral_ ? Spectral(context, a_rdm, b_rdm)
                                                          : Frobenius(context, a_rdm, b_rdm));
    return Value(norm);
  }

  // Calls visit(lane, range, difference) for the tiles of the upper triangle of D_a - D_b, lanes in
  // parallel.
  template <typename Visit>
  static absl::Status ForEachDifference(const ComputeContext& context, const RdmTiles& a,
                                        const RdmTiles& b, const Visit& visit) {
    return ParallelFor(context, kLanes, [&](int64_t lane) {
      Matrix a_tile;
      Matrix b_tile;
      return ForEachTileOfLane(
          context, a.rows(), RdmTiles::kTile, lane, [&](const TileRange& range) {
            a.Tile(range.row, range.row_count, range.col, range.col_count, a_tile);
            b.Tile(range.row, range.row_count, range.col, range.col_count, b_tile);
            a_tile -= b_tile;
            visit(lane, range, a_tile);
          });
    });
  }

  static absl::StatusOr<double> Frobenius(const ComputeContext& context, const RdmTiles& a,
                                          const RdmTiles& b) {
    Vector lanes = Vector::Zero(kLanes);
    GRAMIAN_RETURN_IF_ERROR(ForEachDifference(
        context, a, b, [&](int64_t lane, const TileRange& range, const Matrix& difference) {
          lanes[lane] += (range.is_diagonal ? 1.0 : 2.0) * difference.squaredNorm();
        }));
    return std::sqrt(lanes.sum());
  }

  static absl::StatusOr<double> Spectral(const ComputeContext& context, const RdmTiles& a,
                                         const RdmTiles& b) {
    const int64_t n = a.rows();
    GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
        8 * n * n + 8 * n * 64, "the difference of two n x n matrices and its eigenvector"));
    Matrix difference(n, n);
    GRAMIAN_RETURN_IF_ERROR(
        ForEachDifference(context, a, b, [&](int64_t, const TileRange& range, const Matrix& tile) {
          difference.block(range.row, range.col, range.row_count, range.col_count) = tile;
          difference.block(range.col, range.row, range.col_count, range.row_count) =
              tile.transpose();
        }));
    return SpectralNorm(context, difference);
  }

  const Dissimilarity rdm_;
  const bool spectral_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const Dissimilarity rdm,
                           ParseDissimilarity(parameters.Take("rdm", "euclidean")));
  const std::string norm = parameters.Take("norm", "frobenius");
  if (norm != "frobenius" && norm != "spectral") {
    return absl::InvalidArgumentError(
        absl::StrCat("norm is frobenius or spectral, not '", norm, "'"));
  }
  return std::make_shared<const RsmDifference>(rdm, norm == "spectral");
}

}  // namespace

MeasureEntry RsmDifferenceEntry() {
  MeasureFamily family;
  family.name = "rsm-difference";
  family.description = "Norm of the difference of the dissimilarity matrices of two layers.";
  family.source = "Shahbazi et al. 2021; ReSi (Klabunde et al. 2024)";
  family.parameters = {{"rdm", "euclidean|sqeuclidean|correlation|cosine", "euclidean",
                        "dissimilarity of two inputs; correlation and cosine are 1 minus it"},
                       {"norm", "frobenius|spectral", "frobenius",
                        "root of the sum of squares, or largest singular value"}};
  family.examples = {
      "rsm-difference-rdm=euclidean-norm=frobenius", "rsm-difference-rdm=euclidean-norm=spectral",
      "rsm-difference-rdm=cosine-norm=frobenius", "rsm-difference-rdm=correlation-norm=spectral"};
  return {std::move(family), &Make};
}

}  // namespace gramian
