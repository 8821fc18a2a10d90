#include "gramian/client/client.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/client/error_details.h"
#include "tests/client/fake_server.h"

namespace gramian::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

using MatrixWriter = grpc::ServerWriter<v1::CompareSnapshotsResponse>;

// A 2 x 2 matrix, to be sent in pieces.
v1::CompareSnapshotsResponse HeaderMessage() {
  v1::CompareSnapshotsResponse response;
  v1::MatrixHeader& header = *response.mutable_header();
  header.set_measure("cka");
  header.set_cell_count(4);
  header.set_input_count(10);
  for (const char* label : {"x", "y"}) {
    header.add_row_names(label);
    header.add_column_names(label);
    header.add_row_labels(label);
    header.add_column_labels(label);
  }
  return response;
}

v1::CompareSnapshotsResponse RowMessage(int64_t row, double first, double second) {
  v1::CompareSnapshotsResponse response;
  v1::MatrixBlock& block = *response.mutable_block();
  block.set_first_row(row);
  block.set_row_count(1);
  block.set_column_count(2);
  block.add_values(first);
  block.add_values(second);
  block.set_done_count(2 * (row + 1));
  return response;
}

grpc::Status QueueFull(absl::Duration delay) {
  return WithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL", delay);
}

absl::StatusOr<SimilarityMatrix> Compare(const FakeServer& server, const CallOptions& options = {},
                                         const MatrixProgressCallback& progress = nullptr) {
  return server.Connect()->CompareSnapshots("a", "b", "cka", progress, options);
}

TEST(ClientTest, SaysWhichServerDoesNotAnswer) {
  ClientOptions options;
  options.connect_timeout = absl::Milliseconds(50);
  const auto client = Client::Connect("127.0.0.1:1", options);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("127.0.0.1:1"));
}

TEST(ClientTest, RefusesImpossibleOptions) {
  for (const int count : {0, 65}) {
    ClientOptions options;
    options.upload_connection_count = count;
    EXPECT_EQ(Client::Connect("127.0.0.1:1", options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  ClientOptions options;
  options.call_timeout = absl::ZeroDuration();
  EXPECT_EQ(Client::Connect("127.0.0.1:1", options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = {};
  options.reconnect_timeout = -absl::Seconds(1);
  EXPECT_EQ(Client::Connect("127.0.0.1:1", options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ClientTest, ListsAllPages) {
  FakeServer server;
  server.activations.list_layers = [](const v1::ListLayersRequest& request,
                                      v1::ListLayersResponse& response) {
    const int page = request.page_token().empty() ? 0 : std::stoi(request.page_token());
    response.add_layers()->set_module_path(absl::StrCat("layer", page));
    if (page < 2) response.set_next_page_token(absl::StrCat(page + 1));
    return grpc::Status::OK;
  };
  const absl::StatusOr<std::vector<LayerInfo>> layers = server.Connect()->ListLayers("s");
  ASSERT_TRUE(layers.ok()) << layers.status();
  ASSERT_EQ(layers->size(), 3U);
  EXPECT_EQ((*layers)[2].module_path, "layer2");
}

TEST(ClientTest, AServerThatRepeatsAPageIsNotFollowedForever) {
  FakeServer server;
  server.activations.list_layers = [](const v1::ListLayersRequest&,
                                      v1::ListLayersResponse& response) {
    response.set_next_page_token("again");
    return grpc::Status::OK;
  };
  EXPECT_EQ(server.Connect()->ListLayers("s").status().code(), absl::StatusCode::kInternal);
}

TEST(ClientTest, UnaryCallsAreRepeatedWhenTheServerIsUnavailable) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.activations.get_layer = [&](const v1::GetLayerRequest&, v1::GetLayerResponse& response) {
    response.mutable_layer()->set_digest("d");
    return ++calls < 3 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy") : grpc::Status::OK;
  };
  const absl::StatusOr<LayerInfo> layer = server.Connect()->GetLayer("l");
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->digest, "d");
  EXPECT_EQ(calls, 3);
}

TEST(ClientTest, AServerThatAsksToWaitIsAskedAgainThen) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.activations.get_layer = [&](const v1::GetLayerRequest&, v1::GetLayerResponse&) {
    return ++calls == 1 ? QueueFull(absl::Milliseconds(300)) : grpc::Status::OK;
  };
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(server.Connect()->GetLayer("l").ok());
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(300));
  EXPECT_EQ(calls, 2);
}

TEST(ClientTest, ACallIsNotRepeatedForeverNorAgainstTheCallersWish) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.activations.get_layer = [&](const v1::GetLayerRequest&, v1::GetLayerResponse&) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy");
  };
  ClientOptions options;
  options.reconnect_timeout = absl::Milliseconds(500);
  const std::unique_ptr<Client> patient = server.Connect(options);
  EXPECT_EQ(patient->GetLayer("l").status(), absl::UnavailableError("busy"));
  EXPECT_GT(calls, 1);
  calls = 0;
  options.reconnect_timeout = absl::ZeroDuration();
  EXPECT_EQ(server.Connect(options)->GetLayer("l").status(), absl::UnavailableError("busy"));
  EXPECT_EQ(calls, 1);
  std::stop_source stop;
  server.activations.get_layer = [&](const v1::GetLayerRequest&, v1::GetLayerResponse&) {
    stop.request_stop();
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy");
  };
  EXPECT_EQ(patient->GetLayer("l", {.stop = stop.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(ClientTest, AMatrixThatIsCutIsMadeAgain) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.similarity.compare = [&](grpc::ServerContext&, MatrixWriter& writer) {
    writer.Write(HeaderMessage());
    writer.Write(RowMessage(0, 0.1, 0.2));
    if (++calls == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
    writer.Write(RowMessage(1, 0.3, 0.4));
    return grpc::Status::OK;
  };
  const absl::StatusOr<SimilarityMatrix> matrix = Compare(server);
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(calls, 2);
  EXPECT_THAT(matrix->at(1, 1).value, Optional(0.4));
}

TEST(ClientTest, DeletingIsNotRepeated) {
  FakeServer server;
  std::atomic<int> calls{0};
  server.activations.delete_snapshot = [&](const v1::DeleteSnapshotRequest&) {
    ++calls;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy");
  };
  EXPECT_EQ(server.Connect()->DeleteSnapshot("s").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(calls, 1);
}

TEST(ClientTest, AnErrorBringsItsReasonAndTheTimeToWait) {
  FakeServer server;
  server.activations.get_layer = [](const v1::GetLayerRequest&, v1::GetLayerResponse&) {
    return QueueFull(absl::Seconds(2.5));
  };
  ClientOptions options;
  options.reconnect_timeout = absl::Seconds(2);
  const absl::Status status = server.Connect(options)->GetLayer("l").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "QUEUE_FULL");
  EXPECT_EQ(ErrorReason(status), "QUEUE_FULL");
  EXPECT_EQ(RetryDelay(status), absl::Seconds(2.5));
}

TEST(ClientTest, ErrorsWithoutDetailsHaveNoReason) {
  FakeServer server;
  const absl::Status status = server.Connect()->GetLayer("l").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ErrorReason(status), "");
  EXPECT_EQ(RetryDelay(status), absl::ZeroDuration());
}

TEST(ClientTest, AMatrixIsPutTogetherFromBlocksInAnyOrder) {
  FakeServer server;
  server.similarity.compare = [](grpc::ServerContext&, MatrixWriter& writer) {
    writer.Write(HeaderMessage());
    v1::CompareSnapshotsResponse second = RowMessage(1, 0.3, 0);
    second.mutable_block()->add_statuses(v1::SCORE_STATUS_OK);
    second.mutable_block()->add_statuses(v1::SCORE_STATUS_DEGENERATE_CONSTANT);
    second.mutable_block()->set_cached_count(1);
    second.mutable_block()->set_recall(0.75F);
    writer.Write(second);
    writer.Write(RowMessage(0, 0.1, 0.2));
    return grpc::Status::OK;
  };
  std::vector<int64_t> done;
  const absl::StatusOr<SimilarityMatrix> matrix =
      Compare(server, {}, [&](const MatrixProgress& progress) {
        EXPECT_EQ(progress.cell_count, 4);
        done.push_back(progress.done_count);
      });
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(done, ElementsAre(4, 2));
  EXPECT_EQ(matrix->input_count, 10);
  EXPECT_EQ(matrix->cached_count, 1);
  EXPECT_EQ(matrix->recall, 0.75F);
  EXPECT_THAT(matrix->at(0, 1).value, Optional(0.2));
  EXPECT_THAT(matrix->at(1, 0).value, Optional(0.3));
  EXPECT_EQ(matrix->at(1, 1).value, std::nullopt);
  EXPECT_EQ(matrix->at(1, 1).status, ScoreStatus::kDegenerateConstant);
}

TEST(ClientTest, AnIncompleteOrContradictoryMatrixIsAnError) {
  const std::function<void(MatrixWriter&)> answers[] = {
      [](MatrixWriter&) {},
      [](MatrixWriter& writer) { writer.Write(HeaderMessage()); },
      [](MatrixWriter& writer) {
        writer.Write(HeaderMessage());
        writer.Write(RowMessage(0, 1, 1));
      },
      [](MatrixWriter& writer) {
        writer.Write(HeaderMessage());
        writer.Write(RowMessage(2, 1, 1));
      },
      [](MatrixWriter& writer) {
        v1::CompareSnapshotsResponse header = HeaderMessage();
        header.mutable_header()->set_cell_count(1'000'000'000'000);
        writer.Write(header);
      },
  };
  for (const auto& answer : answers) {
    FakeServer server;
    server.similarity.compare = [&](grpc::ServerContext&, MatrixWriter& writer) {
      answer(writer);
      return grpc::Status::OK;
    };
    EXPECT_EQ(Compare(server).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(ClientTest, AnErrorInTheMiddleOfAMatrixIsReturned) {
  FakeServer server;
  server.similarity.compare = [](grpc::ServerContext&, MatrixWriter& writer) {
    writer.Write(HeaderMessage());
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "other inputs");
  };
  EXPECT_EQ(Compare(server).status(), absl::FailedPreconditionError("other inputs"));
}

// Sends the same row until the client gives up.
grpc::Status SendForever(MatrixWriter& writer, std::atomic<bool>& was_cancelled) {
  // Nothing else makes a write fail; IsCancelled may know a moment later.
  while (writer.Write(RowMessage(0, 1, 1))) {
  }
  was_cancelled = true;
  return grpc::Status::CANCELLED;
}

TEST(ClientTest, ADeadlineEndsAStream) {
  std::atomic<bool> was_cancelled{false};
  {
    FakeServer server;
    server.similarity.compare = [&](grpc::ServerContext& /*context*/, MatrixWriter& writer) {
      writer.Write(HeaderMessage());
      return SendForever(writer, was_cancelled);
    };
    CallOptions options;
    options.timeout = absl::Milliseconds(100);
    EXPECT_EQ(Compare(server, options).status().code(), absl::StatusCode::kDeadlineExceeded);
  }
  EXPECT_TRUE(was_cancelled);
}

TEST(ClientTest, AStopRequestCancelsAStreamAndTheServerSeesIt) {
  std::atomic<bool> was_cancelled{false};
  {
    FakeServer server;
    std::stop_source stop;
    server.similarity.compare = [&](grpc::ServerContext& /*context*/, MatrixWriter& writer) {
      writer.Write(HeaderMessage());
      stop.request_stop();
      return SendForever(writer, was_cancelled);
    };
    CallOptions options;
    options.stop = stop.get_token();
    EXPECT_EQ(Compare(server, options).status().code(), absl::StatusCode::kCancelled);
  }
  EXPECT_TRUE(was_cancelled);
}

v1::GetOperatorResponse OperatorBlock(int64_t row, int64_t column,
                                      const std::vector<double>& values) {
  v1::GetOperatorResponse response;
  v1::OperatorBlock& block = *response.mutable_block();
  block.set_first_row(row);
  block.set_row_count(1);
  block.set_first_column(column);
  block.set_column_count(static_cast<int64_t>(values.size()));
  for (const double value : values) block.add_values(value);
  return response;
}

v1::GetOperatorResponse OperatorHeader() {
  v1::GetOperatorResponse response;
  response.mutable_header()->set_row_count(2);
  response.mutable_header()->set_column_count(3);
  return response;
}

TEST(ClientTest, AViewOfAnOperatorComesInPartsOfRows) {
  FakeServer server;
  server.similarity.get_operator = [](grpc::ServerWriter<v1::GetOperatorResponse>& writer) {
    writer.Write(OperatorHeader());
    writer.Write(OperatorBlock(0, 0, {1, 2}));
    writer.Write(OperatorBlock(0, 2, {3}));
    writer.Write(OperatorBlock(1, 0, {4, 5, 6}));
    return grpc::Status::OK;
  };
  const absl::StatusOr<OperatorView> view = server.Connect()->GetOperator({.source = "s"});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_THAT(view->values, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(ClientTest, AViewWithAGapIsAnError) {
  FakeServer server;
  server.similarity.get_operator = [](grpc::ServerWriter<v1::GetOperatorResponse>& writer) {
    writer.Write(OperatorHeader());
    writer.Write(OperatorBlock(1, 0, {4, 5, 6}));
    return grpc::Status::OK;
  };
  EXPECT_EQ(server.Connect()->GetOperator({.source = "s"}).status().code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace gramian::client
