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

absl::StatusOr<LayerInfo> ActivationWriter::Finish() { return upload_->Finish(); }

void ActivationWriter::Cancel() { upload_->Cancel(); }

bool ActivationWriter::is_already_there() const { return upload_->is_committed(); }

}  // namespace gramian::client
