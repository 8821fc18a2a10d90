#include "gramian/geometry/alternating_diffusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "gramian/geometry/markov_operator.h"
#include "gramian/geometry/rsm.h"
#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::kEpsilon;
using testing::Long;
using testing::LongMatrix;
using testing::NaiveCosine;
using testing::RandomActivations;
using testing::RandomRelated;
using testing::UnitPower;

using OperatorPtr = std::shared_ptr<const SpectralOperator>;
using ProductPtr = std::shared_ptr<const ProductOperator>;

// A network: its layers as the library takes them, and S~_1 S~_2 ... S~_L scaled to norm 1.
struct Network {
  std::vector<FusionLayer> layers;
  std::vector<OperatorPtr> operators;
  LongMatrix product;

  OperatorPtr Fuse(FusionOrder order, const ComputeContext& context = {}) const {
    return FuseSymmetric(context, layers, operators.front(), operators.back(), order).value();
  }
  ProductPtr FuseProduct() const {
    return ProductOperator::Fuse({}, layers, operators.front(), operators.back()).value();
  }
  LongMatrix Symmetrized() const { return product * product.transpose(); }
  LongMatrix Reversed() const { return product.transpose() * product; }

  void Multiply(const LongMatrix& centered) {
    product = product.size() == 0 ? centered : LongMatrix(product * centered);
    if (product.norm() > 0) product /= product.norm();
  }
  void AddLayer(const Matrix& x) {
    auto features = std::make_shared<const CenteredFeatures>(AsFloat64(x), false);
    const auto moments = Moments::Compute({}, *features, Arithmetic::kFloat64).value();
    operators.push_back(SpectralOperator::FromMoments({}, features, *moments).value());
    layers.push_back({std::move(features), Vector()});
    Multiply(testing::NaiveCenteredGram(x));
  }
  // A layer whose kernel has no finite features.
  void AddRbfLayer(const Matrix& x) {
    const Matrix rsm = ComputeRsm({}, *AsFloat64(x), {KernelKind::kRbf}, 2.0).value();
    operators.push_back(SpectralOperator::FromRsm({}, rsm).value());
    layers.push_back(FusionLayerOf(*operators.back()));
    Multiply(testing::NaiveCentered(rsm.cast<Long>()));
  }
};

// Layers of the given widths over n inputs, each a noisy mixture of the one before.
Network RandomNetwork(Index n, const std::vector<Index>& widths, double size, uint64_t seed) {
  Network network;
  Matrix x;
  for (const Index width : widths) {
    x = x.size() == 0 ? RandomActivations(n, width, seed) : RandomRelated(x, width, 0.7, ++seed);
    x /= x.norm() / std::sqrt(static_cast<double>(x.size()));
    network.AddLayer(x * size);
    ++seed;
  }
  return network;
}

double CosineOf(const OperatorPtr& a, const OperatorPtr& b, double t) {
  return PowerOverlap::Compute({}, *a, *b, true).value().Cosine(t);
}

// Rounding of a score at time t of chains of `depth` layers.
double Bound(size_t depth, double t) {
  return 64.0 * kEpsilon * static_cast<double>(depth) * (1.0 + t);
}

constexpr int64_t kTimes[] = {1, 2, 3, 4, 8, 16, 64};

void ExpectScores(const Network& a, const Network& b) {
  const size_t depth = a.layers.size() + b.layers.size();
  for (const int64_t t : kTimes) {
    const auto time = static_cast<double>(t);
    const auto symmetrized = static_cast<double>(
        NaiveCosine(UnitPower(a.Symmetrized(), t), UnitPower(b.Symmetrized(), t)));
    const auto reversed =
        static_cast<double>(NaiveCosine(UnitPower(a.Reversed(), t), UnitPower(b.Reversed(), t)));
    const auto product =
        static_cast<double>(NaiveCosine(UnitPower(a.product, t), UnitPower(b.product, t)));
    const auto fused = [&](FusionOrder order) {
      return CosineOf(a.Fuse(order), b.Fuse(order), time);
    };
    // A chain of one layer is S~ itself, not its square.
    if (a.layers.size() > 1 && b.layers.size() > 1) {
      EXPECT_LE(std::abs(fused(FusionOrder::kSymmetrized) - symmetrized), Bound(depth, time)) << t;
      EXPECT_LE(std::abs(fused(FusionOrder::kReversed) - reversed), Bound(depth, time)) << t;
    }
    const double power_cosine =
        ProductOperator::PowerCosine({}, *a.FuseProduct(), *b.FuseProduct(), t).value();
    EXPECT_LE(std::abs(power_cosine - product), Bound(depth, time)) << t;
  }
}

TEST(AlternatingDiffusionTest, NetworksOfAnyDepthAndWidthScoreAsMultipliedOut) {
  const std::vector<std::vector<Index>> shapes = {
      {6}, {5, 9}, {7, 3, 8}, {4, 12, 6, 5, 9}, {30, 5}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (size_t j = i; j < shapes.size(); ++j) {
      SCOPED_TRACE(::testing::PrintToString(shapes[i]) + ::testing::PrintToString(shapes[j]));
      ExpectScores(RandomNetwork(24, shapes[i], 1.0, 10 * i + 1),
                   RandomNetwork(24, shapes[j], 1.0, 10 * j + 500));
    }
  }
}

TEST(AlternatingDiffusionTest, SixtyFourLayersOfLargeActivationsDoNotOverflow) {
  const std::vector<Index> widths(64, 6);
  for (const double size : {1.0e6, 1.0e-6}) {
    const Network a = RandomNetwork(20, widths, size, 21);
    const Network b = RandomNetwork(20, widths, 1.0 / size, 300);
    ExpectScores(a, b);
  }
}

TEST(AlternatingDiffusionTest, LayersWithoutFiniteFeaturesMixWithOthers) {
  Network a = RandomNetwork(24, {5, 6}, 1.0, 31);
  a.AddRbfLayer(RandomActivations(24, 4, 32));
  a.AddLayer(RandomActivations(24, 7, 33));
  Network b;
  b.AddRbfLayer(RandomActivations(24, 4, 34));
  b.AddRbfLayer(RandomActivations(24, 4, 35));
  ExpectScores(a, b);
}

TEST(AlternatingDiffusionTest, AFusedNetworkHasTheEigenpairsOfTheProduct) {
  const Network network = RandomNetwork(30, {8, 5, 9}, 3.0, 41);
  // Unscaled, so that log_scale is checked too.
  LongMatrix product = LongMatrix::Identity(30, 30);
  for (const OperatorPtr& layer : network.operators) {
    const LongMatrix u = layer->Eigenvectors({}).value().cast<Long>();
    const Vector& lambda = layer->eigenvalues();
    product = (product * (u.transpose() * lambda.cast<Long>().asDiagonal() * u) *
               std::exp(Long{layer->log_scale()}))
                  .eval();
  }
  for (const FusionOrder order : {FusionOrder::kSymmetrized, FusionOrder::kReversed}) {
    const LongMatrix full = order == FusionOrder::kSymmetrized
                                ? LongMatrix(product * product.transpose())
                                : LongMatrix(product.transpose() * product);
    const OperatorPtr fused = network.Fuse(order);
    EXPECT_EQ(fused->rank(), 5);
    EXPECT_EQ(fused->eigenvalues()[0], 1.0);
    const Matrix u = fused->Eigenvectors({}).value();
    const LongMatrix rebuilt = u.cast<Long>().transpose() *
                               fused->eigenvalues().cast<Long>().asDiagonal() * u.cast<Long>() *
                               std::exp(Long{fused->log_scale()});
    EXPECT_LE(static_cast<double>((rebuilt - full).norm() / full.norm()), Bound(6, 1.0));
  }
}

TEST(AlternatingDiffusionTest, ReversedIsSymmetrizedFromTheOtherEnd) {
  const Network forward = RandomNetwork(25, {4, 9, 6}, 1.0, 51);
  Network backward = forward;
  std::reverse(backward.layers.begin(), backward.layers.end());
  std::reverse(backward.operators.begin(), backward.operators.end());
  const OperatorPtr a = forward.Fuse(FusionOrder::kReversed);
  const OperatorPtr b = backward.Fuse(FusionOrder::kSymmetrized);
  for (const double t : {1.0, 4.0}) EXPECT_LE(std::abs(CosineOf(a, b, t) - 1.0), Bound(6, t));
  EXPECT_LE((a->eigenvalues() - b->eigenvalues()).norm(), Bound(6, 1.0));
  EXPECT_LE(std::abs(a->log_scale() - b->log_scale()), Bound(6, 1.0));
}

// P_1 ... P_L = J + c_1 ... c_L S~_1 ... S~_L: why scores need the centred parts only.
TEST(AlternatingDiffusionTest, AProductOfMarkovOperatorsIsJPlusTheProductOfTheirCenteredParts) {
  const Index n = 20;
  LongMatrix markov = LongMatrix::Identity(n, n);
  LongMatrix parts = LongMatrix::Identity(n, n);
  Network network;
  for (const Index width : {6, 4, 9}) {
    const Matrix x = RandomActivations(n, width, static_cast<uint64_t>(60 + width));
    network.AddLayer(x);
    const Matrix rsm = ComputeRsm({}, *AsFloat64(x), {KernelKind::kLinear}, 0.0).value();
    const MarkovOperator p = MarkovOperator::FromRsm(rsm).value();
    markov = (markov * p.Rows(0, n).cast<Long>()).eval();
    parts = (parts * p.centered().cast<Long>() * Long{p.scale()}).eval();
  }
  const LongMatrix j = LongMatrix::Constant(n, n, Long{1} / n);
  EXPECT_LE(static_cast<double>((markov - j - parts).norm()), 16.0 * 20.0 * kEpsilon);
  // In the same direction as what is fused here.
  EXPECT_LE(static_cast<double>(1 - NaiveCosine(parts, network.product)), 64.0 * kEpsilon);
}

TEST(AlternatingDiffusionTest, ANetworkOfOneLayerIsThatLayer) {
  const Network network = RandomNetwork(15, {4}, 1.0, 71);
  for (const FusionOrder order : {FusionOrder::kSymmetrized, FusionOrder::kReversed}) {
    EXPECT_EQ(network.Fuse(order), network.operators[0]);
  }
  const Network other = RandomNetwork(15, {6}, 1.0, 72);
  const double product =
      ProductOperator::PowerCosine({}, *network.FuseProduct(), *other.FuseProduct(), 1).value();
  EXPECT_LE(std::abs(product - CosineOf(network.operators[0], other.operators[0], 1.0)),
            Bound(2, 1.0));
}

TEST(AlternatingDiffusionTest, ScaleOfAnyLayerDoesNotMatter) {
  const Network other = RandomNetwork(20, {5, 5}, 1.0, 81);
  const Matrix x = RandomActivations(20, 6, 82);
  const Matrix y = RandomRelated(x, 4, 0.6, 83);
  std::vector<double> scores;
  // Powers of 2 round nothing.
  for (const double size : {1.0, 0x1p40, 0x1p-40}) {
    Network network;
    network.AddLayer(x * size);
    network.AddLayer(y / size);
    scores.push_back(CosineOf(network.Fuse(FusionOrder::kSymmetrized),
                              other.Fuse(FusionOrder::kSymmetrized), 3.0));
  }
  EXPECT_LE(std::abs(scores[1] - scores[0]), Bound(4, 3.0));
  EXPECT_LE(std::abs(scores[2] - scores[0]), Bound(4, 3.0));
}

TEST(AlternatingDiffusionTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  const Network network = RandomNetwork(1000, {20, 30, 10}, 1.0, 91);
  for (const FusionOrder order : {FusionOrder::kSymmetrized, FusionOrder::kReversed}) {
    const OperatorPtr serial = network.Fuse(order);
    const OperatorPtr parallel = network.Fuse(order, threads);
    EXPECT_TRUE(testing::SameBits(serial->eigenvalues(), parallel->eigenvalues()));
    EXPECT_TRUE(testing::SameBits(serial->loadings(), parallel->loadings()));
  }
}

// Features that are whole numbers, centred, and orthogonal to each other without any rounding.
Matrix HadamardColumn(int which) {
  Matrix column(8, 1);
  for (int i = 0; i < 8; ++i)
    column(i, 0) = __builtin_parity(static_cast<unsigned>(i & which)) != 0 ? -1.0 : 1.0;
  return column;
}

TEST(AlternatingDiffusionTest, UncorrelatedLayersGiveNoOperator) {
  Network network;
  network.AddLayer(HadamardColumn(1));
  network.AddLayer(HadamardColumn(2));
  network.AddLayer(HadamardColumn(1));
  for (const FusionOrder order : {FusionOrder::kSymmetrized, FusionOrder::kReversed}) {
    EXPECT_EQ(network.Fuse(order), nullptr);
  }
  EXPECT_EQ(network.FuseProduct(), nullptr);
}

TEST(AlternatingDiffusionTest, AConstantLayerInBetweenGivesNoOperator) {
  Network network = RandomNetwork(40, {5}, 1.0, 101);
  network.layers.push_back({std::make_shared<const CenteredFeatures>(
                                testing::AsFloat32(Matrix::Constant(40, 3, 0.1)), false),
                            Vector()});
  network.AddLayer(RandomActivations(40, 4, 102));
  EXPECT_EQ(network.Fuse(FusionOrder::kSymmetrized), nullptr);
  EXPECT_EQ(network.FuseProduct(), nullptr);
}

TEST(AlternatingDiffusionTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  const Network network = RandomNetwork(20, {4, 5}, 1.0, 111);
  EXPECT_EQ(FuseSymmetric(stopped, network.layers, network.operators.front(),
                          network.operators.back(), FusionOrder::kSymmetrized)
                .status()
                .code(),
            absl::StatusCode::kCancelled);
}

TEST(ProductOperatorTest, ScoresLieInMinusOneToOneAndAreOneWithItself) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const ProductPtr a = RandomNetwork(12, {3, 2, 4}, 1.0, 200 + seed).FuseProduct();
    const ProductPtr b = RandomNetwork(12, {4, 3}, 1.0, 250 + seed).FuseProduct();
    for (const int64_t t : {1, 2, 3, 5}) {
      const double score = ProductOperator::PowerCosine({}, *a, *b, t).value();
      EXPECT_GE(score, -1.0);
      EXPECT_LE(score, 1.0);
      const double own = ProductOperator::PowerCosine({}, *a, *a, t).value();
      EXPECT_LE(std::abs(own - 1.0), Bound(6, static_cast<double>(t)));
    }
    EXPECT_GT(a->size_bytes(), 0);
    EXPECT_EQ(a->rows(), 12);
  }
}

TEST(ProductOperatorTest, APowerThatVanishesScoresZero) {
  // M = S~_1 S~_2 S~_3 maps from the third layer's direction to the first's, which are orthogonal:
  // M^2 = 0.
  Matrix both(8, 2);
  both << HadamardColumn(1), HadamardColumn(2);
  both.col(1) += both.col(0);
  Network network;
  network.AddLayer(HadamardColumn(1));
  network.AddLayer(both);
  network.AddLayer(HadamardColumn(2));
  const ProductPtr product = network.FuseProduct();
  ASSERT_NE(product, nullptr);
  EXPECT_LE(std::abs(ProductOperator::PowerCosine({}, *product, *product, 1).value() - 1.0),
            Bound(3, 1.0));
  EXPECT_EQ(ProductOperator::PowerCosine({}, *product, *product, 2).value(), 0.0);
}

TEST(FusionTest, OrdersHaveNames) {
  for (const FusionOrder order :
       {FusionOrder::kSymmetrized, FusionOrder::kProduct, FusionOrder::kReversed}) {
    EXPECT_EQ(ParseFusionOrder(ToString(order)).value(), order);
  }
  EXPECT_EQ(ParseFusionOrder("symmetrised").value(), FusionOrder::kSymmetrized);
  for (const char* text : {"", "Product", "sym"}) {
    EXPECT_EQ(ParseFusionOrder(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ((Fusion{FusionOrder::kProduct, 2.0}.ToString()), "product-power=2");
}

TEST(FusionTest, PowersArePositiveAndWholeForAPlainProduct) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const FusionOrder order :
       {FusionOrder::kSymmetrized, FusionOrder::kProduct, FusionOrder::kReversed}) {
    EXPECT_TRUE(Validate({order, 1.0}).ok());
    EXPECT_TRUE(Validate({order, 3.0}).ok());
    for (const double power : {0.0, -1.0, inf, -inf, std::nan("")}) {
      EXPECT_EQ(Validate({order, power}).code(), absl::StatusCode::kInvalidArgument) << power;
    }
    EXPECT_EQ(Validate({order, 0.5}).ok(), order != FusionOrder::kProduct);
  }
}

}  // namespace
}  // namespace gramian
