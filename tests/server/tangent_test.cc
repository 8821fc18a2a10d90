// Goal: tangent data over a real socket arrive like activations, are kept as factors and compared;
// CompareTangents says what its fields promise and refuses what it must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <future>
#include <iterator>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/resume_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSide = 24;
constexpr int64_t kPoints = kSide * kSide;
constexpr double kTwoPi = 2.0 * std::numbers::pi;

// Rows of a torus, answer(a, b) -> values.
template <typename Answer>
Activations OnTorus(int64_t cols, const Answer& answer) {
  Activations rows{kPoints, cols, {}};
  for (int64_t i = 0; i < kPoints; ++i) {
    const double step = kTwoPi / static_cast<double>(kSide);
    for (const double value :
         answer(step * static_cast<double>(i / kSide), step * static_cast<double>(i % kSide))) {
      rows.values.push_back(static_cast<float>(value));
    }
  }
  return rows;
}

using Row = std::vector<double>;

Activations Flat() {
  return OnTorus(4, [](double a, double b) {
    return Row{std::cos(a), std::sin(a), std::cos(b), std::sin(b)};
  });
}
Activations Doughnut() {
  return OnTorus(3, [](double a, double b) {
    const double r = 2.0 + std::cos(b);
    return Row{r * std::cos(a), r * std::sin(a), std::sin(b)};
  });
}
// Their Jacobians, row by row.
Activations FlatJacobians() {
  return OnTorus(8, [](double a, double b) {
    return Row{-std::sin(a), 0, std::cos(a), 0, 0, -std::sin(b), 0, std::cos(b)};
  });
}
Activations DoughnutJacobians() {
  return OnTorus(6, [](double a, double b) {
    const double r = 2.0 + std::cos(b);
    return Row{-r * std::sin(a),
               -std::sin(b) * std::cos(a),
               r * std::cos(a),
               -std::sin(b) * std::sin(a),
               0,
               std::cos(b)};
  });
}

// float32 Jacobians and activations.
constexpr double kTolerance = 1e-5;
const double kExact = 1.0 - 1.0 / std::sqrt(3.0);

class TangentTest : public ServerFixture {
 protected:
  static v1::UploadHeader TangentHeader(const Activations& rows, const std::string& layer,
                                        v1::RowKind kind = v1::ROW_KIND_JACOBIAN,
                                        int coordinates = 2) {
    v1::UploadHeader header = Header(rows, layer);
    header.set_row_kind(kind);
    header.set_coordinate_count(coordinates);
    return header;
  }

  grpc::Status CompareTangents(const v1::CompareTangentsRequest& request,
                               v1::CompareTangentsResponse* response) {
    const auto context = Context();
    return similarity_->CompareTangents(context.get(), request, response);
  }
  static v1::CompareTangentsRequest Request(const std::string& a, const std::string& b) {
    v1::CompareTangentsRequest request;
    request.set_layer_a(LayerName(a));
    request.set_layer_b(LayerName(b));
    return request;
  }
  static void SetGrid(v1::CompareTangentsRequest& request) {
    for (int i = 0; i < 2; ++i) {
      v1::GridAxis& axis = *request.mutable_grid()->add_axes();
      axis.set_size(kSide);
      axis.set_spacing(kTwoPi / static_cast<double>(kSide));
      axis.set_periodic(true);
    }
  }
  void ExpectRefused(const v1::CompareTangentsRequest& request, grpc::StatusCode code,
                     const std::string& text) {
    v1::CompareTangentsResponse response;
    const grpc::Status status = CompareTangents(request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }
};

TEST_F(TangentTest, JacobiansAreKeptAsFactorsAndCompared) {
  Start();
  const Activations flat = FlatJacobians();
  const UploadOutcome outcome = Upload(TangentHeader(flat, "flat"), CutRows(flat, 7));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
  EXPECT_EQ(outcome.layer.row_kind(), v1::ROW_KIND_FACTOR);
  EXPECT_EQ(outcome.layer.coordinate_count(), 2);
  EXPECT_EQ(outcome.layer.feature_count(), 3);
  EXPECT_EQ(outcome.layer.dtype(), v1::DTYPE_FLOAT64);
  EXPECT_EQ(outcome.layer.size_bytes(), kPoints * 3 * 8);
  EXPECT_NE(outcome.layer.sent_digest(), outcome.layer.digest());
  std::string factors;
  ASSERT_TRUE(Fetch(LayerName("flat"), &factors).ok());
  EXPECT_EQ(static_cast<int64_t>(factors.size()), kPoints * 3 * 8);

  const Activations doughnut = DoughnutJacobians();
  ASSERT_TRUE(Upload(TangentHeader(doughnut, "doughnut"), CutRows(doughnut, 100)).status.ok());
  v1::CompareTangentsResponse response;
  ASSERT_TRUE(CompareTangents(Request("flat", "doughnut"), &response).ok());
  EXPECT_EQ(response.input_count(), kPoints);
  EXPECT_EQ(response.coordinate_count(), 2);
  EXPECT_NEAR(response.distance(), kExact, kTolerance);
  EXPECT_EQ(response.similarity(), 1.0 - response.distance());
  EXPECT_GT(response.standard_error(), 0.0);
  EXPECT_LT(response.log_scale_mean(), 0.0) << "the doughnut is the larger";
  EXPECT_EQ(response.compared_count(), kPoints);
  EXPECT_EQ(response.compared_weight(), 1.0);
  EXPECT_EQ(response.field_size(), 0) << "nobody asked for it";

  v1::CompareLayersResponse scores;
  ASSERT_TRUE(Compare(LayerName("flat"), LayerName("doughnut"), {"msa"}, &scores).ok());
  EXPECT_EQ(scores.scores(0).value(), response.distance());
  EXPECT_THAT(Compare(LayerName("flat"), LayerName("doughnut"), {"cka"}, &scores).error_message(),
              HasSubstr("compares activations, not rows of factor"));
}

TEST_F(TangentTest, ActivationsAreComparedOnAGridOrByCoordinates) {
  Start();
  MustUpload(Flat(), "flat");
  MustUpload(Doughnut(), "doughnut");
  MustUpload(OnTorus(2, [](double a, double b) { return Row{a, b}; }), "points");
  v1::CompareTangentsRequest request = Request("flat", "doughnut");
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT, "activations need a grid");
  SetGrid(request);
  v1::CompareTangentsResponse response;
  ASSERT_TRUE(CompareTangents(request, &response).ok());
  EXPECT_NEAR(response.distance(), kExact, kTolerance);
  for (int64_t i = 0; i < kPoints; ++i) {
    request.add_weights(2.0 + std::cos(kTwoPi * static_cast<double>(i % kSide) / kSide));
  }
  ASSERT_TRUE(CompareTangents(request, &response).ok());
  EXPECT_NEAR(response.distance(), 0.5, kTolerance) << "by area";
  request.set_coordinates(LayerName("points"));
  ASSERT_TRUE(CompareTangents(request, &response).ok());
  EXPECT_NEAR(response.distance(), 0.5, 0.03);
}

TEST_F(TangentTest, TheFieldIsOnePointForEachInput) {
  Start();
  // Stretches by 1 and 2, by 3 and 3, blind, blind in one direction.
  const Activations a{4, 3, {1, 0, 2, 3, 0, 3, 0, 0, 0, 1, 0, 0}};
  const Activations b{4, 3, {1, 0, 1, 3, 0, 3, 0, 0, 0, 1, 0, 1}};
  ASSERT_TRUE(Upload(TangentHeader(a, "a", v1::ROW_KIND_FACTOR), CutRows(a, 1)).status.ok());
  ASSERT_TRUE(Upload(TangentHeader(b, "b", v1::ROW_KIND_FACTOR), CutRows(b, 1)).status.ok());
  v1::CompareTangentsRequest request = Request("a", "b");
  request.set_with_field(true);
  v1::CompareTangentsResponse response;
  ASSERT_TRUE(CompareTangents(request, &response).ok());
  ASSERT_EQ(response.field_size(), 4);
  EXPECT_NEAR(response.field(0).spectral_ratio(), 0.5, 1e-15);
  EXPECT_NEAR(response.field(0).log_scale(), 0.5 * std::log(2.0), 1e-15);
  EXPECT_NEAR(response.field(0).shape(), std::sqrt(2.0) * std::log(2.0), 1e-15);
  EXPECT_NEAR(response.field(0).airm(), 2.0 * std::log(2.0), 1e-15);
  EXPECT_EQ(response.field(1).spectral_ratio(), 0.0);
  EXPECT_EQ(response.field(2).joint_rank(), 0);
  EXPECT_FALSE(response.field(2).has_airm());
  EXPECT_EQ(response.field(3).spectral_ratio(), 1.0);
  EXPECT_TRUE(response.field(3).rank_mismatch());
  EXPECT_NEAR(response.distance(), 1.5 / 4.0, 1e-15);
  EXPECT_EQ(response.compared_count(), 2);
  EXPECT_EQ(response.degenerate_count(), 1);
  EXPECT_EQ(response.vanishing_count(), 1);
  EXPECT_EQ(response.rank_mismatch_count(), 1);
}

TEST_F(TangentTest, TheFieldHasItsLimit) {
  Start();
  for (const int64_t rows : {int64_t{100'000}, int64_t{100'001}}) {
    const std::string name = absl::StrCat("line", rows);
    const Activations line{rows, 1, std::vector<float>(static_cast<size_t>(rows), 1.0F)};
    ASSERT_TRUE(Upload(TangentHeader(line, name, v1::ROW_KIND_FACTOR, 1), CutRows(line, 50'000))
                    .status.ok());
    v1::CompareTangentsRequest request = Request(name, name);
    v1::CompareTangentsResponse response;
    EXPECT_TRUE(CompareTangents(request, &response).ok());
    request.set_with_field(true);
    const grpc::Status status = CompareTangents(request, &response);
    if (rows == 100'000) {
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(response.field_size(), rows);
    } else {
      testing::ExpectRefused(
          status, {grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED", rows, 100'000, false});
    }
  }
}

TEST_F(TangentTest, MalformedQuestionsAreRefused) {
  Start();
  MustUpload(Flat(), "flat");
  MustUpload(Doughnut(), "doughnut");
  const Activations jacobians = FlatJacobians();
  ASSERT_TRUE(Upload(TangentHeader(jacobians, "tangents"), CutRows(jacobians, 100)).status.ok());
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  v1::CompareTangentsRequest request = Request("flat", "doughnut");
  request.mutable_grid();
  ExpectRefused(request, invalid, "0 axes, must be from 1 to 64");
  SetGrid(request);
  request.add_weights(1.0);
  ExpectRefused(request, invalid, "1 weights are given for 576 inputs");
  request.clear_weights();
  request.mutable_grid()->mutable_axes(0)->set_size(4);
  ExpectRefused(request, invalid, "axis 0 of the grid has 4 points, must be at least 5");
  ExpectRefused(Request("flat", "missing"), grpc::StatusCode::NOT_FOUND, "missing");
  request = Request("tangents", "tangents");
  SetGrid(request);
  ExpectRefused(request, invalid, "both layers are tangent data");
  request.clear_points();
  request.set_layer_b("nonsense");
  ExpectRefused(request, invalid, "nonsense");
}

TEST_F(TangentTest, HeadersOfTangentDataAreChecked) {
  Start();
  const Activations rows = FlatJacobians();
  const auto refused = [&](v1::RowKind kind, int coordinates, const std::string& text) {
    const UploadOutcome outcome = Upload(TangentHeader(rows, "x", kind, coordinates), {});
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(outcome.status.error_message(), HasSubstr(text));
  };
  refused(v1::ROW_KIND_JACOBIAN, 0, "0 coordinates, must be from 1 to 64");
  refused(v1::ROW_KIND_JACOBIAN, 65, "65 coordinates, must be from 1 to 64");
  refused(v1::ROW_KIND_JACOBIAN, 3, "a multiple of 3 values, not 8");
  refused(v1::ROW_KIND_FACTOR, 2, "3 values, not 8");
  refused(v1::ROW_KIND_ACTIVATIONS, 2, "no coordinates, 2 were given");
  refused(static_cast<v1::RowKind>(77), 2, "row_kind 77 is not known");
}

// What resume_test shows of activations.
class TangentResumeTest : public ResumeFixture {};

TEST_P(TangentResumeTest, AJacobianUploadGoesOnWhereItStopped) {
  Start(DurableOptions());
  const auto header = [&] {
    v1::UploadHeader named = Named("fc");
    named.set_row_kind(v1::ROW_KIND_JACOBIAN);
    named.set_coordinate_count(7);
    return named;
  }();
  {
    UploadCall call(*activations_);
    call.Send(header);
    ASSERT_TRUE(call.Accepted().has_value());
    call.Send(CutBytes(x_, 0, 1000));
    call.Send(CutBytes(x_, 1600, 2000));
    call.Finish();
  }
  const v1::Upload parked = Parked("fc");
  EXPECT_EQ(parked.row_kind(), v1::ROW_KIND_JACOBIAN);
  EXPECT_EQ(parked.coordinate_count(), 7);
  EXPECT_EQ(SizeOf(parked.persisted()), 1400);
  if (GetParam()) {
    Stop();
    Start(DurableOptions());
  }
  const UploadEnd end = SendRest(header);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  v1::FindMissingLayersRequest request;
  request.set_parent(SnapshotName());
  auto* candidate = request.add_layers();
  candidate->set_module_path("fc");
  v1::GetLayerRequest name;
  name.set_name(LayerName("fc"));
  v1::GetLayerResponse layer;
  ASSERT_TRUE(activations_->GetLayer(Context().get(), name, &layer).ok());
  EXPECT_EQ(layer.layer().feature_count(), 28);
  candidate->set_digest(layer.layer().sent_digest());
  v1::FindMissingLayersResponse missing;
  ASSERT_TRUE(activations_->FindMissingLayers(Context().get(), request, &missing).ok());
  EXPECT_EQ(missing.module_paths_size(), 0);
  EXPECT_TRUE(ReservedNothing());
}

INSTANTIATE_TEST_SUITE_P(Stores, TangentResumeTest, ::testing::Bool(), StoreName);

// Pullback metrics in 64 coordinates, which take seconds to reduce.
Activations ManyMetrics() {
  constexpr int64_t kCoordinates = 64;
  constexpr int64_t kInputs = 3000;
  Activations rows{kInputs, kCoordinates * (kCoordinates + 1) / 2, {}};
  for (int64_t input = 0; input < kInputs; ++input) {
    for (int64_t i = 0; i < kCoordinates; ++i) {
      rows.values.push_back(static_cast<float>(kCoordinates));
      for (int64_t j = i + 1; j < kCoordinates; ++j)
        rows.values.push_back(static_cast<float>((input + i * j) % 7) / 7.0F);
    }
  }
  return rows;
}

// Goal: reducing tangent data ends when nobody waits for it, and leaves room for others. Method:
// the client goes while the server reduces; then a small upload, and a drain, must not wait for the
// rest.
TEST_F(TangentTest, AReductionStopsWithItsClientAndWithTheServer) {
  ServerOptions options = Options();
  const TempDir directory;
  options.data_dir = directory.path() + "/data";
  options.store_bytes = int64_t{1} << 30;
  Start(options);
  const Activations metrics = ManyMetrics();
  v1::UploadHeader header = TangentHeader(metrics, "metrics", v1::ROW_KIND_PULLBACK_METRIC, 64);
  header.set_upload_id("one");
  const auto send = [&](UploadCall& call) {
    return call.Send(header) && call.Accepted().has_value() && call.Send(CutRows(metrics, 100));
  };
  UploadCall gone(*activations_);
  ASSERT_TRUE(send(gone));
  auto ended = std::async(std::launch::async, [&gone] { return gone.Finish(); });
  // What it becomes grows in a file beside what was sent.
  const auto is_reducing = [&options] {
    const std::filesystem::directory_iterator parts(options.data_dir + "/uploads");
    return std::distance(begin(parts), end(parts)) > 1;
  };
  ASSERT_TRUE(Eventually(is_reducing));
  gone.Cancel();
  EXPECT_EQ(ended.get().status.error_code(), grpc::StatusCode::CANCELLED);
  MustUpload(RandomActivations(20, 3, 1), "small");

  UploadCall drained(*activations_);
  ASSERT_TRUE(drained.Send(header));
  const auto accepted = drained.Accepted();
  ASSERT_TRUE(accepted.has_value());
  auto last = std::async(std::launch::async, [&drained] { return drained.Finish(); });
  EXPECT_TRUE(server_->Drain(std::chrono::minutes(1)));
  const UploadEnd told = last.get();
  EXPECT_TRUE(told.layer.has_value() || told.draining.has_value()) << told.status.error_message();
}

}  // namespace
}  // namespace gramian::testing
