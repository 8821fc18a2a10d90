// Measures a running gramiand: uploads over several streams, and the rate of small calls from many
// clients.
//
// Each subcommand prints one JSON object.

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/client/client.h"
#include "gramian/client/resource_name.h"
#include "gramian/v1/similarity_service.grpc.pb.h"
#include "support.h"

namespace gramian::bench {
namespace {

using Json = nlohmann::json;

struct Options {
  std::string address;
  int streams = 4;
  int64_t mib = 256;
  int repeats = 1;
  int clients = 64;
  double seconds = 1.0;
};

constexpr int64_t kFeatures = 512;

std::vector<float> RandomValues(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  std::minstd_rand generator(static_cast<uint_fast32_t>(seed));
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  for (float& value : values) value = uniform(generator);
  return values;
}

// Uploads `values` as one layer of `rows` rows.
absl::Status Upload(client::Client* client, const std::string& snapshot, const std::string& layer,
                    const std::vector<float>& values) {
  client::LayerHeader header;
  header.snapshot = snapshot;
  header.module_path = layer;
  header.row_count = static_cast<int64_t>(values.size()) / kFeatures;
  header.feature_count = kFeatures;
  client::UploadOptions options;
  options.rows_stay = true;
  absl::StatusOr<client::ActivationWriter> writer = client->OpenLayer(header, options);
  if (!writer.ok()) return writer.status();
  const absl::Status written =
      writer->Write(0, client::RowsView{.data = values.data(), .row_count = header.row_count});
  if (!written.ok()) return written;
  return writer->Finish().status();
}

// One repetition uploads one snapshot, a layer per stream, and then deletes it (untimed).
absl::StatusOr<Json> MeasureUpload(const Options& options) {
  client::ClientOptions client_options;
  client_options.upload_connection_count = options.streams;
  absl::StatusOr<std::unique_ptr<client::Client>> client =
      client::Client::Connect(options.address, client_options);
  if (!client.ok()) return client.status();
  const auto count = static_cast<size_t>(options.mib << 20) / sizeof(float);
  std::vector<std::vector<float>> layers;
  for (int i = 0; i < options.streams; ++i) {
    layers.push_back(RandomValues(count, static_cast<uint64_t>(i) + 1));
  }
  Timings timings;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const std::string snapshot = client::SnapshotName("bench", "upload", repeat);
    std::vector<absl::Status> results(layers.size());
    const absl::Status status = timings.Run(1, [&] {
      std::vector<std::jthread> writers;
      for (size_t i = 0; i < layers.size(); ++i) {
        writers.emplace_back([&, i] {
          results[i] = Upload(client->get(), snapshot, absl::StrCat("layer", i), layers[i]);
        });
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    for (const absl::Status& result : results) {
      if (!result.ok()) return result;
    }
    const absl::StatusOr<client::DeletedSnapshot> deleted = (*client)->DeleteSnapshot(snapshot);
    if (!deleted.ok()) return deleted.status();
  }
  return Json{{"wall_s", timings.wall_s},
              {"cpu_s", timings.cpu_s},
              {"bytes", options.streams * (options.mib << 20)}};
}

// Repeats one unary call on a connection of its own, the next when the one before is answered,
// until told to stop.
template <typename Request, typename Response>
class Caller {
 public:
  Caller(const std::string& address, std::string method, Request request)
      : stub_(Connect(address)), method_(std::move(method)), request_(std::move(request)) {}

  void Start() {
    stopping_ = false;
    calls_ = 0;
    running_ = true;
    Next();
  }
  void RequestStop() { stopping_ = true; }
  void Wait() { running_.wait(true); }
  int64_t calls() const { return calls_; }
  const Response& response() const { return response_; }
  const grpc::Status& status() const { return status_; }

 private:
  static std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  void Next() {
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.UnaryCall(context_.get(), method_, grpc::StubOptions(), &request_, &response_,
                    [this](const grpc::Status& status) { Answered(status); });
  }
  void Answered(const grpc::Status& status) {
    ++calls_;
    if (status.ok() && !stopping_) {
      Next();
      return;
    }
    status_ = status;
    running_ = false;
    running_.notify_all();
  }

  grpc::TemplatedGenericStub<Request, Response> stub_;
  const std::string method_;
  const Request request_;
  Response response_;
  std::unique_ptr<grpc::ClientContext> context_;
  grpc::Status status_;
  int64_t calls_ = 0;  // Written by one callback at a time, read after Wait.
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> running_ = false;
};

// All clients calling one method.
template <typename Request, typename Response>
class Load {
 public:
  Load(const Options& options, const std::string& method, const Request& request) {
    for (int i = 0; i < options.clients; ++i) {
      callers_.push_back(
          std::make_unique<Caller<Request, Response>>(options.address, method, request));
    }
  }

  // Answers per second over about `seconds`.
  absl::StatusOr<double> Rate(double seconds) {
    const double start = WallSeconds();
    for (auto& caller : callers_) caller->Start();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    for (auto& caller : callers_) caller->RequestStop();
    int64_t calls = 0;
    for (auto& caller : callers_) {
      caller->Wait();
      if (!caller->status().ok()) return absl::InternalError(caller->status().error_message());
      calls += caller->calls();
    }
    return static_cast<double>(calls) / (WallSeconds() - start);
  }
  const Response& response() const { return callers_.front()->response(); }

 private:
  std::vector<std::unique_ptr<Caller<Request, Response>>> callers_;
};

// Two small layers and the first, computing, comparison of them.
absl::StatusOr<v1::CompareLayersRequest> PreparePair(const Options& options) {
  absl::StatusOr<std::unique_ptr<client::Client>> client = client::Client::Connect(options.address);
  if (!client.ok()) return client.status();
  const std::string snapshot = client::SnapshotName("bench", "lookup", 0);
  v1::CompareLayersRequest request;
  request.set_layer_a(client::LayerName(snapshot, "a"));
  request.set_layer_b(client::LayerName(snapshot, "b"));
  request.add_measures("cka-kernel=linear-hsic=gretton-score");
  for (const char* layer : {"a", "b"}) {
    const absl::Status uploaded =
        Upload(client->get(), snapshot, layer, RandomValues(64 * kFeatures, layer[0]));
    if (!uploaded.ok()) return uploaded;
  }
  const auto scores =
      (*client)->CompareLayers(request.layer_a(), request.layer_b(), {request.measures(0)});
  if (!scores.ok()) return scores.status();
  return request;
}

// Rates of a cached CompareLayers and of the standard health check, taken in turn. The health check
// is the empty method: a request without fields, an answer of one number
// (HealthCheckResponse.status, field 1, which Int32Value reads).
absl::StatusOr<Json> MeasureCalls(const Options& options) {
  const absl::StatusOr<v1::CompareLayersRequest> request = PreparePair(options);
  if (!request.ok()) return request.status();
  Load<v1::CompareLayersRequest, v1::CompareLayersResponse> compare(
      options, "/gramian.v1.SimilarityService/CompareLayers", *request);
  Load<google::protobuf::StringValue, google::protobuf::Int32Value> health(
      options, "/grpc.health.v1.Health/Check", {});
  Json compare_rates = Json::array();
  Json health_rates = Json::array();
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const absl::StatusOr<double> compare_rate = compare.Rate(options.seconds);
    if (!compare_rate.ok()) return compare_rate.status();
    const absl::StatusOr<double> health_rate = health.Rate(options.seconds);
    if (!health_rate.ok()) return health_rate.status();
    compare_rates.push_back(*compare_rate);
    health_rates.push_back(*health_rate);
  }
  if (compare.response().scores_size() != 1 || health.response().value() != 1) {
    return absl::InternalError("an answer is not what was asked for");
  }
  return Json{{"compare_per_s", compare_rates},
              {"empty_per_s", health_rates},
              {"cached", compare.response().scores(0).cached()}};
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Benchmarks of a running gramiand.");
  app.require_subcommand(1);
  app.add_option("--address", options.address, "host:port of the server")->required();
  app.add_option("--repeats", options.repeats, "timed repetitions");
  CLI::App* upload = app.add_subcommand("upload", "upload layers over several streams at once");
  upload->add_option("--streams", options.streams, "streams at the same time");
  upload->add_option("--mib", options.mib, "MiB over each of them");
  CLI::App* calls = app.add_subcommand("calls", "rate of small calls from many clients");
  calls->add_option("--clients", options.clients, "clients, each with its own connection");
  calls->add_option("--seconds", options.seconds, "length of a repetition");
  CLI11_PARSE(app, argc, argv);
  return *upload ? Finish(MeasureUpload(options)) : Finish(MeasureCalls(options));
}

}  // namespace
}  // namespace gramian::bench

int main(int argc, char** argv) { return gramian::bench::Main(argc, argv); }
