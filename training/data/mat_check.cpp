// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/mat_check.h"

// HDF5 1.12 and later name their functions anew unless they are asked for those of 1.10.
#define H5_USE_110_API
#include <hdf5.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

namespace hepar {
namespace {

constexpr std::uint64_t kMaxBytes = 2ull << 30;  // The published set has 150 MiB.
// Of arrays, those of cells and structs included: for each compressed one matio keeps a copy of the
// decompressor.
constexpr std::uint64_t kMaxArrays = 20000;
constexpr int kMaxDepth = 8;
constexpr std::size_t kHeader = 128;

// Of the level 5 MAT file format: types of elements and classes of arrays.
enum Type : std::uint32_t { kInt8 = 1, kDouble = 9, kMatrix = 14, kCompressed = 15 };
enum Class : std::uint32_t {
  kCell = 1,
  kStruct = 2,
  kChar = 4,
  kFirstNumeric = 6,
  kLastNumeric = 15
};

std::size_t SizeOfType(std::uint32_t type) {
  constexpr std::array<std::size_t, 19> kSizes = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8,
                                                  0, 0, 8, 8, 0, 0, 1, 2, 4};
  return type < kSizes.size() ? kSizes[type] : 0;
}

// The bytes of an element, compressed or not, one after the other.
class Bytes {
 public:
  Bytes(std::ifstream* file, std::uint64_t length, bool is_compressed, std::uint64_t* budget)
      : file_(*file), left_(length), is_compressed_(is_compressed), budget_(*budget) {
    if (is_compressed_) is_sound_ = inflateInit(&stream_) == Z_OK;
  }
  ~Bytes() {
    if (is_compressed_) inflateEnd(&stream_);
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  // False where so many are not there.
  bool Read(void* to, std::uint64_t size) {
    auto* out = static_cast<char*>(to);
    while (size > 0) {
      if (at_ == block_.size() && !Fill()) return false;
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(size, block_.size() - at_));
      if (out != nullptr) {
        std::memcpy(out, block_.data() + at_, count);
        out += count;
      }
      at_ += count;
      size -= count;
    }
    return true;
  }
  bool Skip(std::uint64_t size) { return Read(nullptr, size); }

  // Reads what is left; whether it was sound, for compressed bytes with a right checksum.
  bool Finish() {
    while (Fill()) {
    }
    return is_sound_ && !is_over_ && (is_compressed_ ? is_ended_ : left_ == 0);
  }
  bool is_over_budget() const { return is_over_; }

 private:
  bool Fill() {
    if (!is_sound_ || is_ended_ || is_over_) return false;
    at_ = 0;
    block_.resize(1 << 16);
    std::size_t count = 0;
    if (!is_compressed_) {
      count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, block_.size()));
      file_.read(block_.data(), static_cast<std::streamsize>(count));
      is_sound_ = static_cast<bool>(file_);
      left_ -= count;
    } else {
      count = Inflate();
    }
    block_.resize(is_sound_ ? count : 0);
    is_over_ = block_.size() > budget_;
    budget_ -= std::min<std::uint64_t>(budget_, block_.size());
    if (is_over_) block_.clear();
    return !block_.empty();
  }

  std::size_t Inflate() {
    stream_.next_out = reinterpret_cast<unsigned char*>(block_.data());
    stream_.avail_out = static_cast<unsigned>(block_.size());
    while (stream_.avail_out > 0 && !is_ended_) {
      if (stream_.avail_in == 0) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in_.size()));
        file_.read(reinterpret_cast<char*>(in_.data()), static_cast<std::streamsize>(count));
        if (count == 0 || !file_) {
          is_sound_ = false;
          return 0;
        }
        left_ -= count;
        stream_.next_in = in_.data();
        stream_.avail_in = static_cast<unsigned>(count);
      }
      const int state = inflate(&stream_, Z_NO_FLUSH);
      is_ended_ = state == Z_STREAM_END;
      if (state != Z_OK && state != Z_STREAM_END) {
        is_sound_ = false;
        return 0;
      }
    }
    return block_.size() - stream_.avail_out;
  }

  std::ifstream& file_;
  std::uint64_t left_;  // Of the file's bytes.
  const bool is_compressed_;
  std::uint64_t& budget_;
  z_stream stream_ = {};
  std::vector<unsigned char> in_ = std::vector<unsigned char>(1 << 16);
  std::vector<char> block_;
  std::size_t at_ = 0;
  bool is_sound_ = true, is_ended_ = false, is_over_ = false;
};

class Level5 {
 public:
  Level5(const std::string& path, const std::string& variable)
      : file_(path, std::ios::binary), variable_(variable) {}

  std::string Fault(std::uint64_t size) {
    file_.seekg(static_cast<std::streamoff>(kHeader - 2));
    is_big_endian_ = file_.get() == 'M';  // "IM" when read in little endian.
    std::uint64_t at = kHeader;
    while (at < size) {
      file_.seekg(static_cast<std::streamoff>(at));
      std::array<unsigned char, 8> tag = {};
      file_.read(reinterpret_cast<char*>(tag.data()), tag.size());
      const std::uint32_t type = Number(tag.data()), length = Number(tag.data() + 4);
      if (!file_ || length > size - at - 8) return "is cut short or damaged; fetch it again";
      at += 8 + static_cast<std::uint64_t>(length);
      Bytes bytes(&file_, length, type == kCompressed, &budget_);
      if (type == kCompressed) {
        if (!bytes.Read(tag.data(), tag.size())) return FaultOf(bytes);
        if (Number(tag.data()) == kMatrix && !IsArray(bytes, 0)) return FaultOf(bytes);
      } else if (type == kMatrix && !IsArray(bytes, 0)) {
        return FaultOf(bytes);
      }
      if (!bytes.Finish()) return FaultOf(bytes);
    }
    return "";
  }

 private:
  // What made the walk end.
  std::string FaultOf(const Bytes& bytes) const {
    if (bytes.is_over_budget()) {
      return "takes more than " + std::to_string(kMaxBytes >> 20) + " MiB when it is read";
    }
    if (arrays_ > kMaxArrays) return "holds more than " + std::to_string(kMaxArrays) + " arrays";
    return "is cut short or damaged; fetch it again";
  }

  std::uint32_t Number(const unsigned char* bytes) const {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | bytes[is_big_endian_ ? i : 3 - i];
    return value;
  }

  struct Part {
    std::uint32_t type = 0, length = 0;
    std::vector<unsigned char> data;  // Where it was asked for.
  };

  // A part of an array that is no array itself, with its padding.
  std::optional<Part> ReadPart(Bytes& bytes, std::uint32_t keep) {
    std::array<unsigned char, 8> tag = {};
    if (!bytes.Read(tag.data(), tag.size())) return std::nullopt;
    Part part;
    const std::uint32_t first = Number(tag.data());
    if (first >> 16 != 0) {  // Small ones lie in their tag.
      part.type = first & 0xffff;
      part.length = first >> 16;
      if (part.length > 4) return std::nullopt;
      part.data.assign(tag.begin() + 4, tag.begin() + 4 + part.length);
      return part;
    }
    part.type = first;
    part.length = Number(tag.data() + 4);
    const std::uint64_t padding = (8 - part.length % 8) % 8;
    if (part.length > keep) {
      if (keep > 0 || !bytes.Skip(part.length + padding)) return std::nullopt;
      return part;
    }
    part.data.resize(part.length);
    if (!bytes.Read(part.data.data(), part.length) || !bytes.Skip(padding)) return std::nullopt;
    return part;
  }

  // Whether an array, behind its tag, has what it promises. A variable of another name is.
  bool IsArray(Bytes& bytes, int depth) {
    if (++arrays_ > kMaxArrays || depth > kMaxDepth) return false;
    const auto flags = ReadPart(bytes, 64);
    if (!flags || flags->data.size() < 8) return false;
    const std::uint32_t word = Number(flags->data.data());
    const std::uint32_t array_class = word & 0xff;
    if (depth == 0 && array_class > kLastNumeric)
      return true;  // Functions and objects have other parts.
    const auto dims = ReadPart(bytes, 256);
    if (!dims) return false;
    std::uint64_t count = 1;
    for (std::size_t i = 0; i + 4 <= dims->data.size(); i += 4) {
      const std::uint64_t dim = Number(dims->data.data() + i);
      if (dim != 0 && count > kMaxBytes / dim) return false;
      count *= dim;
    }
    const auto name = ReadPart(bytes, 4096);
    if (!name) return false;
    if (depth == 0 && std::string(name->data.begin(), name->data.end()) != variable_) return true;
    if (array_class == kCell) return AreArrays(bytes, count, depth);
    if (array_class == kStruct) {
      const auto width = ReadPart(bytes, 8);
      if (!width || width->data.size() < 4 || Number(width->data.data()) == 0) return false;
      const auto names = ReadPart(bytes, 1 << 16);
      if (!names) return false;
      return AreArrays(bytes, count * (names->length / Number(width->data.data())), depth);
    }
    const bool is_plain =
        array_class == kChar || (array_class >= kFirstNumeric && array_class <= kLastNumeric);
    if (!is_plain) return false;
    const bool is_complex = (word & 0x800) != 0;
    for (int part = 0; part < (is_complex ? 2 : 1); ++part) {
      const auto values = ReadPart(bytes, 0);
      if (!values) return false;
      const std::size_t size = SizeOfType(values->type);
      // Text may take more than a byte for a letter, and less than one.
      if (size == 0 || (array_class != kChar && values->length / size != count)) return false;
    }
    return true;
  }

  bool AreArrays(Bytes& bytes, std::uint64_t count, int depth) {
    if (count > kMaxArrays) {
      arrays_ = kMaxArrays + 1;
      return false;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      std::array<unsigned char, 8> tag = {};
      if (!bytes.Read(tag.data(), tag.size()) || Number(tag.data()) != kMatrix) return false;
      if (Number(tag.data() + 4) == 0) continue;  // Empty.
      if (!IsArray(bytes, depth + 1)) return false;
    }
    return true;
  }

  std::ifstream file_;
  const std::string& variable_;
  bool is_big_endian_ = false;
  std::uint64_t budget_ = kMaxBytes;
  std::uint64_t arrays_ = 0;
};

// What the datasets of a file say of their sizes.
struct Sizes {
  std::uint64_t bytes = 0, datasets = 0;
};

herr_t AddSize(hid_t root, const char* name, const H5O_info_t* info, void* sizes) {
  if (info->type != H5O_TYPE_DATASET) return 0;
  auto* sum = static_cast<Sizes*>(sizes);
  const hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT);
  if (dataset < 0) return -1;
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  const hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  const std::size_t size = type < 0 ? 0 : H5Tget_size(type);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  H5Dclose(dataset);
  if (points < 0 || size == 0) return -1;
  if (static_cast<std::uint64_t>(points) > kMaxBytes / size) {
    sum->bytes = kMaxBytes + 1;
    return 1;
  }
  sum->bytes += static_cast<std::uint64_t>(points) * size;
  ++sum->datasets;
  return sum->bytes > kMaxBytes || sum->datasets > kMaxArrays ? 1 : 0;
}

// Level 7.3 is HDF5.
std::string FaultOfHdf5(const std::string& path) {
  H5E_auto2_t report = nullptr;
  void* report_data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &report, &report_data);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // It prints what it meets.
  Sizes sizes;
  herr_t result = -1;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file >= 0) {
    result = H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, AddSize, &sizes, H5O_INFO_BASIC);
    H5Fclose(file);
  }
  H5Eset_auto2(H5E_DEFAULT, report, report_data);
  if (result < 0) return "is cut short or damaged; fetch it again";
  if (result == 0) return "";
  return sizes.bytes > kMaxBytes
             ? "takes more than " + std::to_string(kMaxBytes >> 20) + " MiB when it is read"
             : "holds more than " + std::to_string(kMaxArrays) + " arrays";
}

}  // namespace

std::string FaultOfMatFile(const std::string& path, const std::string& variable) {
  std::array<char, kHeader> header = {};
  std::ifstream file(path, std::ios::binary);
  file.read(header.data(), header.size());
  if (!file) return "";
  const bool is_big_endian = header[kHeader - 2] == 'M';
  const auto version =
      static_cast<unsigned char>(header[is_big_endian ? kHeader - 4 : kHeader - 3]);
  if (version == 1) return Level5(path, variable).Fault(std::filesystem::file_size(path));
  return version == 2 ? FaultOfHdf5(path) : "";
}

}  // namespace hepar
