// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/still_header.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace hepar {
namespace {

using Size = std::optional<StillSize>;

std::uint64_t Big(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

std::uint64_t Little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = size; i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return number;
}

// ISO/IEC 15948, 11.2.2: IHDR comes first.
Size PngSize(std::string_view file) {
  if (file.size() < 24) return std::nullopt;
  return StillSize{Big(file, 16, 4), Big(file, 20, 4)};
}

// ITU-T T.81, B.2.2: the frame header.
Size JpegSize(std::string_view file) {
  std::size_t at = 2;
  while (file.size() - at >= 9 && file[at] == '\xff') {
    const auto marker = static_cast<unsigned char>(file[at + 1]);
    if (marker == 0xff) {
      ++at;
      continue;
    }
    const bool is_table = marker == 0xc4 || marker == 0xc8 || marker == 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !is_table) {
      return StillSize{Big(file, at + 7, 2), Big(file, at + 5, 2)};
    }
    const std::size_t length = Big(file, at + 2, 2);
    if (marker == 0xda || length < 2 || length > file.size() - at - 2) break;
    at += 2 + length;
  }
  return std::nullopt;
}

// ITU-T T.800, A.5.1: SIZ follows the start of the codestream, which may lie in a box.
Size Jpeg2000Size(std::string_view file) {
  const std::size_t at = file.find("\xff\x4f\xff\x51");
  if (at == std::string_view::npos || file.size() - at < 24) return std::nullopt;
  const std::uint64_t right = Big(file, at + 8, 4), bottom = Big(file, at + 12, 4);
  const std::uint64_t left = Big(file, at + 16, 4), top = Big(file, at + 20, 4);
  if (right < left || bottom < top) return std::nullopt;
  return StillSize{right - left, bottom - top};
}

Size BmpSize(std::string_view file) {
  if (file.size() < 26) return std::nullopt;
  if (Little(file, 14, 4) == 12) return StillSize{Little(file, 18, 2), Little(file, 20, 2)};
  const auto height = static_cast<std::int32_t>(Little(file, 22, 4));  // Below 0: from the top.
  return StillSize{Little(file, 18, 4),
                   static_cast<std::uint64_t>(height < 0 ? -std::int64_t{height} : height)};
}

// Two numbers between white space and comments.
Size PnmSize(std::string_view file) {
  std::size_t at = 2;
  std::uint64_t numbers[2] = {0, 0};
  for (std::uint64_t& number : numbers) {
    while (at < file.size() &&
           (std::isspace(static_cast<unsigned char>(file[at])) != 0 || file[at] == '#')) {
      at = file[at] == '#' ? std::min(file.find('\n', at), file.size()) : at + 1;
    }
    if (at >= file.size() || std::isdigit(static_cast<unsigned char>(file[at])) == 0) {
      return std::nullopt;
    }
    while (at < file.size() && std::isdigit(static_cast<unsigned char>(file[at])) != 0) {
      number = std::min<std::uint64_t>(number * 10 + (file[at++] - '0'), 1ull << 40);
    }
  }
  return StillSize{numbers[0], numbers[1]};
}

// RFC 9649: a lossy, lossless or extended header.
Size WebpSize(std::string_view file) {
  if (file.size() < 30) return std::nullopt;
  const std::string_view kind = file.substr(12, 4);
  if (kind == "VP8 ") return StillSize{Little(file, 26, 2) & 0x3fff, Little(file, 28, 2) & 0x3fff};
  if (kind == "VP8X") return StillSize{Little(file, 24, 3) + 1, Little(file, 27, 3) + 1};
  if (kind != "VP8L") return std::nullopt;
  const std::uint64_t bits = Little(file, 21, 4);
  return StillSize{(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
}

}  // namespace

Size SizeInHeader(std::string_view file) {
  if (file.substr(0, 8) == "\x89PNG\r\n\x1a\n") return PngSize(file);
  if (file.substr(0, 2) == "\xff\xd8") return JpegSize(file);
  if (file.substr(0, 4) == "\xff\x4f\xff\x51" ||
      file.substr(0, 8) == std::string_view("\0\0\0\x0cjP  ", 8)) {
    return Jpeg2000Size(file);
  }
  if (file.substr(0, 2) == "BM") return BmpSize(file);
  if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6') return PnmSize(file);
  if (file.size() >= 12 && file.substr(0, 4) == "RIFF" && file.substr(8, 4) == "WEBP") {
    return WebpSize(file);
  }
  return std::nullopt;
}

}  // namespace hepar
