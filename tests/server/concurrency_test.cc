#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace gramian::testing {
namespace {

constexpr int kClients = 32;
constexpr int kLayers = 3;
constexpr int64_t kRows = 96;

class ConcurrencyTest : public ServerFixture {
 protected:
  static Activations LayerOf(int client, int layer) {
    return RandomActivations(kRows, 4 + (client + 3 * layer) % 9,
                             static_cast<uint32_t>(100 * client + layer));
  }
  static std::string NetworkOf(int client) { return absl::StrCat("net", client); }

  // Uploads the client's layers in shuffled chunks; false if one fails.
  bool UploadAll(int client) {
    std::mt19937 generator(static_cast<uint32_t>(client));
    for (int layer = 0; layer < kLayers; ++layer) {
      const Activations x = LayerOf(client, layer);
      std::vector<v1::UploadChunk> chunks = CutRows(x, 1 + client % 7);
      std::shuffle(chunks.begin(), chunks.end(), generator);
      v1::UploadHeader header = Header(x, absl::StrCat("l", layer), 0, NetworkOf(client));
      header.set_ordinal(layer);
      if (!Upload(header, chunks).status.ok()) return false;
    }
    return true;
  }

  // Worst deviation from the definition of the client's layers against those of `other`; 2 for a
  // failed call.
  double CompareAll(int client, int other) {
    double worst = 0;
    for (int i = 0; i < kLayers; ++i) {
      v1::CompareLayersResponse response;
      const grpc::Status status =
          Compare(LayerName(absl::StrCat("l", i), 0, NetworkOf(client)),
                  LayerName(absl::StrCat("l", i), 0, NetworkOf(other)), {"cka"}, &response);
      if (!status.ok() || response.scores(0).status() != v1::SCORE_STATUS_OK) return 2;
      const double expected = ReferenceCka(LayerOf(client, i), LayerOf(other, i));
      worst = std::max(worst, std::abs(response.scores(0).value() - expected));
    }
    return worst;
  }
};

// Goal: no interleaving of uploads and comparisons gives a wrong number. Method: 32 clients upload,
// each compares with itself while others still upload, and with a neighbour once that one is there;
// every score is checked against the definition.
TEST_F(ConcurrencyTest, ManyClientsUploadAndCompareAndEveryScoreIsRight) {
  Start();
  std::vector<std::atomic<bool>> uploaded(kClients);
  std::vector<double> worst(kClients, 3);
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([this, client, &uploaded, &worst] {
      if (!UploadAll(client)) return;
      uploaded[static_cast<size_t>(client)] = true;
      double result = CompareAll(client, client);
      const int neighbour = (client + 1) % kClients;
      if (!Eventually([&] { return uploaded[static_cast<size_t>(neighbour)].load(); })) return;
      for (int round = 0; round < 3; ++round)
        result = std::max(result, CompareAll(client, neighbour));
      worst[static_cast<size_t>(client)] = result;
    });
  }
  for (std::thread& client : clients) client.join();
  for (int client = 0; client < kClients; ++client) {
    EXPECT_LT(worst[static_cast<size_t>(client)], 100 * std::numeric_limits<float>::epsilon())
        << "client " << client;
  }
  EXPECT_EQ(server_->engine().Stats().store.layers, kClients * kLayers);
  EXPECT_EQ(server_->engine().Stats().store.reserved_bytes, 0);
}

// Goal: one question asked by many at once is computed once, and all get the same bits.
TEST_F(ConcurrencyTest, ManyClientsWithOneQuestionGetOneAnswer) {
  Start();
  MustUpload(RandomActivations(2000, 64, 1), "x");
  MustUpload(RandomActivations(2000, 64, 2), "y");
  std::vector<double> values(kClients, -1);
  std::vector<std::thread> clients;
  for (size_t client = 0; client < kClients; ++client) {
    clients.emplace_back([this, client, &values] {
      v1::CompareLayersResponse response;
      if (Compare(LayerName("x"), LayerName("y"), {"ms-cka-t=4"}, &response).ok()) {
        values[client] = response.scores(0).value();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GE(values[0], 0);
  for (const double value : values) EXPECT_EQ(value, values[0]);
}

// Goal: clients that give up at random moments leave nothing behind.
TEST_F(ConcurrencyTest, ClientsThatVanishLeaveNoReservation) {
  Start();
  const Activations x = RandomActivations(5000, 64, 1);
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([this, client, &x] {
      const auto context = Context();
      const auto stream = activations_->UploadLayer(context.get());
      v1::UploadLayerRequest request;
      *request.mutable_header() = Header(x, "gone", client);
      stream->Write(request);
      const std::vector<v1::UploadChunk> chunks = CutRows(x, 500);
      for (int i = 0; i < client % 10; ++i) {
        *request.mutable_chunk() = chunks[static_cast<size_t>(i)];
        stream->Write(request);
      }
      context->TryCancel();
      stream->Finish();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; }));
  EXPECT_EQ(server_->engine().Stats().store.layers, 0);
}

}  // namespace
}  // namespace gramian::testing
