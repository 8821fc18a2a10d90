// Every golden score again, through a real gramiand on loopback: layers are sent in shuffled
// chunks.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gramian/base/matrix.h"
#include "gramian/client/client.h"
#include "gramian/client/resource_name.h"
#include "gtest/gtest.h"
#include "tests/integration/gramiand_process.h"
#include "tests/testing/golden_cases.h"

namespace gramian {
namespace {

using testing::GoldenScore;

class GoldenServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(process_.WaitUntilListening()) << process_.errors();
    auto client = client::Client::Connect(process_.grpc_address());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Uploads a layer in chunks of a few rows in random order.
  void Upload(const std::string& folder, const std::string& snapshot, const std::string& layer,
              int64_t ordinal) {
    const MatrixF matrix = testing::LoadGoldenLayer(folder, layer);
    client::LayerHeader header;
    header.snapshot = snapshot;
    header.module_path = layer;
    header.row_count = matrix.rows();
    header.feature_count = matrix.cols();
    header.ordinal = ordinal;
    header.probe_set = folder;
    auto writer = client_->OpenLayer(header);
    ASSERT_TRUE(writer.ok()) << writer.status();
    std::vector<int64_t> starts;
    for (int64_t row = 0; row < matrix.rows(); row += 7) starts.push_back(row);
    std::shuffle(starts.begin(), starts.end(), random_);
    for (const int64_t row : starts) {
      const int64_t count = std::min<int64_t>(7, matrix.rows() - row);
      ASSERT_TRUE(writer->Write(row, {matrix.row(row).data(), count, 0}).ok());
    }
    const auto committed = writer->Finish();
    ASSERT_TRUE(committed.ok()) << committed.status();
  }

  // The name of a snapshot that holds `layers`, uploaded when it is first asked for. `side` tells
  // the two sides of a pair apart, so that a network can be compared with itself.
  std::string Snapshot(const std::string& folder, const std::string& side,
                       const std::vector<std::string>& layers) {
    const std::string network = absl::StrCat(side, ":", absl::StrJoin(layers, "+"));
    const std::string name = client::SnapshotName("golden", network, 0);
    if (!uploaded_[name]) {
      uploaded_[name] = true;
      for (size_t i = 0; i < layers.size(); ++i) {
        Upload(folder, name, layers[i], static_cast<int64_t>(i));
      }
    }
    return name;
  }

  absl::StatusOr<double> Ask(const std::string& folder, const GoldenScore& golden) {
    if (golden.is_network) {
      client::Fusion fusion;
      fusion.order = golden.fusion.order == FusionOrder::kProduct ? client::FusionOrder::kProduct
                     : golden.fusion.order == FusionOrder::kReversed
                         ? client::FusionOrder::kReversed
                         : client::FusionOrder::kSymmetrized;
      fusion.power = golden.fusion.power;
      const auto matrix = client_->CompareNetworks(
          {Snapshot(folder, "x", golden.x), Snapshot(folder, "y", golden.y)}, golden.measure,
          fusion);
      if (!matrix.ok()) return matrix.status();
      return matrix->at(0, 1).value.value();
    }
    const auto layer = [&](const std::string& name) {
      return client::LayerName(Snapshot(folder, "layer", {name}), name);
    };
    const auto scores =
        client_->CompareLayers(layer(golden.x[0]), layer(golden.y[0]), {golden.measure});
    if (!scores.ok()) return scores.status();
    return (*scores)[0].value.value();
  }

  void Check(const std::string& folder, const std::vector<GoldenScore>& scores) {
    std::map<std::string, int> checked;
    for (const GoldenScore& golden : scores) {
      SCOPED_TRACE(golden.id + " " + golden.golden_measure + " as " + golden.measure);
      const absl::StatusOr<double> value = Ask(folder, golden);
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_NEAR(golden.scale * *value + golden.offset, golden.expected, golden.tolerance);
      ++checked[golden.golden_measure];
    }
    for (const auto& [measure, count] : checked) {
      std::printf("  checked %5d of %s\n", count, measure.c_str());
    }
  }

  // What no score is asked for here: EveryRecordIsAccountedFor of the library's test pins each.
  static void PrintSkipped(const testing::GoldenSet& golden) {
    std::map<std::string, int> skipped = golden.other_measures;
    for (const GoldenScore& score : golden.excused) ++skipped[score.golden_measure + ", excused"];
    for (const testing::GoldenList& list : golden.lists) ++skipped[list.measure + ", no score"];
    skipped["geometry, no score"] += static_cast<int>(golden.geometry.size());
    skipped["any, no value"] += static_cast<int>(golden.without_value.size());
    for (const auto& [measure, count] : skipped) {
      if (count > 0) std::printf("  skipped %5d of %s\n", count, measure.c_str());
    }
  }

  client::OperatorView View(const client::OperatorQuery& query) {
    absl::StatusOr<client::OperatorView> view = client_->GetOperator(query);
    EXPECT_TRUE(view.ok()) << view.status();
    return view.ok() ? *std::move(view) : client::OperatorView();
  }

  // The operators answered of the distance kernel are those of K = -D; the records are of D. The
  // matrix of the records: P = J + c H D H has the shape of J minus ours.
  static Matrix MarkovOfDistances(const Matrix& ours) {
    const auto n = static_cast<double>(ours.rows());
    const Matrix centered = 1.0 / n - ours.array();
    return 1.0 / n + centered.array() / (n * std::abs(centered.minCoeff()));
  }

  void CheckOperators(const std::string& folder,
                      const std::vector<testing::GoldenOperator>& operators) {
    int values = 0;
    for (const testing::GoldenOperator& record : operators) {
      SCOPED_TRACE(record.id + " " + record.rsm + " of " + record.x);
      const bool of_distances = record.rsm == "dist";
      client::OperatorQuery query;
      query.source = client::LayerName(Snapshot(folder, "layer", {record.x}), record.x);
      query.kernel = of_distances ? "distance" : "linear";
      query.kind = client::OperatorQuery::Kind::kMarkovRows;
      const client::OperatorView view = View(query);
      ASSERT_EQ(view.values.size(), static_cast<size_t>(view.input_count * view.input_count));
      Matrix p = Eigen::Map<const Matrix>(view.values.data(), view.input_count, view.input_count);
      query.kind = client::OperatorQuery::Kind::kSpectrum;
      query.count = 1;
      double lambda = View(query).values.at(0);
      if (of_distances) {
        // The greatest eigenvalue of -D becomes the least of D, under the factor of D's matrix.
        const double scale = (p.array() - 1.0 / static_cast<double>(p.rows())).maxCoeff();
        lambda *= -1.0 / (static_cast<double>(p.rows()) * scale);
        p = MarkovOfDistances(p);
      }
      const Matrix p2 = p * p;
      const std::map<std::string, double> ours = {
          {"P_00", p(0, 0)},       {"P_01", p(0, 1)},          {"P2_00", p2(0, 0)},
          {"P2_01", p2(0, 1)},     {"P_fro", p.norm()},        {"P_max", p.maxCoeff()},
          {"P_min", p.minCoeff()}, {"c_times_lambda1", lambda}};
      for (const auto& [key, expected] : record.values) {
        // S~ itself is not answered.
        if (!ours.contains(key)) continue;
        ++values;
        EXPECT_NEAR(ours.at(key), expected,
                    std::max(record.absolute, record.relative * std::abs(expected)))
            << key;
      }
    }
    EXPECT_GE(values, 8 * static_cast<int>(operators.size()));
    std::printf("  checked %5zu of markov_operator, %d values\n", operators.size(), values);
  }

  void CheckSpectra(const std::string& folder,
                    const std::vector<testing::GoldenSpectrum>& spectra) {
    for (const testing::GoldenSpectrum& record : spectra) {
      SCOPED_TRACE(record.id + " " + record.rsm);
      client::OperatorQuery query;
      query.source = Snapshot(folder, "x", record.x);
      query.kernel = record.rsm == "gram" ? "linear" : "distance";
      query.count = static_cast<int64_t>(record.relative_eigenvalues.size());
      const client::OperatorView view = View(query);
      ASSERT_EQ(view.values.size(), record.relative_eigenvalues.size());
      for (size_t i = 0; i < view.values.size(); ++i) {
        const double expected = record.relative_eigenvalues[i];
        EXPECT_NEAR(view.values[i] / view.values[0], expected,
                    std::max(record.absolute, record.relative * expected));
      }
    }
    std::printf("  checked %5zu of fused_spectrum\n", spectra.size());
  }

  void CheckFolder(const std::string& folder) {
    const testing::GoldenSet golden = testing::LoadGolden(folder);
    Check(folder, golden.scores);
    CheckOperators(folder, golden.operators);
    CheckSpectra(folder, golden.spectra);
    PrintSkipped(golden);
  }

  testing::GramiandProcess process_{{"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0"}};
  std::unique_ptr<client::Client> client_;
  std::map<std::string, bool> uploaded_;
  std::mt19937_64 random_{7};
};

TEST_F(GoldenServerTest, EveryRecordOfSmallIsMet) { CheckFolder("small"); }

TEST_F(GoldenServerTest, EveryRecordOfDigitsIsMet) { CheckFolder("digits"); }

TEST_F(GoldenServerTest, EveryCellOfTheMatricesIsMet) {
  for (const char* file :
       {"matrices_diffusion.json", "matrices_kornblith.json", "matrices_resi.json"}) {
    const testing::GoldenSet golden = testing::LoadGoldenMatrices(file);
    Check("digits", golden.scores);
    PrintSkipped(golden);
  }
}

// One request per measure and pair of networks, a network with itself among them: every cell has a
// value, but for the two measures of outputs, which hidden layers are not. The measures of tangent
// data, each named here, say of activations what they compare instead; tests/client/
// tangent_command_test.cc has Jacobians for them.
TEST_F(GoldenServerTest, EveryMeasureComparesTheDigitsNetworks) {
  std::vector<std::string> snapshots;
  for (const char* network : {"net0", "net1", "net2"}) {
    std::vector<std::string> layers;
    for (int i = 1; i <= 4; ++i) layers.push_back(absl::StrCat(network, "_layer", i));
    snapshots.push_back(Snapshot("digits", "network", layers));
  }
  const auto measures = client_->ListMeasures();
  ASSERT_TRUE(measures.ok()) << measures.status();
  int64_t cells = 0;
  std::set<std::string> tangents;
  for (const client::MeasureInfo& measure : *measures) {
    if (measure.compares_tangents) {
      tangents.insert(measure.name);
      const auto refused = client_->CompareSnapshots(snapshots[0], snapshots[1], measure.name);
      EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
      EXPECT_THAT(refused.status().message(), ::testing::HasSubstr("compares tangent data"));
      continue;
    }
    for (const auto& [a, b] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 2)}) {
      SCOPED_TRACE(absl::StrCat(measure.name, ", net", a, " and net", b));
      const auto matrix = client_->CompareSnapshots(
          snapshots[static_cast<size_t>(a)], snapshots[static_cast<size_t>(b)], measure.name);
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      ASSERT_EQ(matrix->cells.size(), 16U);
      for (const client::Cell& cell : matrix->cells) {
        const bool is_output = measure.family == "jsd" || measure.family == "disagreement";
        EXPECT_TRUE(cell.value.has_value() ||
                    (is_output && cell.status == client::ScoreStatus::kDifferentWidths))
            << client::Name(cell.status);
        ++cells;
      }
    }
  }
  EXPECT_THAT(tangents, ::testing::ElementsAre("msa-form=airm", "msa-form=distance",
                                               "msa-form=shape", "msa-form=similarity"));
  std::printf("  %zu measures, %lld cells\n", measures->size(), static_cast<long long>(cells));
}

}  // namespace
}  // namespace gramian
