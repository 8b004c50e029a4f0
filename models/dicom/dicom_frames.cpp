// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/dicom_frames.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr std::uint32_t kExtendedTable = 0x7fe00001;
constexpr std::size_t kRleHeader = 64;

std::uint64_t Little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = size; i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return number;
}

std::uint32_t Big(std::string_view bytes, std::size_t at, int size) {
  std::uint32_t number = 0;
  for (int i = 0; i < size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

std::vector<std::uint64_t> NumbersOf(std::string_view table, std::size_t size) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t at = 0; at + size <= table.size(); at += size) {
    numbers.push_back(Little(table, at, size));
  }
  return numbers;
}

// The frames that begin at the fragments of the given offsets; none where one is no fragment's.
std::optional<DicomFrames> ByOffsets(const std::vector<DicomFragment>& fragments,
                                     const std::vector<std::uint64_t>& offsets, int count) {
  if (offsets.empty() || offsets[0] != 0) return std::nullopt;
  if (count > 0 && offsets.size() != static_cast<std::size_t>(count)) return std::nullopt;
  DicomFrames frames;
  std::size_t next = 0;
  for (const DicomFragment& fragment : fragments) {
    if (next < offsets.size() && fragment.offset == offsets[next]) {
      frames.emplace_back();
      ++next;
    }
    frames.back().push_back(fragment.bytes);
  }
  if (next < offsets.size()) return std::nullopt;
  return frames;
}

bool BeginsStream(std::string_view bytes, DicomCoding coding) {
  if (coding == DicomCoding::kJpeg) return bytes.substr(0, 3) == "\xff\xd8\xff";
  if (coding == DicomCoding::kJpeg2000) {
    return bytes.substr(0, 4) == "\xff\x4f\xff\x51" ||
           bytes.substr(0, 8) == std::string_view("\0\0\0\x0cjP  ", 8);
  }
  return bytes.size() >= kRleHeader && Little(bytes, 0, 4) >= 1 && Little(bytes, 0, 4) <= 15 &&
         Little(bytes, 4, 4) == kRleHeader;
}

DicomFrames ByBeginnings(const std::vector<DicomFragment>& fragments, DicomCoding coding) {
  DicomFrames frames;
  for (const DicomFragment& fragment : fragments) {
    if (frames.empty() || BeginsStream(fragment.bytes, coding)) frames.emplace_back();
    frames.back().push_back(fragment.bytes);
  }
  return frames;
}

// PS3.5, annex G: up to 15 segments of one byte of each pixel, run-length coded.
bool IsRle(std::string_view frame, const DicomShape& shape) {
  if (frame.size() < kRleHeader) return false;
  const auto offset = [&](std::size_t i) {
    return static_cast<std::size_t>(Little(frame, 4 * i, 4));
  };
  const std::size_t segments = offset(0);
  const std::uint64_t wanted = static_cast<std::uint64_t>(shape.rows) * shape.columns;
  const auto bytes = static_cast<std::size_t>(shape.samples * (shape.bits_allocated / 8));
  if (segments != bytes || offset(1) != kRleHeader) return false;
  for (std::size_t i = 1; i <= segments; ++i) {
    const std::size_t end = i < segments ? offset(i + 1) : frame.size();
    std::size_t at = offset(i);
    if (at > end || end > frame.size()) return false;
    std::uint64_t pixels = 0;
    while (at < end && pixels < wanted) {
      const auto code = static_cast<unsigned char>(frame[at]);
      if (code < 128) {  // That many bytes and one as they are.
        pixels += code + 1;
        at += code + 2;
      } else if (code > 128) {  // The next byte repeated.
        pixels += 257 - code;
        at += 2;
      } else {
        ++at;
      }
    }
    if (at > end || pixels != wanted) return false;
  }
  return true;
}

// ITU-T T.81 and T.87, annex B: segments and scans to the mark of the end.
class JpegReader {
 public:
  JpegReader(std::string_view frame, const DicomShape& shape) : frame_(frame), shape_(shape) {}

  std::optional<DicomStream> Read() {
    if (frame_.substr(0, 2) != "\xff\xd8") return std::nullopt;
    stream_.bytes = "\xff\xd8";
    at_ = 2;
    while (true) {
      const auto marker = NextMarker();
      if (!marker) {
        // A picture of 8 bits can be looked at for what is missing.
        if (!has_scan_ || !stream_.is_dct) return std::nullopt;
        stream_.has_end = false;
        stream_.bytes += "\xff\xd9";
        return std::move(stream_);
      }
      if (*marker == 0xd9) {
        if (!has_scan_) return std::nullopt;
        stream_.bytes += "\xff\xd9";
        return std::move(stream_);
      }
      if (!ReadSegment(*marker)) return std::nullopt;
      if (*marker == 0xda) CopyScan();
    }
  }

 private:
  // Fill bytes may stand before a marker (B.1.1.2).
  std::optional<unsigned char> NextMarker() {
    if (at_ >= frame_.size() || frame_[at_] != '\xff') return std::nullopt;
    while (at_ < frame_.size() && frame_[at_] == '\xff') ++at_;
    if (at_ >= frame_.size()) return std::nullopt;
    return static_cast<unsigned char>(frame_[at_++]);
  }

  bool ReadSegment(unsigned char marker) {
    if (frame_.size() - at_ < 2) return false;
    const std::size_t length = Big(frame_, at_, 2);
    if (length < 2 || length > frame_.size() - at_) return false;
    const std::string_view segment = frame_.substr(at_ + 2, length - 2);
    stream_.bytes += '\xff';
    stream_.bytes += static_cast<char>(marker);
    stream_.bytes += frame_.substr(at_, length);
    at_ += length;
    const bool is_lossy = marker >= 0xc0 && marker <= 0xc2;
    if (marker == 0xda) {
      if (!has_frame_) return false;
      has_scan_ = true;
    } else if (is_lossy || marker == 0xc3 || marker == 0xf7) {
      if (has_frame_ || !IsFrame(segment)) return false;
      has_frame_ = true;
      // Only chroma is stored with fewer samples.
      if (is_lossy && shape_.samples == 3 && segment[7] != segment[10]) stream_.is_ybr = true;
      stream_.is_dct = is_lossy && segment[0] == 8;
    } else if (marker == 0xe0 && segment.substr(0, 5) == std::string_view("JFIF\0", 5)) {
      stream_.is_ybr = true;
    } else if (marker == 0xee && segment.size() >= 12 && segment.substr(0, 5) == "Adobe") {
      if (segment[11] != 0 && segment[11] != 1) return false;
      stream_.is_ybr = segment[11] == 1;
    } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4) {
      return false;  // Arithmetic coding and hierarchies, which DICOM does not have.
    }
    return true;
  }

  // Coded data, in which 0xff stands before a stuffed byte or bit, or a mark of restart.
  void CopyScan() {
    const std::size_t begin = at_;
    while (true) {
      at_ = frame_.find('\xff', at_);
      if (at_ == std::string_view::npos || at_ + 1 >= frame_.size()) {
        at_ = frame_.size();
        break;
      }
      const auto next = static_cast<unsigned char>(frame_[at_ + 1]);
      if (next == 0xff) {  // Fill bytes.
        const std::size_t after = frame_.find_first_not_of('\xff', at_);
        const bool is_marker =
            after != std::string_view::npos && static_cast<unsigned char>(frame_[after]) >= 0xc0;
        if (is_marker) break;
        ++at_;
      } else if (next < 0x80 || (next >= 0xd0 && next <= 0xd7)) {
        at_ += 2;
      } else {
        break;
      }
    }
    stream_.bytes += frame_.substr(begin, at_ - begin);
  }

  bool IsFrame(std::string_view segment) const {
    const auto is = [&](std::size_t at, int size, int value) {
      return Big(segment, at, size) == static_cast<std::uint32_t>(value);
    };
    const auto samples = static_cast<std::size_t>(shape_.samples);
    return segment.size() == 6 + 3 * samples &&
           Big(segment, 0, 1) <= static_cast<std::uint32_t>(shape_.bits_allocated) &&
           is(1, 2, shape_.rows) && is(3, 2, shape_.columns) && is(5, 1, shape_.samples);
  }

  std::string_view frame_;
  const DicomShape& shape_;
  std::size_t at_ = 0;
  bool has_frame_ = false, has_scan_ = false;
  DicomStream stream_;
};

// The codestream of a file of boxes (ITU-T T.800, annex I); what is none is given back.
std::string_view CodestreamOf(std::string_view frame) {
  if (frame.substr(0, 8) != std::string_view("\0\0\0\x0cjP  ", 8)) return frame;
  std::size_t at = 0;
  while (frame.size() - at >= 8) {
    const std::size_t length = Big(frame, at, 4);
    if (frame.substr(at + 4, 4) == "jp2c") return frame.substr(at + 8);
    if (length < 8 || length > frame.size() - at) break;
    at += length;
  }
  return {};
}

// ITU-T T.800, annex A: the size comes first, and each part of a tile says how long it is.
std::optional<DicomStream> ReadJpeg2000(std::string_view boxed, const DicomShape& shape) {
  constexpr std::size_t kSizeSegment = 4 + 38;
  const std::string_view frame = CodestreamOf(boxed);
  if (frame.size() < kSizeSegment || frame.substr(0, 4) != "\xff\x4f\xff\x51") return std::nullopt;
  const std::uint32_t right = Big(frame, 8, 4), bottom = Big(frame, 12, 4);
  const std::uint32_t left = Big(frame, 16, 4), top = Big(frame, 20, 4);
  if (right <= left || bottom <= top || right - left != static_cast<std::uint32_t>(shape.columns) ||
      bottom - top != static_cast<std::uint32_t>(shape.rows) ||
      Big(frame, 40, 2) != static_cast<std::uint32_t>(shape.samples)) {
    return std::nullopt;
  }
  DicomStream stream;
  bool has_tile = false;
  std::size_t at = 2;
  while (frame.size() - at >= 4 && frame[at] == '\xff' && frame[at + 1] != '\xd9') {
    const bool is_tile = frame[at + 1] == '\x90';
    std::size_t length = 2 + Big(frame, at + 2, 2);
    if (is_tile) {
      if (frame.size() - at < 12) return std::nullopt;
      length = Big(frame, at + 6, 4);
      if (length == 0) {  // The last part, to the end of the stream.
        const std::size_t end = frame.rfind("\xff\xd9");
        if (end == std::string_view::npos || end < at + 12) return std::nullopt;
        length = end - at;
      }
      has_tile = true;
    }
    if (length < 4 || length > frame.size() - at) return std::nullopt;
    at += length;
  }
  if (!has_tile) return std::nullopt;
  stream.bytes = std::string(frame.substr(0, at)) + "\xff\xd9";
  return stream;
}

}  // namespace

DicomFrames GroupFragments(const DicomFile& file, int count, const std::string& name) {
  const auto& fragments = file.fragments;
  if (const DicomElement* table = file.data.Find(kExtendedTable)) {
    if (auto frames = ByOffsets(fragments, NumbersOf(table->value, 8), count)) return *frames;
  }
  if (auto frames = ByOffsets(fragments, NumbersOf(file.offset_table, 4), count)) return *frames;
  DicomFrames one_each;
  DicomFrames joined(1);
  for (const DicomFragment& fragment : fragments) {
    one_each.push_back({fragment.bytes});
    joined[0].push_back(fragment.bytes);
  }
  if (fragments.empty()) one_each = joined = {};
  if (count == 1) return joined;
  if (count == static_cast<int>(one_each.size())) return one_each;
  DicomFrames frames = ByBeginnings(fragments, file.coding);
  if (count == 0 || count == static_cast<int>(frames.size())) return frames;
  throw Error(ErrorKind::kDamaged, name + ": holds " + std::to_string(frames.size()) +
                                       " compressed frames in " + std::to_string(fragments.size()) +
                                       " fragments, but says " + std::to_string(count));
}

std::optional<DicomStream> JoinFrame(const std::vector<std::string_view>& pieces,
                                     DicomCoding coding, const DicomShape& shape) {
  std::string joined;
  for (const std::string_view piece : pieces) joined += piece;
  if (coding == DicomCoding::kJpeg) return JpegReader(joined, shape).Read();
  if (coding == DicomCoding::kJpeg2000) return ReadJpeg2000(joined, shape);
  if (!IsRle(joined, shape)) return std::nullopt;
  DicomStream stream;
  stream.bytes = std::move(joined);
  return stream;
}

}  // namespace hepar
