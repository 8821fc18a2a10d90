// What tests of resumed uploads share.
#ifndef GRAMIAN_TESTS_SERVER_RESUME_FIXTURE_H_
#define GRAMIAN_TESTS_SERVER_RESUME_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/server/server_fixture.h"
#include "tests/server/upload_call.h"

namespace gramian::testing {

// Uploads of one small layer, with a data directory and without.
class ResumeFixture : public ServerFixture, public ::testing::WithParamInterface<bool> {
 protected:
  ServerOptions DurableOptions() {
    ServerOptions options = Options();
    if (GetParam()) options.data_dir = dir_.path();
    options.disk_reserve_bytes = 0;
    return options;
  }

  v1::UploadHeader Named(const std::string& layer, const std::string& id = "id") const {
    v1::UploadHeader header = Header(x_, layer);
    header.set_upload_id(id);
    return header;
  }

  grpc::Status GetUpload(const std::string& layer, v1::Upload* upload,
                         const std::string& id = "id") {
    v1::GetUploadRequest request;
    request.set_name(LayerName(layer));
    request.set_upload_id(id);
    v1::GetUploadResponse response;
    const grpc::Status status = activations_->GetUpload(Context().get(), request, &response);
    *upload = response.upload();
    return status;
  }

  grpc::Status Abort(const std::string& layer, const std::string& id = "id") {
    v1::AbortUploadRequest request;
    request.set_name(LayerName(layer));
    request.set_upload_id(id);
    v1::AbortUploadResponse response;
    return activations_->AbortUpload(Context().get(), request, &response);
  }

  // The upload once no stream fills it any more.
  v1::Upload Parked(const std::string& layer) {
    v1::Upload upload;
    EXPECT_TRUE(
        Eventually([&] { return GetUpload(layer, &upload).ok() && upload.stream_count() == 0; }));
    return upload;
  }

  static int64_t SizeOf(const google::protobuf::RepeatedPtrField<v1::ByteRange>& ranges) {
    int64_t size = 0;
    for (const v1::ByteRange& range : ranges) size += range.end() - range.begin();
    return size;
  }

  // Goes on with an upload of x_ and sends only what is missing.
  UploadEnd SendRest(const v1::UploadHeader& header) {
    UploadCall call(*activations_);
    call.Send(header);
    const auto accepted = call.Accepted();
    if (accepted.has_value()) {
      for (const v1::ByteRange& range : Missing(accepted->persisted(), size_))
        call.Send(CutBytes(x_, range.begin(), range.end()));
    }
    return call.Finish();
  }

  // The digest x_ has.
  std::string Digest() { return MustUpload(x_, "whole").digest(); }

  bool ReservedNothing() {
    return Eventually([this] { return server_->engine().Stats().store.reserved_bytes == 0; });
  }

  TempDir dir_;
  const Activations x_ = RandomActivations(100, 7, 1);
  const int64_t size_ = 100 * 7 * 4;
  const std::vector<v1::UploadChunk> chunks_ = CutRows(x_, 10);
};

// Names of the two stores in the names of tests.
inline std::string StoreName(const ::testing::TestParamInfo<bool>& directory) {
  return directory.param ? "Directory" : "Memory";
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_SERVER_RESUME_FIXTURE_H_
