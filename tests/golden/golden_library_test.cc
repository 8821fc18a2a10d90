// Every record of the golden files that belongs to a measure of this build, asked of the library.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gramian/geometry/alternating_diffusion.h"
#include "gramian/geometry/markov_operator.h"
#include "gramian/geometry/rsm.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/overlap.h"
#include "gtest/gtest.h"
#include "tests/testing/golden_cases.h"
#include "tests/testing/keep_everything.h"

namespace gramian {
namespace {

using ::testing::Test;

// Layers of one folder, read once.
class Layers {
 public:
  explicit Layers(std::string folder) : folder_(std::move(folder)) {}

  std::shared_ptr<const Representation> Get(const std::string& name) {
    std::shared_ptr<const Representation>& layer = layers_[name];
    if (layer == nullptr) {
      layer = Representation::FromMatrix(testing::LoadGoldenLayer(folder_, name)).value();
    }
    return layer;
  }

  Operand MakeOperand(const std::vector<std::string>& names, const testing::GoldenScore& score,
                      DerivedCache* cache) {
    if (!score.is_network) return Operand(Get(names[0]), cache);
    std::vector<std::shared_ptr<const Representation>> layers;
    for (const std::string& name : names) layers.push_back(Get(name));
    return Operand(std::move(layers), score.fusion, cache);
  }

 private:
  std::string folder_;
  std::map<std::string, std::shared_ptr<const Representation>> layers_;
};

absl::StatusOr<Score> ScoreOf(Layers& layers, const testing::GoldenScore& golden,
                              DerivedCache* cache) {
  const auto measure = MeasureRegistry::Parse(golden.measure);
  if (!measure.ok()) return measure.status();
  return (*measure)->Compare(ComputeContext(), layers.MakeOperand(golden.x, golden, cache),
                             layers.MakeOperand(golden.y, golden, cache), Form::kAuto);
}

// What golden values that are not met are like: a correct score differs, and docs/measures.md says
// why. A pair that a library refuses has a score here.
void CheckExcuses(const std::string& folder, const std::vector<testing::GoldenScore>& excused) {
  ASSERT_TRUE(InitializeBlas().ok());
  Layers layers(folder);
  testing::KeepEverything cache;
  std::ifstream file(GRAMIAN_MEASURES_DOCUMENT);
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  std::map<std::string, int> counts;
  for (const testing::GoldenScore& golden : excused) {
    SCOPED_TRACE(golden.id + " " + golden.golden_measure + " as " + golden.measure);
    EXPECT_THAT(document, ::testing::HasSubstr(golden.excuse));
    ++counts[golden.golden_measure + ": " + golden.excuse];
    if (golden.measure.empty()) continue;
    const absl::StatusOr<Score> score = ScoreOf(layers, golden, &cache);
    ASSERT_TRUE(score.ok()) << score.status();
    EXPECT_EQ(score->status, ScoreStatus::kOk) << ToString(score->status);
    if (golden.has_value) {
      EXPECT_GT(std::abs(golden.scale * score->value + golden.offset - golden.expected),
                golden.tolerance)
          << "needs no excuse";
    }
  }
  for (const auto& [what, count] : counts)
    std::printf("  excused %5d of %s\n", count, what.c_str());
}

// Our numbers of a golden list.
std::vector<double> ListOf(const testing::GoldenList& golden, const LayerOverlap& overlap) {
  if (golden.measure == "cca_coefficients") {
    const Vector rho = CanonicalCorrelations(overlap, Centering::kColumns).value();
    return {rho.begin(), rho.end()};
  }
  std::vector<double> numbers;
  for (const Vector* values : {&overlap.a_values, &overlap.b_values}) {
    Index count = values->size();
    if (golden.measure == "svcca_kept_components") {
      count = 1;
      while (values->head(count).sum() < golden.variance * values->sum()) ++count;
    }
    numbers.push_back(static_cast<double>(count));
  }
  return numbers;
}

// Checks all scores and prints how many there were of each measure.
void CheckScores(const std::string& folder, const std::vector<testing::GoldenScore>& scores) {
  ASSERT_TRUE(InitializeBlas().ok());
  Layers layers(folder);
  testing::KeepEverything cache;
  std::map<std::string, int> checked;
  for (const testing::GoldenScore& golden : scores) {
    SCOPED_TRACE(golden.id + " " + golden.golden_measure + " as " + golden.measure + " of " +
                 golden.x[0] + ", " + golden.y[0]);
    const absl::StatusOr<Score> score = ScoreOf(layers, golden, &cache);
    ASSERT_TRUE(score.ok()) << score.status();
    ASSERT_EQ(score->status, ScoreStatus::kOk) << ToString(score->status);
    EXPECT_NEAR(golden.scale * score->value + golden.offset, golden.expected, golden.tolerance);
    ++checked[golden.golden_measure];
  }
  for (const auto& [measure, count] : checked) {
    std::printf("  checked %5d of %s\n", count, measure.c_str());
  }
}

// One-hot labels: most inputs coincide. The golden distances of coinciding inputs are the root of
// rounding, about 1e-8, not 0, and its norm is off by 1.03e-9 where 1e-9 is allowed; this one value
// is checked against exact arithmetic instead.
constexpr char kCoincidingInputs[] = "digits-0083";

// |HDH|_F for Euclidean distances taken from differences, in long double.
double ExactCenteredNorm(const MatrixF& x) {
  using Exact = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
  const Exact wide = x.cast<long double>();
  Exact d(x.rows(), x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.rows(); ++j) d(i, j) = (wide.row(i) - wide.row(j)).norm();
  }
  const Exact rows = d.rowwise().mean();
  const long double mean = rows.mean();
  long double sum = 0.0L;
  for (Index i = 0; i < d.rows(); ++i) {
    for (Index j = 0; j < d.cols(); ++j) {
      const long double centered = d(i, j) - rows(i, 0) - rows(j, 0) + mean;
      sum += centered * centered;
    }
  }
  return static_cast<double>(std::sqrt(sum));
}

// docs/measures.md has a row for every family, whose name stands in a table as `name` or
// `name-...`.
TEST(MeasuresDocumentTest, EveryFamilyHasARow) {
  std::ifstream file(GRAMIAN_MEASURES_DOCUMENT);
  std::string rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() == '|') rows += line + "\n";
  }
  for (const MeasureFamily& family : MeasureRegistry::Families()) {
    EXPECT_THAT(rows, ::testing::AnyOf(::testing::HasSubstr("`" + family.name + "`"),
                                       ::testing::HasSubstr("`" + family.name + "-")));
  }
}

class GoldenFolderTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenFolderTest, EveryScoreIsMet) {
  const testing::GoldenSet golden = testing::LoadGolden(GetParam());
  CheckScores(GetParam(), golden.scores);
}

TEST_P(GoldenFolderTest, EveryExcuseIsNeededAndWrittenDown) {
  CheckExcuses(GetParam(), testing::LoadGolden(GetParam()).excused);
}

// Lists about pairs of layers that are no scores.
TEST_P(GoldenFolderTest, EveryListIsMet) {
  ASSERT_TRUE(InitializeBlas().ok());
  Layers layers(GetParam());
  testing::KeepEverything cache;
  for (const testing::GoldenList& golden : testing::LoadGolden(GetParam()).lists) {
    SCOPED_TRACE(golden.id + " " + golden.measure);
    const auto overlap =
        ComputeOverlap(ComputeContext(), Operand(layers.Get(golden.x), &cache),
                       Operand(layers.Get(golden.y), &cache), {}, Centering::kColumns, Form::kAuto);
    ASSERT_TRUE(overlap.ok()) << overlap.status();
    const std::vector<double> ours = ListOf(golden, *overlap);
    ASSERT_EQ(ours.size(), golden.values.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i], golden.values[i], golden.tolerance);
    }
  }
}

TEST_P(GoldenFolderTest, EveryRecordIsAccountedFor) {
  const testing::GoldenSet golden = testing::LoadGolden(GetParam());
  EXPECT_THAT(golden.other_measures, ::testing::IsEmpty()) << "not asked of any measure";
  // A record of fused spectra holds one for each of two RSM kinds.
  const int records =
      static_cast<int>(golden.scores.size() + golden.operators.size() + golden.spectra.size() / 2 +
                       golden.geometry.size() + golden.lists.size() + golden.excused.size() +
                       golden.without_value.size());
  EXPECT_EQ(records, golden.record_count);
  // The only record without a number: the root of a negative product, which has a typed status
  // here.
  EXPECT_EQ(golden.without_value.size(), GetParam() == "digits" ? 1U : 0U);
  for (const auto& [id, record] : golden.without_value) {
    EXPECT_THAT(record, ::testing::HasSubstr("fused_distcorr_form"));
  }
}

TEST_P(GoldenFolderTest, EveryMarkovOperatorIsMet) {
  ASSERT_TRUE(InitializeBlas().ok());
  const testing::GoldenSet golden = testing::LoadGolden(GetParam());
  Layers layers(GetParam());
  const ComputeContext context;
  for (const testing::GoldenOperator& record : golden.operators) {
    SCOPED_TRACE(record.id + " " + record.rsm + " of " + record.x);
    const KernelSpec kernel{record.rsm == "gram" ? KernelKind::kLinear : KernelKind::kDistance};
    absl::StatusOr<Matrix> rsm = ComputeRsm(context, *layers.Get(record.x), kernel, 0.0);
    ASSERT_TRUE(rsm.ok());
    // The golden distance RSM is D, ours -D.
    if (record.rsm == "dist") *rsm = -*rsm;
    const absl::StatusOr<MarkovOperator> markov = MarkovOperator::FromRsm(*std::move(rsm));
    ASSERT_TRUE(markov.ok());
    const Matrix p = markov->Rows(0, markov->rows());
    const Matrix p2 = p * p;
    const absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(markov->centered());
    ASSERT_TRUE(eigen.ok());
    const auto n = static_cast<double>(p.rows());
    const bool negative = record.rsm == "dist";
    const double lambda = negative ? eigen->values[p.rows() - 1] : eigen->values[0];
    const std::map<std::string, double> ours = {{"c", markov->scale()},
                                                {"min_S", markov->centered().minCoeff()},
                                                {"P_00", p(0, 0)},
                                                {"P_01", p(0, 1)},
                                                {"P2_00", p2(0, 0)},
                                                {"P2_01", p2(0, 1)},
                                                {"P_fro", p.norm()},
                                                {"P_max", p.maxCoeff()},
                                                {"P_min", p.minCoeff()},
                                                {"fro_S", markov->centered().norm()},
                                                {"trace_S", markov->centered().trace()},
                                                {"c_times_lambda1", markov->scale() * lambda}};
    for (const auto& [key, expected] : record.values) {
      ASSERT_TRUE(ours.contains(key)) << key;
      if (record.id == kCoincidingInputs && key == "fro_S") {
        EXPECT_NEAR(ours.at(key), ExactCenteredNorm(testing::LoadGoldenLayer("digits", record.x)),
                    4.0 * n * std::numeric_limits<double>::epsilon() * expected);
        continue;
      }
      EXPECT_NEAR(ours.at(key), expected,
                  std::max(record.absolute, record.relative * std::abs(expected)))
          << key;
    }
    for (size_t i = 0; i < record.top_eigenvalues.size(); ++i) {
      const auto k = static_cast<Index>(i);
      EXPECT_NEAR(negative ? eigen->values[p.rows() - 1 - k] : eigen->values[k],
                  record.top_eigenvalues[i],
                  std::max(record.absolute, record.relative * std::abs(record.top_eigenvalues[i])));
    }
    EXPECT_GE(p.minCoeff(), 0.0);
    const double eps = std::numeric_limits<double>::epsilon();
    EXPECT_LE((p.rowwise().sum().array() - 1.0).abs().maxCoeff(), 4.0 * n * eps);
  }
  std::printf("  checked %5zu of markov_operator\n", golden.operators.size());
}

TEST_P(GoldenFolderTest, EveryFusedSpectrumIsMet) {
  ASSERT_TRUE(InitializeBlas().ok());
  const testing::GoldenSet golden = testing::LoadGolden(GetParam());
  Layers layers(GetParam());
  testing::KeepEverything cache;
  for (const testing::GoldenSpectrum& record : golden.spectra) {
    SCOPED_TRACE(record.id + " " + record.rsm);
    std::vector<std::shared_ptr<const Representation>> network;
    for (const std::string& name : record.x) network.push_back(layers.Get(name));
    const KernelSpec kernel{record.rsm == "gram" ? KernelKind::kLinear : KernelKind::kDistance};
    const absl::StatusOr<std::shared_ptr<const SpectralOperator>> fused =
        Operand(network, Fusion{}, &cache).GetSpectral(ComputeContext(), kernel, {});
    ASSERT_TRUE(fused.ok());
    for (size_t i = 0; i < record.relative_eigenvalues.size(); ++i) {
      const double expected = record.relative_eigenvalues[i];
      EXPECT_NEAR((*fused)->eigenvalues()[static_cast<Index>(i)], expected,
                  std::max(record.absolute, record.relative * expected));
    }
  }
  std::printf("  checked %5zu of fused_spectrum\n", golden.spectra.size());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFolderTest, ::testing::Values("small", "digits"),
                         [](const auto& instance) { return instance.param; });

class GoldenMatrixTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenMatrixTest, EveryCellIsMet) {
  const testing::GoldenSet golden = testing::LoadGoldenMatrices(GetParam());
  CheckScores("digits", golden.scores);
  CheckExcuses("digits", golden.excused);
  EXPECT_TRUE(golden.other_measures.empty());
  EXPECT_EQ(golden.scores.size() + golden.excused.size(), static_cast<size_t>(golden.record_count));
  EXPECT_TRUE(golden.without_value.empty());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenMatrixTest,
                         ::testing::Values("matrices_diffusion.json", "matrices_kornblith.json",
                                           "matrices_resi.json"),
                         [](const auto& instance) {
                           return instance.param.substr(0, instance.param.find('.'));
                         });

}  // namespace
}  // namespace gramian
