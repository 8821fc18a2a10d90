#include "gramian/client/activation_writer.h"

#include <utility>

#include "gramian/rpc/upload.h"

namespace gramian::client {

ActivationWriter::ActivationWriter(std::unique_ptr<Upload> upload) : upload_(std::move(upload)) {}
ActivationWriter::ActivationWriter(ActivationWriter&&) noexcept = default;
ActivationWriter& ActivationWriter::operator=(ActivationWriter&&) noexcept = default;
ActivationWriter::~ActivationWriter() = default;

absl::Status ActivationWriter::Write(int64_t first_row, const RowsView& rows) {
  return upload_->Write(first_row, rows);
}

absl::StatusOr<LayerInfo> ActivationWriter::Finish() {
  absl::StatusOr<std::optional<LayerInfo>> layer = upload_->Finish();
  if (!layer.ok()) return layer.status();
  if (layer->has_value()) return **std::move(layer);
  return absl::FailedPreconditionError(
      "this writer brought its part, and other writers have rows to bring: use FinishPart");
}

absl::StatusOr<std::optional<LayerInfo>> ActivationWriter::FinishPart() {
  return upload_->Finish();
}

void ActivationWriter::Cancel() { upload_->Cancel(); }

bool ActivationWriter::is_already_there() const { return upload_->is_already_there(); }

const std::vector<ByteRange>& ActivationWriter::persisted() const { return upload_->persisted(); }

int64_t ActivationWriter::reconnect_count() const { return upload_->reconnect_count(); }

}  // namespace gramian::client
