// Goal: two networks of three layers, n = 100,000 inputs by d = 512 features, are fused and
// compared through a real server without any n x n array, which would be 40 GB in float32. Method:
// the server's peak memory after the comparison is bounded by what it stores plus a few d x d
// arrays, and the score is that of an independent float64 computation.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/matrix.h"
#include "gramian/client/client.h"
#include "gramian/client/resource_name.h"
#include "gtest/gtest.h"
#include "tests/integration/gramiand_process.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr Index kInputs = 100'000;
constexpr Index kFeatures = 512;
constexpr Index kLatent = 24;
constexpr int kNetworks = 2;
constexpr int kLayers = 3;
constexpr int64_t kLayerBytes = int64_t{kInputs} * kFeatures * 4;

// Layers share latent factors, each with its own mixing, noise and mean.
MatrixF MakeLayer(const Matrix& latent, int network, int layer) {
  const auto seed = static_cast<uint64_t>(100 * network + layer);
  Matrix mixing = testing::RandomNormal(kLatent, kFeatures, 1000 + seed);
  for (Index i = 0; i < kLatent; ++i) mixing.row(i) /= static_cast<double>(i + 1 + layer);
  MatrixF values = Product(latent, Transpose::kNo, mixing, Transpose::kNo).cast<float>();
  std::minstd_rand random(static_cast<unsigned>(seed + 1));
  for (Index i = 0; i < values.size(); ++i) {
    values.data()[i] += static_cast<float>(random()) * 2.0e-10F + 3.0F;
  }
  return values;
}

// Peak resident bytes of a process so far.
int64_t PeakBytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  long kib = 0;
  while (std::getline(status, line)) {
    if (std::sscanf(line.c_str(), "VmHWM: %ld kB", &kib) == 1) break;
  }
  return int64_t{kib} * 1024;
}

void Upload(client::Client& client, int network, int layer, const MatrixF& values) {
  client::LayerHeader header;
  header.snapshot = client::SnapshotName("large", absl::StrCat("net", network), 0);
  header.module_path = absl::StrCat("layer", layer);
  header.row_count = values.rows();
  header.feature_count = values.cols();
  header.ordinal = layer;
  auto writer = client.OpenLayer(header);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write(0, {values.data(), values.rows(), 0}).ok());
  const auto committed = writer->Finish();
  ASSERT_TRUE(committed.ok()) << committed.status();
}

// The fused operator of a network as X_1 G X_1', G = K C_33 K', in float64; first layers kept for
// the overlap.
struct Reference {
  Matrix first;
  Matrix middle;
};

Matrix Centered(const MatrixF& values) {
  Matrix wide = values.cast<double>();
  wide.rowwise() -= Eigen::RowVectorXd(wide.colwise().mean());
  return wide;
}

Reference MakeReference(const Matrix& latent, int network) {
  Reference reference;
  reference.first = Centered(MakeLayer(latent, network, 0));
  Matrix chain;
  Matrix previous = reference.first;
  for (int layer = 1; layer < kLayers; ++layer) {
    Matrix next = Centered(MakeLayer(latent, network, layer));
    const Matrix cross = Product(previous, Transpose::kYes, next, Transpose::kNo);
    chain = layer == 1 ? cross : Product(chain, Transpose::kNo, cross, Transpose::kNo);
    chain /= chain.norm();
    previous = std::move(next);
  }
  const Matrix last = Product(previous, Transpose::kYes, previous, Transpose::kNo);
  reference.middle = Product(Product(chain, Transpose::kNo, last, Transpose::kNo), Transpose::kNo,
                             chain, Transpose::kYes);
  reference.middle /= reference.middle.norm();
  return reference;
}

// <X G X', Y H Y'> = tr(G X'Y H Y'X).
double InnerProduct(const Reference& a, const Reference& b) {
  const Matrix cross = Product(a.first, Transpose::kYes, b.first, Transpose::kNo);
  const Matrix left = Product(a.middle, Transpose::kNo, cross, Transpose::kNo);
  const Matrix right = Product(cross, Transpose::kNo, b.middle, Transpose::kNo);
  return left.cwiseProduct(right).sum();
}

TEST(LargeTest, FusedNetworksOfAHundredThousandInputsTakeMemoryInProportion) {
  ASSERT_TRUE(InitializeBlas().ok());
  testing::GramiandProcess process(
      {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--store-bytes=4294967296"});
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  auto client = client::Client::Connect(process.grpc_address());
  ASSERT_TRUE(client.ok()) << client.status();

  const Matrix latent = testing::RandomNormal(kInputs, kLatent, 1);
  for (int network = 0; network < kNetworks; ++network) {
    for (int layer = 0; layer < kLayers; ++layer) {
      Upload(**client, network, layer, MakeLayer(latent, network, layer));
    }
  }
  const int64_t uploaded = PeakBytes(process.pid());
  const auto scores = (*client)->CompareNetworks(
      {client::SnapshotName("large", "net0", 0), client::SnapshotName("large", "net1", 0)},
      "ms-cka-t=1");
  ASSERT_TRUE(scores.ok()) << scores.status();
  ASSERT_TRUE(scores->at(0, 1).value.has_value());
  const int64_t peak = PeakBytes(process.pid());

  const int64_t stored = kNetworks * kLayers * kLayerBytes;
  std::printf(
      "  stored %ld MiB, peak after upload %ld MiB, after comparing %ld MiB; n x n is %ld MiB\n",
      static_cast<long>(stored >> 20), static_cast<long>(uploaded >> 20),
      static_cast<long>(peak >> 20), static_cast<long>((int64_t{kInputs} * kInputs * 4) >> 20));
  EXPECT_LT(peak, stored + kLayerBytes);

  const Reference a = MakeReference(latent, 0);
  const Reference b = MakeReference(latent, 1);
  const double expected = InnerProduct(a, b) / std::sqrt(InnerProduct(a, a) * InnerProduct(b, b));
  std::printf("  score %.9f, float64 reference %.9f\n", *scores->at(0, 1).value, expected);
  // Products in float32 tiles with double sums.
  EXPECT_NEAR(*scores->at(0, 1).value, expected, 4.0 * std::numeric_limits<float>::epsilon());
}

}  // namespace
}  // namespace gramian
