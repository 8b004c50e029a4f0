// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dicom_codestream.h"

#include <cstddef>
#include <cstdint>

namespace hepar {
namespace {

std::uint64_t FramePixels(const DicomContent& content) {
  return static_cast<std::uint64_t>(content.rows) * content.columns;
}

std::uint32_t BigNumber(std::string_view bytes, std::size_t at, int size) {
  std::uint32_t number = 0;
  for (int i = 0; i < size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

bool IsJpegFrame(std::string_view segment, const DicomContent& content) {
  const auto is = [&](std::size_t at, int size, int value) {
    return BigNumber(segment, at, size) == static_cast<std::uint32_t>(value);
  };
  const auto samples = static_cast<std::size_t>(content.samples);
  return segment.size() == 6 + 3 * samples &&
         BigNumber(segment, 0, 1) <= static_cast<std::uint32_t>(content.bits_allocated) &&
         is(1, 2, content.rows) && is(3, 2, content.columns) && is(5, 1, content.samples);
}

}  // namespace

bool IsRle(std::string_view frame, const DicomContent& content) {
  constexpr std::size_t kHeader = 64;
  if (frame.size() < kHeader) return false;
  const auto offset = [&](std::size_t i) {
    std::size_t number = 0;
    for (int b = 3; b >= 0; --b) {
      number = number << 8 | static_cast<unsigned char>(frame[4 * i + b]);
    }
    return number;
  };
  const std::size_t segments = offset(0);
  const auto samples = static_cast<std::size_t>(content.samples);
  if (segments != samples * (content.bits_allocated / 8) || offset(1) != kHeader) return false;
  for (std::size_t i = 1; i <= segments; ++i) {
    const std::size_t end = i < segments ? offset(i + 1) : frame.size();
    std::size_t at = offset(i);
    if (at > end || end > frame.size()) return false;
    std::uint64_t pixels = 0;
    while (at < end && pixels < FramePixels(content)) {
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
    if (at > end || pixels != FramePixels(content)) return false;
  }
  return true;
}

std::optional<JpegStream> ReadJpegStream(std::string_view frame, const DicomContent& content) {
  JpegStream stream;
  if (frame.substr(0, 2) != "\xff\xd8") return std::nullopt;
  const auto last = frame.find_last_not_of('\0');
  if (last == std::string_view::npos || last < 1 || frame.substr(last - 1, 2) != "\xff\xd9") {
    return std::nullopt;
  }
  bool has_frame = false;
  std::size_t at = 2;
  while (frame.size() - at >= 4 && frame[at] == '\xff') {
    const auto marker = static_cast<unsigned char>(frame[at + 1]);
    const std::size_t length = BigNumber(frame, at + 2, 2);
    if (length < 2 || length > frame.size() - at - 2) return std::nullopt;
    const std::string_view segment = frame.substr(at + 4, length - 2);
    at += 2 + length;
    if (marker == 0xda) return has_frame ? std::optional(stream) : std::nullopt;
    const bool is_dct = marker >= 0xc0 && marker <= 0xc2;
    if (is_dct || marker == 0xc3 || marker == 0xf7) {
      if (has_frame || !IsJpegFrame(segment, content)) return std::nullopt;
      has_frame = true;
      if (!is_dct) continue;
      stream.is_dct = true;
      // Only chroma is stored with fewer samples.
      if (content.samples == 3 && segment[7] != segment[10]) stream.is_ybr = true;
    } else if (marker == 0xe0 && segment.substr(0, 5) == std::string_view("JFIF\0", 5)) {
      stream.is_ybr = true;
    } else if (marker == 0xee && segment.size() >= 12 && segment.substr(0, 5) == "Adobe") {
      if (segment[11] != 0 && segment[11] != 1) return std::nullopt;
      stream.is_ybr = segment[11] == 1;
    } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4) {
      return std::nullopt;  // Arithmetic coding and hierarchies, which DICOM does not have.
    }
  }
  return std::nullopt;
}

bool IsJpeg2000(std::string_view frame, const DicomContent& content) {
  constexpr std::size_t kSizeSegment = 4 + 38;
  if (frame.size() < kSizeSegment || frame.substr(0, 4) != "\xff\x4f\xff\x51") return false;
  const std::uint32_t right = BigNumber(frame, 8, 4);
  const std::uint32_t bottom = BigNumber(frame, 12, 4);
  const std::uint32_t left = BigNumber(frame, 16, 4);
  const std::uint32_t top = BigNumber(frame, 20, 4);
  return right > left && bottom > top &&
         right - left == static_cast<std::uint32_t>(content.columns) &&
         bottom - top == static_cast<std::uint32_t>(content.rows) &&
         BigNumber(frame, 40, 2) == static_cast<std::uint32_t>(content.samples);
}

}  // namespace hepar
