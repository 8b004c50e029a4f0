// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/orientation.h"

#include <libexif/exif-data.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace hepar {
namespace {

constexpr std::string_view kExifHeader("Exif\0\0", 6);

std::uint32_t Number(std::string_view bytes, std::size_t at, bool big_endian) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + (big_endian ? i : 3 - i)]);
  }
  return number;
}

// The chunk `name` of a PNG (length, name, data, CRC) or WebP (name, length, data) file.
std::string_view ChunkOf(std::string_view file, std::size_t start, std::string_view name,
                         bool is_png) {
  std::size_t at = start;
  while (file.size() > at && file.size() - at >= 8) {
    const std::size_t length = Number(file, at + (is_png ? 0 : 4), is_png);
    const std::string_view here = file.substr(at + (is_png ? 4 : 0), 4);
    at += 8;
    if (length > file.size() - at) break;
    if (here == name) return file.substr(at, length);
    at += length + (is_png ? 4 : length % 2);
  }
  return {};
}

// EXIF data with the header that it has in JPEG.
std::string ExifOf(std::string_view file) {
  std::string_view data;
  if (file.substr(0, 8) == "\x89PNG\r\n\x1a\n") {
    data = ChunkOf(file, 8, "eXIf", true);
  } else if (file.size() >= 12 && file.substr(0, 4) == "RIFF" && file.substr(8, 4) == "WEBP") {
    data = ChunkOf(file, 12, "EXIF", false);
  } else if (file.substr(0, 2) == "\xff\xd8") {
    // The segments before the first scan.
    std::size_t at = 2;
    while (file.size() - at >= 4 && file[at] == '\xff') {
      const auto marker = static_cast<unsigned char>(file[at + 1]);
      if (marker == 0xff) {
        ++at;
        continue;
      }
      const std::size_t length = static_cast<unsigned char>(file[at + 2]) * 256u +
                                 static_cast<unsigned char>(file[at + 3]);
      if (marker == 0xda || length < 2 || length > file.size() - at - 2) break;
      const std::string_view segment = file.substr(at + 4, length - 2);
      if (marker == 0xe1 && segment.substr(0, kExifHeader.size()) == kExifHeader) {
        return std::string(segment);
      }
      at += 2 + length;
    }
  }
  if (data.empty()) return {};
  const bool has_header = data.substr(0, kExifHeader.size()) == kExifHeader;
  return (has_header ? std::string() : std::string(kExifHeader)) + std::string(data);
}

}  // namespace

int ExifOrientation(std::string_view file) {
  const std::string exif = ExifOf(file);
  if (exif.empty()) return kUpright;
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(reinterpret_cast<const unsigned char*>(exif.data()),
                              static_cast<unsigned>(exif.size())),
      exif_data_unref);
  if (!data) return kUpright;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) return kUpright;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return value >= 1 && value <= 8 ? value : kUpright;
}

cv::Mat Upright(const cv::Mat& stored, int orientation) {
  cv::Mat shown = stored;
  // 5 to 8 exchange rows and columns; what is left is a mirroring along one axis or both.
  if (orientation >= 5) cv::transpose(stored, shown);
  const bool left_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool up_down = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  if (!left_right && !up_down) return shown;
  cv::Mat flipped;
  cv::flip(shown, flipped, left_right && up_down ? -1 : left_right ? 1 : 0);
  return flipped;
}

}  // namespace hepar
