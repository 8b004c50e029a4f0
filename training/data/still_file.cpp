// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/still_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>

#include "models/dicom/jpeg_check.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/image/picture_limits.h"
#include "training/data/file_name.h"
#include "training/data/orientation.h"
#include "training/data/still_header.h"
#include "training/data/tiff_pages.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxFileBytes = 512ull << 20;

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

bool IsNamedTiff(const std::string& path) {
  const std::string extension = ExtensionOf(path);
  return extension == ".tif" || extension == ".tiff";
}

// By content, since names lie. TIFF 6.0, section 2, and BigTIFF.
bool IsTiff(const std::string& path) {
  std::array<char, 4> magic = {};
  std::ifstream file(path, std::ios::binary);
  file.read(magic.data(), magic.size());
  const std::string_view start(magic.data(), static_cast<std::size_t>(file.gcount()));
  for (const std::string_view known :
       {std::string_view("II*\0", 4), std::string_view("MM\0*", 4), std::string_view("II+\0", 4),
        std::string_view("MM\0+", 4)}) {
    if (start == known) return true;
  }
  return false;
}

// Gray or B, G, R in 8 or, for gray, 16 bits.
cv::Mat InFewFormats(cv::Mat picture, const std::string& path) {
  if (picture.depth() != CV_8U && picture.depth() != CV_16U) {
    throw Damaged(path, std::string("has samples of type ") + cv::depthToString(picture.depth()) +
                            ", expected 8 or 16 bits without sign");
  }
  if (picture.channels() == 2) {
    cv::extractChannel(picture, picture, 0);
  } else if (picture.channels() == 4) {
    cv::cvtColor(picture, picture, cv::COLOR_BGRA2BGR);
  }
  if (picture.channels() == 3 && picture.depth() == CV_16U) {
    picture.convertTo(picture, CV_8U, 1.0 / 257.0);
  }
  return picture;
}

cv::Mat Decode(const std::string& bytes, const std::string& path) {
  cv::Mat picture;
  try {
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1,
                         const_cast<char*>(bytes.data()));
    if (!bytes.empty()) picture = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw Damaged(path, "cannot be decoded: " + error.err);
  }
  if (picture.empty()) {
    throw Damaged(path,
                  "is no picture that can be decoded, or a damaged one; expected PNG, JPEG, JPEG "
                  "2000, TIFF, BMP, PNM, WebP, DICOM or a video");
  }
  return picture;
}

// A file of one picture.
cv::Mat ReadOne(const std::string& path, const Warn& warn) {
  std::string bytes = ReadFile(path, kMaxFileBytes);
  if (const auto size = SizeInHeader(bytes)) CheckPictureSize(path, size->width, size->height);
  if (bytes.compare(0, 2, "\xff\xd8") == 0) {
    const JpegState state = CheckJpeg(bytes);
    if (!state.damage.empty()) throw Damaged(path, "is a damaged JPEG file: " + state.damage);
    if (!state.oddity.empty() && warn) warn(path + ": its JPEG stream " + state.oddity);
    // OpenCV's source of bytes stops where they end, so that the last rows would be lost.
    if (!state.has_end) bytes += "\xff\xd9";
  }
  return Upright(Decode(bytes, path), ExifOrientation(bytes));
}

}  // namespace

bool IsStill(const std::string& path) {
  constexpr std::array<std::string_view, 19> kExtensions = {
      ".png", ".jpg", ".jpeg", ".jpe",  ".jfif", ".jif", ".jp2", ".j2k", ".jpf", ".j2c",
      ".bmp", ".dib", ".tif",  ".tiff", ".pbm",  ".pgm", ".ppm", ".pnm", ".webp"};
  const std::string extension = ExtensionOf(path);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

int CountStillFrames(const std::string& path) {
  return IsNamedTiff(path) && IsTiff(path) ? static_cast<int>(TiffPages(path).size()) : 1;
}

void ReadStill(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
               const Warn& warn) {
  const bool is_tiff = IsTiff(path);
  const auto pages = is_tiff ? TiffPages(path) : std::vector<int>{0};
  for (const int frame : frames) {
    if (frame < 0 || frame >= static_cast<int>(pages.size())) {
      throw Damaged(path, "is a still and has no frame " + std::to_string(frame));
    }
    take(frame,
         InFewFormats(is_tiff ? ReadTiffPage(path, pages[frame]) : ReadOne(path, warn), path));
  }
}

}  // namespace hepar
