#include "gramian/cli/npy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace gramian::client::cli {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderLimit = 1 << 20;

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// The text of the header's dictionary and where the elements begin.
struct Preamble {
  absl::string_view dictionary;
  size_t data_offset = 0;
};

absl::StatusOr<Preamble> ParsePreamble(absl::string_view bytes) {
  if (bytes.size() < 10 || !absl::StartsWith(bytes, kMagic)) {
    return Invalid("not a .npy file: write it with numpy.save");
  }
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) {
    return Invalid(
        absl::StrCat("unknown .npy format version ", version, ": versions 1 to 3 are read"));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) return Invalid("the .npy header is cut short");
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<size_t>(static_cast<unsigned char>(bytes[8 + i])) << (8 * i);
  }
  const size_t start = 8 + length_bytes;
  if (length > kHeaderLimit) return Invalid("the .npy header is longer than 1 MiB");
  if (bytes.size() - start < length) return Invalid("the .npy header is cut short");
  return Preamble{bytes.substr(start, length), start + length};
}

// The text after `'key':` in a Python dictionary; empty when there is no such key.
absl::string_view ValueOf(absl::string_view dictionary, absl::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = absl::StrCat(std::string(1, quote), key, std::string(1, quote));
    const size_t at = dictionary.find(quoted);
    if (at == absl::string_view::npos) continue;
    absl::string_view rest =
        absl::StripLeadingAsciiWhitespace(dictionary.substr(at + quoted.size()));
    if (absl::ConsumePrefix(&rest, ":")) return absl::StripLeadingAsciiWhitespace(rest);
  }
  return {};
}

absl::StatusOr<std::string> ParseDescr(absl::string_view text) {
  if (absl::StartsWith(text, "[")) {
    return Invalid(
        "the file holds a structured array: save one plain array of activations per file");
  }
  if (text.size() < 2 || (text[0] != '\'' && text[0] != '"'))
    return Invalid("the .npy header names no dtype");
  const size_t end = text.find(text[0], 1);
  if (end == absl::string_view::npos) return Invalid("the .npy header is malformed");
  return std::string(text.substr(1, end - 1));
}

absl::StatusOr<DType> ToDType(absl::string_view descr, std::optional<DType> declared) {
  std::optional<DType> found;
  if (descr == "<f2") found = DType::kFloat16;
  if (descr == "<f4") found = DType::kFloat32;
  if (descr == "<f8") found = DType::kFloat64;
  if (descr == "|V2" || descr == "<V2") found = DType::kBfloat16;
  if (descr == "<u2" && declared == DType::kBfloat16) found = DType::kBfloat16;
  if (!found.has_value() && descr == "<u2") {
    return Invalid("dtype '<u2' is read only as the bits of bfloat16: say --dtype bfloat16");
  }
  if (!found.has_value() && absl::StartsWith(descr, ">")) {
    return Invalid(
        absl::StrCat("dtype '", descr, "' is big-endian: save it with array.astype('<f4')"));
  }
  if (!found.has_value()) {
    return Invalid(absl::StrCat("dtype '", descr,
                                "' is not float16, bfloat16, float32 or float64: save it with ",
                                "array.astype('float32')"));
  }
  if (declared.has_value() && declared != found) {
    return Invalid(absl::StrCat("the file holds ", Name(*found), ", not the ", Name(*declared),
                                " that --dtype says"));
  }
  return *found;
}

absl::string_view ToDescr(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return "<f2";
    case DType::kBfloat16:
      return "|V2";
    case DType::kFloat32:
      return "<f4";
    case DType::kFloat64:
      break;
  }
  return "<f8";
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view text, int64_t element_bytes) {
  const size_t end = text.find(')');
  if (!absl::ConsumePrefix(&text, "(") || end == absl::string_view::npos) {
    return Invalid("the .npy header names no shape");
  }
  std::vector<int64_t> shape;
  int64_t size = element_bytes;
  for (absl::string_view part : absl::StrSplit(text.substr(0, end - 1), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;  // "(500,)" and "()"
    int64_t extent = 0;
    if (!absl::SimpleAtoi(part, &extent) || extent < 0)
      return Invalid("the .npy header's shape is malformed");
    if (extent > 0 && size > std::numeric_limits<int64_t>::max() / extent) {
      return Invalid("the .npy header's shape is too large");
    }
    size *= extent;
    shape.push_back(extent);
  }
  return shape;
}

absl::Status FileError(absl::string_view action, const std::string& path, int error) {
  const std::string message =
      absl::StrCat("cannot ", action, " ", path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnknownError(message);
}

}  // namespace

int64_t NpyHeader::element_count() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

absl::StatusOr<NpyHeader> ParseNpyHeader(std::span<const std::byte> bytes,
                                         std::optional<DType> declared) {
  const absl::StatusOr<Preamble> preamble =
      ParsePreamble(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!preamble.ok()) return preamble.status();
  const absl::StatusOr<std::string> descr = ParseDescr(ValueOf(preamble->dictionary, "descr"));
  if (!descr.ok()) return descr.status();
  const absl::StatusOr<DType> dtype = ToDType(*descr, declared);
  if (!dtype.ok()) return dtype.status();
  absl::StatusOr<std::vector<int64_t>> shape =
      ParseShape(ValueOf(preamble->dictionary, "shape"), ByteSize(*dtype));
  if (!shape.ok()) return shape.status();
  const absl::string_view order = ValueOf(preamble->dictionary, "fortran_order");
  if (absl::StartsWith(order, "True")) {
    return Invalid(
        "the array is in Fortran order: save it with numpy.save(path, "
        "numpy.ascontiguousarray(array))");
  }
  if (!absl::StartsWith(order, "False")) return Invalid("the .npy header names no order");
  return NpyHeader{*dtype, *std::move(shape), static_cast<int64_t>(preamble->data_offset)};
}

absl::StatusOr<NpyFile> NpyFile::Open(const std::string& path, std::optional<DType> declared) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FileError("open", path, errno);
  struct stat info = {};
  const bool known = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  const size_t size = known ? static_cast<size_t>(info.st_size) : 0;
  void* mapping = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (size == 0) return Invalid(absl::StrCat(path, ": empty or not a regular file"));
  if (mapping == MAP_FAILED) return FileError("map", path, error);
  NpyFile result(mapping, size);
  absl::StatusOr<NpyHeader> header =
      ParseNpyHeader({static_cast<const std::byte*>(mapping), size}, declared);
  if (!header.ok()) return Invalid(absl::StrCat(path, ": ", header.status().message()));
  result.header_ = *std::move(header);
  const int64_t expected = result.header_.element_count() * ByteSize(result.header_.dtype);
  const int64_t present = static_cast<int64_t>(size) - result.header_.data_offset;
  if (present < expected) {
    return Invalid(absl::StrCat(path, ": cut short: shape (",
                                absl::StrJoin(result.header_.shape, ", "), ") needs ", expected,
                                " bytes, the file has ", present));
  }
  return result;
}

NpyFile::NpyFile(NpyFile&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      header_(std::move(other.header_)) {}

NpyFile& NpyFile::operator=(NpyFile&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(size_, other.size_);
  std::swap(header_, other.header_);
  return *this;
}

NpyFile::~NpyFile() {
  if (mapping_ != nullptr) munmap(mapping_, size_);
}

std::span<const std::byte> NpyFile::data() const {
  return {static_cast<const std::byte*>(mapping_) + header_.data_offset,
          static_cast<size_t>(header_.element_count() * ByteSize(header_.dtype))};
}

std::string EncodeNpyHeader(DType dtype, std::span<const int64_t> shape) {
  std::string dictionary =
      absl::StrCat("{'descr': '", ToDescr(dtype), "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  // Elements start at a multiple of 64 bytes; the header ends with a line feed.
  const size_t unpadded = 10 + dictionary.size() + 1;
  dictionary.append((64 - unpadded % 64) % 64, ' ');
  dictionary.push_back('\n');
  std::string result = absl::StrCat(kMagic, absl::string_view("\x01\x00", 2));
  result.push_back(static_cast<char>(dictionary.size() & 0xff));
  result.push_back(static_cast<char>(dictionary.size() >> 8));
  return result + dictionary;
}

std::string EncodeNpy(std::span<const double> values, std::span<const int64_t> shape) {
  std::string result = EncodeNpyHeader(DType::kFloat64, shape);
  result.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return result;
}

}  // namespace gramian::client::cli
