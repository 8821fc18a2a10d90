// Goal: what every measure declares about itself holds, and what it does not declare fails on some
// input. Method: all examples of all families of the registry; a new measure takes part by being
// registered.
#include <Eigen/QR>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gramian/base/compute.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::Compare;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomOrthogonal;
using testing::RandomRelated;
using testing::SideOf;
using testing::TryCompare;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kInputs = 60;

// Rounding of a score of size 1 or `value` after a few products of order n, times the sensitivity
// of arccos and of powers.
double Tolerance(double value) { return 65536.0 * kEps * std::max(1.0, std::abs(value)); }

std::vector<std::string> AllExamples() {
  std::vector<std::string> names;
  for (const MeasureFamily& family : MeasureRegistry::Families()) {
    names.insert(names.end(), family.examples.begin(), family.examples.end());
  }
  return names;
}

class MeasurePropertiesTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const std::string& name() const { return GetParam(); }
  const MeasureTraits& traits() const { return measure_->traits(); }
  double Value(const Matrix& x, const Matrix& y) const {
    const Score score = Compare(name(), x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk) << ToString(score.status);
    EXPECT_TRUE(std::isfinite(score.value));
    return score.value;
  }
  // What no affine map changes may find nothing to compare in layers with n - 1 independent
  // features, which affine maps turn into each other.
  bool IsBlindToFullRank(const Matrix& x, const Matrix& y) const {
    return traits().invariant_to_affine && Compare(name(), x, y).status == ScoreStatus::kConstant;
  }
  // A partner of x; of a measure that compares features with as many of them, and without means,
  // beside which outputs would all be of one class.
  Matrix Related(const Matrix& x, Index cols, double share, uint64_t seed) const {
    if (!traits().compares_features) return RandomRelated(x, cols, share, seed);
    return share * x + (1.0 - share) * RandomNormal(x.rows(), x.cols(), seed);
  }

  // Whether replacing x by `changed` leaves the score alone for three different partners.
  void CheckInvariance(bool declared, const Matrix& x, const Matrix& changed, const char* what) {
    double largest = 0.0;
    double allowed = 0.0;
    for (const uint64_t seed : {21U, 22U, 23U}) {
      const Matrix y = Related(x, 9, 0.6, seed);
      const double before = Value(x, y);
      largest = std::max(largest, std::abs(Value(changed, y) - before));
      allowed = std::max(allowed, Tolerance(before));
    }
    if (declared) {
      EXPECT_LE(largest, allowed) << what << " is declared";
    } else {
      EXPECT_GT(largest, 1000.0 * allowed) << what << " is not declared, but holds";
    }
  }

  const std::shared_ptr<const SimilarityMeasure> measure_ =
      MeasureRegistry::Parse(GetParam()).value();
};

TEST_P(MeasurePropertiesTest, ItsNameIsCanonical) {
  EXPECT_EQ(measure_->name(), name());
  EXPECT_EQ(MeasureRegistry::Parse(measure_->name()).value()->name(), name());
}

TEST_P(MeasurePropertiesTest, ALayerIsMostSimilarToItself) {
  for (const Index cols : {1, 7, 90}) {
    if (cols < traits().min_features) continue;
    const Matrix x = RandomActivations(kInputs, cols, 1);
    if (cols >= kInputs && IsBlindToFullRank(x, x)) continue;
    const double self = Value(x, x);
    EXPECT_GE(self, traits().range_min);
    EXPECT_LE(self, traits().range_max);
    if (!traits().best_with_itself) continue;
    if (!traits().larger_is_more_similar) {
      EXPECT_EQ(self, 0.0);
    } else if (std::isfinite(traits().range_max)) {
      EXPECT_EQ(self, traits().range_max);
    } else {
      EXPECT_GT(self, 0.0);
    }
  }
}

TEST_P(MeasurePropertiesTest, ScoresAreWithinTheDeclaredRange) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const auto rows = std::max<Index>(4, traits().min_inputs) + static_cast<Index>(5 * seed);
    const Matrix x = RandomActivations(rows, static_cast<Index>(2 + 3 * seed), seed);
    const Matrix y = Related(x, 6, seed % 2 == 0 ? 0.0 : 0.8, 100 + seed);
    if (rows <= 7 && IsBlindToFullRank(x, y)) continue;
    const double value = Value(x, y);
    EXPECT_GE(value, traits().range_min);
    EXPECT_LE(value, traits().range_max);
  }
}

// Products that are not symmetric have cosines of either sign.
TEST_P(MeasurePropertiesTest, ScoresOfNetworksAreWithinTheRangeOfTheirFusion) {
  if (!traits().applies_to_networks) return;
  const bool is_angle = traits().space == ScoreSpace::kAngle;
  const bool is_root = traits().space == ScoreSpace::kNone;
  NoCache cache;
  for (const FusionOrder order :
       {FusionOrder::kSymmetrized, FusionOrder::kReversed, FusionOrder::kProduct}) {
    const bool is_product = order == FusionOrder::kProduct;
    for (uint64_t seed = 0; seed < 24; ++seed) {
      const auto network = [&](uint64_t first) {
        return Operand(
            {AsFloat64(RandomNormal(12, 2, first)), AsFloat64(RandomNormal(12, 3, first + 1))},
            Fusion{order, 1.0}, &cache);
      };
      const absl::StatusOr<Score> score =
          TryCompare(name(), network(100 + 4 * seed), network(102 + 4 * seed));
      // A time that is no integer.
      if (is_product && absl::IsInvalidArgument(score.status())) return;
      ASSERT_TRUE(score.ok()) << score.status();
      if (score->status != ScoreStatus::kOk) {
        EXPECT_EQ(score->status, ScoreStatus::kUndefinedRoot);
        EXPECT_TRUE(is_product && is_root);
        continue;
      }
      const bool is_signed = is_product && !is_angle && !is_root;
      EXPECT_GE(score->value, is_signed ? -1.0 : traits().range_min);
      EXPECT_LE(score->value, is_product && is_angle ? std::acos(-1.0) : traits().range_max);
    }
  }
}

TEST_P(MeasurePropertiesTest, SymmetryIsAsDeclared) {
  const Matrix x = RandomActivations(kInputs, 12, 3);
  bool differs = false;
  // With more features than inputs some measures are constant.
  for (const Index cols : {70, 20, 12}) {
    const Matrix y = Related(x, cols, 0.5, 4);
    if (cols >= kInputs && IsBlindToFullRank(x, y)) continue;
    const double forth = Value(x, y);
    const double back = Value(y, x);
    if (traits().is_symmetric) {
      EXPECT_NEAR(back, forth, Tolerance(forth));
    }
    differs = differs || std::abs(back - forth) > 1000.0 * Tolerance(forth);
  }
  EXPECT_EQ(differs, !traits().is_symmetric);
}

TEST_P(MeasurePropertiesTest, AMetricObeysTheTriangleInequality) {
  if (!traits().is_metric) return;
  // Similarities are no distances: the score of a layer with itself is not 0.
  EXPECT_FALSE(traits().larger_is_more_similar);
  EXPECT_TRUE(traits().is_symmetric && traits().best_with_itself);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Matrix x = RandomActivations(kInputs, 8, seed);
    const Matrix y = Related(x, 10, 0.5, seed + 50);
    const Matrix z = Related(y, 6, 0.5, seed + 90);
    const double direct = Value(x, z);
    EXPECT_LE(direct, Value(x, y) + Value(y, z) + Tolerance(direct));
  }
}

TEST_P(MeasurePropertiesTest, InvariancesAreAsDeclared) {
  const Matrix x =
      traits().compares_features ? RandomNormal(kInputs, 8, 5) : RandomActivations(kInputs, 8, 5);
  CheckInvariance(traits().invariant_to_orthogonal, x, x * RandomOrthogonal(8, 6), "orthogonal");
  const Matrix permuted = x.rowwise().reverse();
  CheckInvariance(traits().invariant_to_permutation, x, permuted, "permutation");
  CheckInvariance(traits().invariant_to_isotropic_scaling, x, -2.5 * x, "isotropic scaling");
  const Matrix moved = x.rowwise() + 3.0 * RandomNormal(1, 8, 7).row(0);
  CheckInvariance(traits().invariant_to_translation, x, moved, "translation");
  const Matrix mixed = x * RandomNormal(8, 8, 8);
  CheckInvariance(traits().invariant_to_invertible_linear, x, mixed, "invertible linear map");
  CheckInvariance(traits().invariant_to_affine, x, mixed.rowwise() + RandomNormal(1, 8, 9).row(0),
                  "affine map");
}

TEST_P(MeasurePropertiesTest, AConstantLayerHasTheDefinedStatus) {
  for (const double constant : {0.0, 0.1, -3.0, 1.0e6 + 0.1}) {
    for (const Index cols : {1, 6, 80}) {
      const Matrix x = Matrix::Constant(kInputs, cols, constant);
      const Matrix y = RandomActivations(kInputs, traits().compares_features ? cols : 5, 2);
      for (const Score& score :
           {Compare(name(), x, y), Compare(name(), y, x), Compare(name(), x, x)}) {
        if (!traits().scores_constant_layers) {
          EXPECT_THAT(score.status,
                      ::testing::AnyOf(ScoreStatus::kConstant, ScoreStatus::kZeroBandwidth));
        } else if (score.status == ScoreStatus::kOk) {
          EXPECT_GE(score.value, traits().range_min) << constant;
          EXPECT_LE(score.value, traits().range_max) << constant;
        } else {
          EXPECT_THAT(score.status,
                      ::testing::AnyOf(ScoreStatus::kConstant, ScoreStatus::kZeroBandwidth));
        }
        EXPECT_TRUE(std::isfinite(score.value));
      }
    }
  }
}

// Points of a Hilbert space have a positive semidefinite Gram matrix, relative to one of them where
// scores are distances; anything else has not. Points of other spaces: shape_geometry_test.cc and
// affine_geometry_test.cc.
TEST_P(MeasurePropertiesTest, ScoresPlaceLayersAsDeclared) {
  if (!FollowsFromScores(traits().space)) return;
  constexpr Index kLayers = 8;
  std::vector<Matrix> layers = {RandomActivations(kInputs, 5, 40)};
  for (uint64_t seed = 41; layers.size() < kLayers; ++seed) {
    layers.push_back(RandomRelated(layers.back(), 4, 0.7, seed));
  }
  Matrix gram(kLayers, kLayers);
  for (Index i = 0; i < kLayers; ++i) {
    for (Index j = 0; j < kLayers; ++j) {
      const double value = Value(layers[static_cast<size_t>(i)], layers[static_cast<size_t>(j)]);
      gram(i, j) = traits().space == ScoreSpace::kCosine  ? value
                   : traits().space == ScoreSpace::kAngle ? std::cos(value)
                                                          : -0.5 * value * value;
    }
  }
  if (traits().space == ScoreSpace::kDistance) {
    const Vector to_first = gram.col(0);
    gram.colwise() -= to_first;
    gram.rowwise() -= to_first.transpose();
  }
  const double scale = gram.cwiseAbs().maxCoeff();
  const absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(std::move(gram));
  ASSERT_TRUE(eigen.ok());
  EXPECT_GE(eigen->values.minCoeff(), -Tolerance(1.0) * scale);
}

TEST_P(MeasurePropertiesTest, FewInputsHaveTheDefinedStatus) {
  for (const Index rows : {1, 2, 3, 4, 5}) {
    for (const Index cols : {1, 3}) {
      const Matrix x = RandomNormal(rows, cols, 11);
      const Matrix y = RandomNormal(rows, cols, 12);
      const Score score = Compare(name(), x, y);
      if (rows < traits().min_inputs) {
        EXPECT_EQ(score.status, ScoreStatus::kTooFewInputs) << rows;
      } else {
        EXPECT_NE(score.status, ScoreStatus::kTooFewInputs) << rows;
      }
      EXPECT_TRUE(std::isfinite(score.value));
    }
  }
}

TEST_P(MeasurePropertiesTest, DeadUnitsCountAsDeclared) {
  const Matrix x = RandomActivations(kInputs, 6, 13);
  const Matrix y = Related(x, 9, 0.5, 14);
  const Matrix column = RandomNormal(kInputs, 1, 35);
  const auto with_dead = [](const Matrix& layer) {
    Matrix padded = Matrix::Zero(kInputs, layer.cols() + 4);
    padded.leftCols(layer.cols()) = layer;
    return padded;
  };
  bool differs = false;
  // Opposed features are matched unless a dead one comes between them.
  for (const auto& [a, b] :
       {std::pair<Matrix, Matrix>(x, y), std::make_pair(column, Matrix(-column))}) {
    if (a.cols() < traits().min_features) continue;
    const double expected = Value(a, b);
    const double value = Value(with_dead(a), traits().compares_features ? with_dead(b) : b);
    if (traits().invariant_to_dead_units) {
      EXPECT_NEAR(value, expected, Tolerance(expected));
    }
    differs = differs || std::abs(value - expected) > 1000.0 * Tolerance(expected);
  }
  EXPECT_EQ(differs, !traits().invariant_to_dead_units);
}

TEST_P(MeasurePropertiesTest, FeaturesAreComparedAsDeclared) {
  const Matrix x = RandomActivations(kInputs, 6, 35);
  const Score score = Compare(name(), x, RandomRelated(x, 9, 0.5, 36));
  EXPECT_EQ(score.status,
            traits().compares_features ? ScoreStatus::kDifferentWidths : ScoreStatus::kOk);
}

TEST_P(MeasurePropertiesTest, CoincidingInputsAreNoProblem) {
  Matrix x = RandomActivations(kInputs, 6, 15);
  Matrix y = Related(x, 9, 0.5, 16);
  // A third of them, so that no median of distances is 0, nor that of a batch.
  for (Index i = 0; i < 12; ++i) {
    x.row(3 * i) = x.row(0);
    y.row(3 * i) = y.row(0);
  }
  const double value = Value(x, y);
  EXPECT_GE(value, traits().range_min);
  EXPECT_LE(value, traits().range_max);
  if (traits().is_symmetric) {
    EXPECT_NEAR(Value(y, x), value, Tolerance(value));
  }
}

TEST_P(MeasurePropertiesTest, MoreFeaturesThanInputsAreNoProblem) {
  const Matrix x = RandomActivations(20, 64, 17);
  const Matrix y = Related(x, 33, 0.5, 18);
  if (IsBlindToFullRank(x, y)) return;
  const double value = Value(x, y);
  if (!traits().invariant_to_orthogonal || !traits().invariant_to_dead_units) return;
  // The same Gram matrix in 20 dimensions: rotate, then drop what is zero.
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(x.transpose());
  const Eigen::MatrixXd r = qr.matrixQR().topRows(20).triangularView<Eigen::Upper>();
  EXPECT_NEAR(Value(Matrix(r.transpose()), y), value, Tolerance(value));
}

// Float32 activations with a mean of a million standard deviations: the answer is that of the same
// numbers in exact arithmetic, here of the exactly centred values.
TEST_P(MeasurePropertiesTest, LargeMeansCostNoDigits) {
  const Matrix offset = Matrix::Constant(kInputs, 6, 1.0e6);
  const MatrixF x = (RandomNormal(kInputs, 6, 19) + offset).cast<float>();
  const MatrixF y = (RandomNormal(kInputs, 6, 20) + offset).cast<float>();
  NoCache cache;
  const Score score =
      TryCompare(name(), SideOf(name(), Representation::FromMatrix(x).value(), &cache),
                 SideOf(name(), Representation::FromMatrix(y).value(), &cache))
          .value();
  ASSERT_EQ(score.status, ScoreStatus::kOk);
  const double shift = traits().invariant_to_translation ? 1.0e6 : 0.0;
  const double expected = Value((x.cast<double>().array() - shift).matrix(),
                                (y.cast<double>().array() - shift).matrix());
  // Without the shift (cosine) the reference has lost as much: unit rows differ by 1e-6 of their
  // length.
  const double factor = shift > 0.0 ? 1.0 : 1.0e6;
  EXPECT_NEAR(score.value, expected, factor * Tolerance(expected));
}

TEST_P(MeasurePropertiesTest, ScaleNeverOverflowsOrVanishes) {
  const Matrix x = RandomActivations(kInputs, 6, 24);
  const Matrix y = Related(x, 5, 0.5, 25);
  for (const double scale : {1.0e-30, 1.0e-6, 1.0e6, 1.0e30}) {
    const Score score = Compare(name(), scale * x, scale * y);
    EXPECT_TRUE(std::isfinite(score.value)) << scale;
    if (traits().invariant_to_isotropic_scaling && score.status == ScoreStatus::kOk) {
      EXPECT_NEAR(score.value, Value(x, y), Tolerance(score.value)) << scale;
    }
  }
}

TEST_P(MeasurePropertiesTest, ThreadsDoNotChangeABit) {
  const auto x = AsFloat32(RandomActivations(700, 40, 26));
  const auto y = AsFloat32(RandomActivations(700, traits().compares_features ? 40 : 30, 27));
  NoCache cache;
  std::vector<double> values;
  for (const int threads : {1, 2, 5}) {
    ComputeArena arena(threads);
    ComputeContext context;
    context.arena = &arena;
    values.push_back(TryCompare(name(), SideOf(name(), x, &cache), SideOf(name(), y, &cache),
                                Form::kAuto, context)
                         ->value);
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_EQ(values[0], values[2]);
}

TEST_P(MeasurePropertiesTest, AStoppedComputationIsCancelled) {
  std::stop_source source;
  source.request_stop();
  ComputeContext context;
  context.stop = source.get_token();
  NoCache cache;
  const absl::StatusOr<Score> score = TryCompare(
      name(), SideOf(name(), AsFloat64(RandomNormal(kInputs, 4, 28)), &cache),
      SideOf(name(), AsFloat64(RandomNormal(kInputs, 4, 29)), &cache), Form::kAuto, context);
  EXPECT_EQ(score.status().code(), absl::StatusCode::kCancelled) << score.status();
}

TEST_P(MeasurePropertiesTest, NetworksAreComparedOrRefusedAsDeclared) {
  NoCache cache;
  const Matrix x = RandomActivations(kInputs, 6, 30);
  const std::vector<std::shared_ptr<const Representation>> layers = {
      AsFloat64(x), AsFloat64(RandomRelated(x, 8, 0.7, 31))};
  const std::vector<std::shared_ptr<const Representation>> others = {
      AsFloat64(RandomRelated(x, 5, 0.5, 32)), AsFloat64(RandomRelated(x, 3, 0.5, 33)),
      AsFloat64(RandomRelated(x, 7, 0.5, 34))};
  const absl::StatusOr<Score> score =
      TryCompare(name(), Operand(layers, Fusion{}, &cache), Operand(others, Fusion{}, &cache));
  if (!traits().applies_to_networks) {
    EXPECT_EQ(score.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_EQ(score->status, ScoreStatus::kOk);
  EXPECT_GE(score->value, traits().range_min);
  EXPECT_LE(score->value, traits().range_max);
  // A network of one layer is that layer.
  const double fused = testing::CompareNetworks(name(), {x}, {RandomRelated(x, 8, 0.7, 31)}).value;
  EXPECT_NEAR(fused, Value(x, RandomRelated(x, 8, 0.7, 31)), Tolerance(fused));
}

TEST_P(MeasurePropertiesTest, APermutationOnlyIndexesWhatIsThere) {
  const std::vector<int64_t> reversed = [] {
    std::vector<int64_t> order;
    for (Index i = 0; i < kInputs; ++i) order.push_back(kInputs - 1 - i);
    std::swap(order[3], order[17]);
    return order;
  }();
  const auto order = std::make_shared<const std::vector<int64_t>>(reversed);
  NoCache cache;
  for (const Index cols : {9, 70}) {
    const Matrix x = RandomActivations(kInputs, cols, 41);
    const Matrix y = RandomRelated(x, cols, 0.6, 42);
    if (cols > kInputs && IsBlindToFullRank(x, y)) continue;
    const Operand a = testing::SideOf(name(), AsFloat64(x), &cache);
    const Operand b = testing::SideOf(name(), AsFloat64(y), &cache);
    // Tangents of a path in another order would be others.
    const double expected = traits().compares_tangents
                                ? TryCompare(name(), a, b.SelectRows(order, &cache)).value().value
                                : Value(x, y(*order, Eigen::all));
    const Score indexed = TryCompare(name(), a, b.Permuted(order, &cache)).value();
    EXPECT_NEAR(indexed.value, expected, Tolerance(expected)) << cols;
    const auto prepared = measure_->PreparePermutations({}, a, b).value();
    if (prepared == nullptr) continue;
    EXPECT_NEAR(prepared->At(*order).value, expected, Tolerance(expected)) << cols;
  }
}

TEST_P(MeasurePropertiesTest, ItsDebiasedEstimatorIsAMeasureOfTheSameDirection) {
  if (traits().debiased.empty()) return;
  const auto debiased = MeasureRegistry::Parse(traits().debiased).value();
  EXPECT_EQ(debiased->name(), traits().debiased);
  EXPECT_EQ(debiased->traits().larger_is_more_similar, traits().larger_is_more_similar);
  EXPECT_EQ(debiased->traits().debiased, "");
}

INSTANTIATE_TEST_SUITE_P(AllMeasures, MeasurePropertiesTest, ::testing::ValuesIn(AllExamples()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace gramian
