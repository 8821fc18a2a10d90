// What a SoakClient does that no client should.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/reliability/soak_client.h"

namespace gramian::testing {
namespace {

using grpc::StatusCode;

constexpr auto kMaxInt64 = std::numeric_limits<int64_t>::max();

// Sends `bytes` to 127.0.0.1:port and takes whatever comes back, for two seconds at most.
void SendRaw(const std::string& address, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const timeval limit{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::strtol(address.c_str() + address.rfind(':') + 1, nullptr, 10)));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    char buffer[4096];
    while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
    }
  }
  close(fd);
}

// A part of `chunk` that says what it said, with a wrong something.
enum class Flaw {
  kChecksum,
  kOutside,
  kNegativeRow,
  kCutElement,
  kEmpty,
  kNotFinite,
  kOtherBytes,
  kMissing,
  kTooLarge,
  kManyRows,
  kNoRows,
  kNoType,
  kBadParent,
  kLast,
};

}  // namespace

void SoakClient::Rubbish() {
  switch (Below(4)) {
    case 0:
      return BadUpload();
    case 1:
      return BadName();
    case 2:
      return BadConnection();
    default:
      return ImpatientCall();
  }
}

void SoakClient::BadUpload() {
  const auto flaw = static_cast<Flaw>(Below(static_cast<int64_t>(Flaw::kLast)));
  const Content content{96, 64, static_cast<uint32_t>(Below(40))};
  UploadScript script;
  script.header = RandomHeader(content);
  script.header.set_parent(SnapshotName("soak", absl::StrCat("bad", index_), 0));
  script.chunks = ChunksOf(content, 4096);
  v1::UploadChunk& chunk = script.chunks[static_cast<size_t>(Below(6))];
  switch (flaw) {
    case Flaw::kChecksum:
      chunk.set_crc32c(chunk.crc32c() + 1);
      break;
    case Flaw::kOutside:
      chunk.set_first_row(Chance(50) ? 96 : kMaxInt64);
      break;
    case Flaw::kNegativeRow:
      chunk.set_first_row(Chance(50) ? -1 : std::numeric_limits<int64_t>::min());
      break;
    case Flaw::kCutElement:
      chunk.set_byte_offset(2);
      break;
    case Flaw::kEmpty:
      chunk.clear_data();
      chunk.set_crc32c(0);
      break;
    case Flaw::kNotFinite:
    case Flaw::kOtherBytes: {
      std::string bytes = BytesOf(content);
      const bool not_finite = flaw == Flaw::kNotFinite;
      bytes.replace(0, 4, not_finite ? std::string("\x00\x00\xC0\x7F", 4) : std::string(4, '\1'));
      const v1::UploadChunk other = ChunkOf(content, bytes, 0, 4096);
      if (not_finite) script.chunks[0] = other;
      if (!not_finite) script.chunks.push_back(other);
      break;
    }
    case Flaw::kMissing:
      script.chunks.pop_back();
      break;
    case Flaw::kTooLarge:
      chunk.set_data(std::string(size_t{3} << 20, '\0'));
      break;
    case Flaw::kManyRows:
      script.header.set_row_count(kMaxInt64);
      break;
    case Flaw::kNoRows:
      script.header.set_row_count(-Below(2));
      break;
    case Flaw::kNoType:
      script.header.set_dtype(static_cast<v1::Dtype>(Chance(50) ? 0 : 77));
      break;
    case Flaw::kBadParent:
      script.header.set_parent(Chance(50) ? "" : "projects/soak/networks/%zz/snapshots/-1");
      break;
    case Flaw::kLast:
      break;
  }
  script.skip_persisted = false;
  const UploadOutcome outcome = wire_.Upload(script);
  Count("rubbish: upload", outcome.status,
        {StatusCode::INVALID_ARGUMENT, StatusCode::RESOURCE_EXHAUSTED}, false);
  if (outcome.accepted) {
    const std::string name = LayerName(script.header.parent(), script.header.module_path());
    Count("abort", wire_.AbortUpload(name, script.header.upload_id()), {StatusCode::NOT_FOUND});
  }
}

void SoakClient::BadName() {
  static const std::string kNames[] = {"",
                                       "projects",
                                       "projects//networks/x",
                                       "projects/soak/networks/%",
                                       "projects/soak/networks/%FF/snapshots/0/layers/x",
                                       "projects/soak/networks/n/snapshots/-1",
                                       "projects/soak/networks/n/snapshots/99999999999999999999",
                                       std::string(100'000, 'a')};
  const std::string& name = kNames[Below(8)];
  const std::set<StatusCode> expected = {StatusCode::INVALID_ARGUMENT};
  v1::Layer layer;
  v1::Upload upload;
  v1::CompareLayersResponse scores;
  std::string bytes;
  int64_t cells = 0;
  const std::string kind = "rubbish: name";
  Count(kind, wire_.GetLayer(name, &layer), expected, false);
  Count(kind, wire_.DeleteSnapshot(name), expected, false);
  Count(kind, wire_.GetUpload(name, "x", &upload), expected, false);
  Count(kind, wire_.Download(name, &layer, &bytes), expected, false);
  Count(kind, wire_.CompareSnapshots(name, name, "cka", &cells), expected, false);
  const std::string good = LayerName(RandomSnapshot(index_), "layer0");
  static const char* const kMeasures[] = {"", "cka-", "cka-hsic=", "ms-cka-t=nan", "kca", "\xFF"};
  Count("rubbish: measure", wire_.CompareLayers(good, good, kMeasures[Below(5)], &scores),
        {StatusCode::INVALID_ARGUMENT, StatusCode::NOT_FOUND}, false);
}

void SoakClient::BadConnection() {
  std::string bytes(static_cast<size_t>(1 + Below(2000)), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  switch (Below(5)) {
    case 0:
      SendRaw(grpc_address_, bytes);
      break;
    case 1:
      // A connection that begins well.
      SendRaw(grpc_address_, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes);
      break;
    case 2:
      SendRaw(grpc_address_, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      break;
    case 3:
      SendRaw(http_address_, bytes);
      break;
    default:
      SendRaw(http_address_,
              "GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  }
  Count("rubbish: connection", grpc::Status::OK);
}

void SoakClient::ImpatientCall() {
  v1::CompareSnapshotsRequest request;
  request.set_snapshot_a(RandomSnapshot(index_));
  request.set_snapshot_b(RandomSnapshot(static_cast<int>(Below(clients_))));
  request.set_measure(absl::StrCat("ms-cka-kernel=rbf-bandwidth=median:1-t=", 1 + Below(30)));
  const bool cancel = Chance(50);
  const auto context = Wire::Context(std::chrono::milliseconds(cancel ? 60'000 : 1 + Below(5)));
  const auto stream = wire_.similarity().CompareSnapshots(context.get(), request);
  v1::CompareSnapshotsResponse answer;
  if (cancel && Chance(50)) stream->Read(&answer);
  if (cancel) context->TryCancel();
  while (stream->Read(&answer)) {
  }
  Count("impatient comparison", stream->Finish(),
        {StatusCode::NOT_FOUND, StatusCode::CANCELLED, StatusCode::DEADLINE_EXCEEDED});
}

}  // namespace gramian::testing
