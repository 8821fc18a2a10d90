#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRows = 60;
// Inner products of float32 rows, times the number of terms of a row sum.
constexpr double kTolerance = 100 * kRows * std::numeric_limits<float>::epsilon();

struct View {
  grpc::Status status;
  std::optional<v1::OperatorHeader> header;
  std::vector<double> values;
  int block_count = 0;

  double at(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * header->column_count() + column)];
  }
};

class OperatorTest : public ServerFixture {
 protected:
  void SetUp() override {
    Start();
    for (int i = 0; i < 3; ++i) {
      v1::UploadHeader header = Header(x_, absl::StrCat("l", i));
      header.set_ordinal(i);
      const Activations x = RandomActivations(kRows, 4 + i, static_cast<uint32_t>(i));
      header.set_feature_count(x.cols);
      ASSERT_TRUE(Upload(header, CutRows(x, 16)).status.ok());
    }
  }

  View Get(const v1::GetOperatorRequest& request) {
    const auto context = Context();
    const auto stream = similarity_->GetOperator(context.get(), request);
    View view;
    v1::GetOperatorResponse response;
    while (stream->Read(&response)) {
      if (response.has_header()) {
        view.header = response.header();
        continue;
      }
      ++view.block_count;
      const v1::OperatorBlock& block = response.block();
      EXPECT_EQ(block.values_size(), block.row_count() * block.column_count());
      view.values.insert(view.values.end(), block.values().begin(), block.values().end());
    }
    view.status = stream->Finish();
    return view;
  }

  static v1::GetOperatorRequest OfLayer(const std::string& layer) {
    v1::GetOperatorRequest request;
    request.set_layer(LayerName(layer));
    return request;
  }

  static void ExpectMarkov(const View& view, int64_t rows) {
    ASSERT_TRUE(view.status.ok()) << view.status.error_message();
    ASSERT_EQ(view.header->row_count(), rows);
    ASSERT_EQ(view.header->column_count(), kRows);
    for (int64_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < kRows; ++j) {
        EXPECT_GE(view.at(i, j), -kTolerance);
        sum += view.at(i, j);
      }
      EXPECT_NEAR(sum, 1, kTolerance) << i;
    }
  }

  const Activations x_ = RandomActivations(kRows, 4, 0);
};

TEST_F(OperatorTest, RowsOfTheMarkovMatrixSumToOne) {
  v1::GetOperatorRequest request = OfLayer("l0");
  request.mutable_markov();
  const View all = Get(request);
  ExpectMarkov(all, kRows);
  EXPECT_THAT(all.header->layers(), ElementsAre(LayerName("l0")));
  EXPECT_EQ(all.header->input_count(), kRows);
  EXPECT_EQ(all.header->kernel(), "linear");
  for (int64_t i = 0; i < kRows; ++i) EXPECT_NEAR(all.at(i, 3), all.at(3, i), kTolerance);

  request.mutable_markov()->set_first_row(50);
  request.mutable_markov()->set_row_count(4);
  const View some = Get(request);
  ExpectMarkov(some, 4);
  for (int64_t j = 0; j < kRows; ++j) EXPECT_NEAR(some.at(2, j), all.at(52, j), kTolerance);
}

TEST_F(OperatorTest, TheSpectrumFallsAndHasNoMoreValuesThanFeatures) {
  v1::GetOperatorRequest request = OfLayer("l0");
  request.mutable_spectrum();
  const View view = Get(request);
  ASSERT_TRUE(view.status.ok()) << view.status.error_message();
  EXPECT_EQ(view.header->row_count(), 4);
  EXPECT_EQ(view.header->column_count(), 1);
  for (int64_t k = 0; k < 4; ++k) {
    EXPECT_GT(view.at(k, 0), 0);
    EXPECT_LE(view.at(k, 0), 1);
    if (k > 0) {
      EXPECT_LE(view.at(k, 0), view.at(k - 1, 0));
    }
  }
  request.mutable_spectrum()->set_count(2);
  const View two = Get(request);
  EXPECT_EQ(two.values.size(), 2u);
  EXPECT_EQ(two.at(1, 0), view.at(1, 0));
}

TEST_F(OperatorTest, SquaredDiffusionCoordinatesSumToSquaredEigenvalues) {
  v1::GetOperatorRequest request = OfLayer("l1");
  request.mutable_spectrum();
  const View spectrum = Get(request);
  request.mutable_diffusion()->set_time(2);
  request.mutable_diffusion()->set_count(3);
  const View view = Get(request);
  ASSERT_TRUE(view.status.ok()) << view.status.error_message();
  ASSERT_EQ(view.header->row_count(), kRows);
  ASSERT_EQ(view.header->column_count(), 3);
  // Eigenvectors have length 1, so column k has length lambda_k^t.
  for (int64_t k = 0; k < 3; ++k) {
    double squared = 0;
    for (int64_t i = 0; i < kRows; ++i) squared += view.at(i, k) * view.at(i, k);
    EXPECT_NEAR(std::sqrt(squared), std::pow(spectrum.at(k, 0), 2), kTolerance);
  }
}

TEST_F(OperatorTest, AFusedNetworkHasAnOperatorToo) {
  v1::GetOperatorRequest request;
  request.set_snapshot(SnapshotName());
  request.mutable_spectrum();
  const View all = Get(request);
  ASSERT_TRUE(all.status.ok()) << all.status.error_message();
  EXPECT_THAT(all.header->layers(), ElementsAre(LayerName("l0"), LayerName("l1"), LayerName("l2")));
  EXPECT_EQ(all.header->row_count(), 4);
  request.mutable_fusion()->add_layers("l2");
  const View one = Get(request);
  ASSERT_TRUE(one.status.ok()) << one.status.error_message();
  EXPECT_THAT(one.header->layers(), ElementsAre(LayerName("l2")));
}

TEST_F(OperatorTest, KernelsAreNamedAsInMeasures) {
  v1::GetOperatorRequest request = OfLayer("l0");
  request.mutable_markov();
  for (const std::string kernel :
       {"cosine", "rbf-bandwidth=fixed:2", "laplacian-bandwidth=median:0.5"}) {
    request.set_kernel(kernel);
    const View view = Get(request);
    ExpectMarkov(view, kRows);
    EXPECT_EQ(view.header->kernel(), kernel);
  }
  for (const std::string kernel :
       {"square", "rbf-bandwidth=0", "rbf-width=1", "linear-bandwidth=fixed:1", "rbf-"}) {
    request.set_kernel(kernel);
    EXPECT_EQ(Get(request).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << kernel;
  }
}

TEST_F(OperatorTest, LargeAnswersComeInSeveralBlocks) {
  const Activations x = RandomActivations(600, 2, 5);
  ASSERT_TRUE(Upload(Header(x, "many", 7), CutRows(x, 600)).status.ok());
  v1::GetOperatorRequest request;
  request.set_layer(LayerName("many", 7));
  request.mutable_markov();
  const View view = Get(request);
  ASSERT_TRUE(view.status.ok()) << view.status.error_message();
  EXPECT_EQ(view.values.size(), 360'000u);
  EXPECT_GE(view.block_count, 3);
}

TEST_F(OperatorTest, RequestsThatMakeNoSenseAreRefused) {
  const auto code = [this](const v1::GetOperatorRequest& request) {
    return Get(request).status.error_code();
  };
  v1::GetOperatorRequest no_source;
  no_source.mutable_spectrum();
  EXPECT_EQ(code(no_source), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(OfLayer("l0")), grpc::StatusCode::INVALID_ARGUMENT);  // no view
  v1::GetOperatorRequest request = OfLayer("nobody");
  request.mutable_spectrum();
  EXPECT_EQ(code(request), grpc::StatusCode::NOT_FOUND);
  request = OfLayer("l0");
  request.mutable_spectrum()->set_count(-1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_diffusion()->set_time(-1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_markov()->set_first_row(kRows);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_markov()->set_first_row(kRows - 1);
  request.mutable_markov()->set_row_count(2);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_fusion()->set_power(1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gramian::testing
