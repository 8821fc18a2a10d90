#include "gramian/store/directory_blob_store.h"

#include <atomic>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gramian/base/status_macros.h"
#include "gramian/representation/byte_sink.h"

namespace gramian {
namespace {

constexpr char kBlobSuffix[] = ".safetensors";
constexpr char kPartSuffix[] = ".part";

std::string RandomName() {
  std::random_device random;
  std::string name;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&name, absl::Hex(random(), absl::kZeroPad8));
  return name;
}

// The data of a mapped file, which begin behind its header.
std::shared_ptr<const std::byte> DataOf(std::shared_ptr<const std::byte> mapping, int64_t begin) {
  const std::byte* const data = mapping.get() + begin;
  return std::shared_ptr<const std::byte>(std::move(mapping), data);
}

// Opens the file for each write, so that uploads, however many wait for their clients, take no
// descriptor. The mapping keeps the file's pages in the system's hands, and with them the news of
// one that could not be written, for the next who syncs.
class FileSink final : public ByteSink {
 public:
  FileSink(FileSystem* files, std::string path, int64_t data_begin,
           std::shared_ptr<const std::byte> bytes)
      : files_(files), path_(std::move(path)), data_begin_(data_begin), bytes_(std::move(bytes)) {}
  absl::Status Write(int64_t offset, absl::Span<const absl::string_view> parts) override {
    GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                             files_->OpenExisting(path_, /*writable=*/true));
    return file->WriteAt(data_begin_ + offset, parts);
  }
  std::shared_ptr<const std::byte> bytes() const override { return bytes_; }

 private:
  FileSystem* const files_;
  const std::string path_;
  const int64_t data_begin_;
  const std::shared_ptr<const std::byte> bytes_;
};

class FilePart final : public BlobPart {
 public:
  FilePart(FileSystem* files, const std::string& directory, const std::string& name,
           const RepresentationShape& shape, int64_t data_begin, absl::Time write_time,
           bool is_entered)
      : files_(files),
        directory_(directory),
        name_(name),
        path_(absl::StrCat(directory, "/", name, kPartSuffix)),
        shape_(shape),
        data_begin_(data_begin),
        write_time_(write_time),
        is_entered_(is_entered) {}

  const std::string& name() const override { return name_; }
  absl::Time write_time() const override { return write_time_; }

  absl::Status Sync() override {
    GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open());
    GRAMIAN_RETURN_IF_ERROR(file->Sync());
    if (is_entered_) return absl::OkStatus();
    GRAMIAN_RETURN_IF_ERROR(files_->SyncDirectory(directory_));
    is_entered_ = true;
    return absl::OkStatus();
  }

  absl::StatusOr<RepresentationBuilder> NewBuilder(absl::Span<const ByteRange> persisted) override {
    const int64_t size = shape_.rows * shape_.cols * SizeOf(shape_.dtype);
    GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open());
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const std::byte> mapping,
                             file->Map(data_begin_ + size));
    std::map<int64_t, int64_t> received;
    for (const ByteRange& range : persisted) received.emplace(range.begin, range.end);
    return RepresentationBuilder::Create(
        shape_,
        std::make_unique<FileSink>(files_, path_, data_begin_,
                                   DataOf(std::move(mapping), data_begin_)),
        std::move(received));
  }

 private:
  absl::StatusOr<std::unique_ptr<File>> Open() const {
    return files_->OpenExisting(path_, /*writable=*/true);
  }

  FileSystem* const files_;
  const std::string directory_;
  const std::string name_;
  const std::string path_;
  const RepresentationShape shape_;
  const int64_t data_begin_;
  const absl::Time write_time_;
  std::atomic<bool> is_entered_;  // Whether the directory is known to name the file.
};

}  // namespace

DirectoryBlobStore::DirectoryBlobStore(FileSystem* files, const std::string& directory)
    : files_(files),
      directory_(directory),
      uploads_(absl::StrCat(directory, "/uploads")),
      blobs_(absl::StrCat(directory, "/blobs")),
      quarantine_(absl::StrCat(directory, "/quarantine")) {}

absl::StatusOr<std::unique_ptr<DirectoryBlobStore>> DirectoryBlobStore::Open(
    FileSystem* files, const std::string& directory) {
  std::unique_ptr<DirectoryBlobStore> store(new DirectoryBlobStore(files, directory));
  for (const std::string& path : {store->uploads_, store->blobs_, store->quarantine_}) {
    GRAMIAN_RETURN_IF_ERROR(files->CreateDirectories(path));
  }
  GRAMIAN_RETURN_IF_ERROR(files->SyncDirectory(directory));
  return store;
}

std::string DirectoryBlobStore::BlobDirectory(const Digest& digest) const {
  return absl::StrCat(blobs_, "/", digest.ToHex().substr(0, 2));
}

std::string DirectoryBlobStore::BlobPath(const Digest& digest) const {
  return absl::StrCat(BlobDirectory(digest), "/", digest.ToHex(), kBlobSuffix);
}

std::string DirectoryBlobStore::PartPath(const std::string& name) const {
  return absl::StrCat(uploads_, "/", name, kPartSuffix);
}

absl::StatusOr<std::unique_ptr<BlobPart>> DirectoryBlobStore::CreatePart(
    const RepresentationShape& shape) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  const std::string name = RandomName();
  const std::string header = EncodeSafetensorsHeader({shape, name});
  const auto begin = static_cast<int64_t>(header.size());
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           files_->Create(PartPath(name), begin + size));
  const absl::Status written = file->WriteAt(0, {header});
  if (!written.ok()) {
    RemovePart(name);
    return written;
  }
  return std::make_unique<FilePart>(files_, uploads_, name, shape, begin, absl::Now(),
                                    /*is_entered=*/false);
}

absl::StatusOr<std::unique_ptr<BlobPart>> DirectoryBlobStore::OpenPart(
    const std::string& name, const RepresentationShape& shape) {
  GRAMIAN_ASSIGN_OR_RETURN(const OpenFile open,
                           OpenChecked(PartPath(name), shape, /*writable=*/true));
  // What an earlier process left was synced, or nobody would know of it.
  GRAMIAN_ASSIGN_OR_RETURN(const absl::Time written, open.file->WriteTime());
  return std::make_unique<FilePart>(files_, uploads_, name, shape, open.data_begin, written,
                                    /*is_entered=*/true);
}

void DirectoryBlobStore::RemovePart(const std::string& name) {
  (void)files_->Remove(PartPath(name));
}

absl::StatusOr<DirectoryBlobStore::OpenFile> DirectoryBlobStore::OpenChecked(
    const std::string& path, const RepresentationShape& shape, bool writable) {
  OpenFile open;
  GRAMIAN_ASSIGN_OR_RETURN(open.file, files_->OpenExisting(path, writable));
  std::string bytes(8, '\0');
  GRAMIAN_RETURN_IF_ERROR(open.file->ReadAt(0, 8, bytes.data()));
  absl::StatusOr<int64_t> header_size = SafetensorsHeaderSize(bytes);
  const auto damaged = [&path](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(path, ": ", what));
  };
  if (!header_size.ok()) return damaged(header_size.status().message());
  bytes.resize(static_cast<size_t>(*header_size));
  GRAMIAN_RETURN_IF_ERROR(open.file->ReadAt(0, *header_size, bytes.data()));
  const absl::StatusOr<SafetensorsHeader> header = DecodeSafetensorsHeader(bytes);
  if (!header.ok()) return damaged(header.status().message());
  if (header->shape != shape) return damaged("dtype or shape is not what the catalog says");
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t data, SizeBytes(shape));
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, open.file->Size());
  if (size != *header_size + data) {
    return damaged(absl::StrCat(size, " bytes instead of ", *header_size + data));
  }
  open.data_begin = *header_size;
  return open;
}

absl::Status DirectoryBlobStore::PrepareDirectory(const Digest& digest) {
  const std::string path = BlobDirectory(digest);
  MutexLock lock(mutex_);
  if (prepared_.count(path) > 0) return absl::OkStatus();
  GRAMIAN_RETURN_IF_ERROR(files_->CreateDirectories(path));
  GRAMIAN_RETURN_IF_ERROR(files_->SyncDirectory(blobs_));
  prepared_.insert(path);
  return absl::OkStatus();
}

absl::Status DirectoryBlobStore::Publish(const BlobPart& part,
                                         const std::shared_ptr<const Representation>& content) {
  const Digest& digest = content->digest();
  GRAMIAN_RETURN_IF_ERROR(PrepareDirectory(digest));
  GRAMIAN_RETURN_IF_ERROR(files_->Rename(PartPath(part.name()), BlobPath(digest)));
  return files_->SyncDirectory(BlobDirectory(digest));
}

absl::StatusOr<std::shared_ptr<const Representation>> DirectoryBlobStore::Load(
    const Digest& digest, const RepresentationShape& shape, bool verify) {
  const std::string path = BlobPath(digest);
  GRAMIAN_ASSIGN_OR_RETURN(const OpenFile open, OpenChecked(path, shape, /*writable=*/false));
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const std::byte> mapping,
                           open.file->Map(open.data_begin + size));
  std::shared_ptr<const std::byte> bytes = DataOf(std::move(mapping), open.data_begin);
  if (verify) {
    const Digest found = Representation::DigestOf(shape, bytes.get());
    if (found != digest) {
      return absl::DataLossError(absl::StrCat(path, " holds content ", found.ToHex()));
    }
  }
  return Representation::FromVerified(shape, std::move(bytes), digest);
}

void DirectoryBlobStore::Remove(const Digest& digest) { (void)files_->Remove(BlobPath(digest)); }

absl::StatusOr<std::string> DirectoryBlobStore::Quarantine(const Digest& digest) {
  const std::string place = absl::StrCat(quarantine_, "/", digest.ToHex(), kBlobSuffix);
  GRAMIAN_RETURN_IF_ERROR(files_->Rename(BlobPath(digest), place));
  GRAMIAN_RETURN_IF_ERROR(files_->SyncDirectory(quarantine_));
  return place;
}

absl::Status DirectoryBlobStore::Link(const Digest& digest, const std::string& directory) {
  const std::string path = BlobPath(digest);
  const std::string target = absl::StrCat(directory, path.substr(directory_.size()));
  const absl::Status linked = files_->Link(path, target);
  if (!absl::IsNotFound(linked)) return linked;
  GRAMIAN_RETURN_IF_ERROR(files_->CreateDirectories(target.substr(0, target.rfind('/'))));
  return files_->Link(path, target);
}

absl::StatusOr<int64_t> DirectoryBlobStore::FreeBytes() { return files_->FreeBytes(directory_); }
absl::StatusOr<int64_t> DirectoryBlobStore::TotalBytes() { return files_->TotalBytes(directory_); }

absl::StatusOr<std::vector<Digest>> DirectoryBlobStore::ListBlobs() {
  std::vector<Digest> digests;
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<std::string> directories, files_->List(blobs_));
  for (const std::string& directory : directories) {
    const absl::StatusOr<std::vector<std::string>> names =
        files_->List(absl::StrCat(blobs_, "/", directory));
    if (absl::IsNotFound(names.status())) continue;  // A file that is not ours.
    if (!names.ok()) return names.status();
    for (absl::string_view name : *names) {
      if (!absl::ConsumeSuffix(&name, kBlobSuffix)) continue;
      const std::optional<Digest> digest = Digest::FromHex(name);
      if (digest.has_value() && digest->ToHex() == name && absl::StartsWith(name, directory)) {
        digests.push_back(*digest);
      }
    }
  }
  return digests;
}

absl::StatusOr<std::vector<std::string>> DirectoryBlobStore::ListParts() {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_->List(uploads_));
  std::vector<std::string> parts;
  for (absl::string_view name : names) {
    if (absl::ConsumeSuffix(&name, kPartSuffix)) parts.emplace_back(name);
  }
  return parts;
}

absl::Status DirectoryBlobStore::Check(const Digest& digest, const RepresentationShape& shape) {
  return OpenChecked(BlobPath(digest), shape, /*writable=*/false).status();
}

std::string DirectoryBlobStore::PartOf(const Digest& digest) {
  const absl::StatusOr<std::unique_ptr<File>> file =
      files_->OpenExisting(BlobPath(digest), /*writable=*/false);
  std::string bytes(8, '\0');
  if (!file.ok() || !(*file)->ReadAt(0, 8, bytes.data()).ok()) return "";
  const absl::StatusOr<int64_t> size = SafetensorsHeaderSize(bytes);
  if (!size.ok()) return "";
  bytes.resize(static_cast<size_t>(*size));
  if (!(*file)->ReadAt(0, *size, bytes.data()).ok()) return "";
  const absl::StatusOr<SafetensorsHeader> header = DecodeSafetensorsHeader(bytes);
  return header.ok() ? header->part : "";
}

absl::Status DirectoryBlobStore::Unpublish(const Digest& digest, const std::string& part) {
  GRAMIAN_RETURN_IF_ERROR(files_->Rename(BlobPath(digest), PartPath(part)));
  return files_->SyncDirectory(uploads_);
}

absl::Status DirectoryBlobStore::CopyToPart(const Digest& digest, const std::string& part) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> blob,
                           files_->OpenExisting(BlobPath(digest), /*writable=*/false));
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, blob->Size());
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const std::byte> bytes, blob->Map(size));
  // Under a name that no upload has, until it is whole.
  const std::string name = RandomName();
  GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> copy, files_->Create(PartPath(name), size));
  absl::Status status = copy->WriteAt(
      0,
      {absl::string_view(reinterpret_cast<const char*>(bytes.get()), static_cast<size_t>(size))});
  if (status.ok()) status = copy->Sync();
  if (status.ok()) status = files_->Rename(PartPath(name), PartPath(part));
  if (!status.ok()) {
    RemovePart(name);
    return status;
  }
  return files_->SyncDirectory(uploads_);
}

}  // namespace gramian
