// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/tiff_pages.h"

#include <tiffio.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <opencv2/imgcodecs.hpp>

#include "models/error.h"
#include "models/image/picture_limits.h"

namespace hepar {
namespace {

constexpr int kMaxPages = 10000;

// libtiff prints what it meets unless told otherwise; the errors say it.
void SilenceTiff() {
  static std::once_flag once;
  std::call_once(once, [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
  });
}

Error Damaged(const std::string& path, int page, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ", page " + std::to_string(page + 1) + ": " + what);
}

// libtiff gives back what lies beyond the end of some files as zeros.
void CheckDataIsInFile(TIFF* file, const std::string& path, int page, std::uint64_t bytes) {
  std::uint64_t *offsets = nullptr, *counts = nullptr;
  const bool is_tiled = TIFFIsTiled(file) != 0;
  if (TIFFGetField(file, is_tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS, &offsets) != 1 ||
      TIFFGetField(file, is_tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS, &counts) !=
          1) {
    throw Damaged(path, page, "does not say where its pixels are");
  }
  const std::uint32_t pieces = is_tiled ? TIFFNumberOfTiles(file) : TIFFNumberOfStrips(file);
  for (std::uint32_t i = 0; i < pieces; ++i) {
    if (offsets[i] > bytes || counts[i] > bytes - offsets[i]) {
      throw Damaged(path, page, "its pixels end before they should; the file is cut off");
    }
  }
}

}  // namespace

std::vector<int> TiffPages(const std::string& path) {
  SilenceTiff();
  std::error_code code;
  const std::uint64_t bytes = std::filesystem::file_size(path, code);
  const std::unique_ptr<TIFF, decltype(&TIFFClose)> file(TIFFOpen(path.c_str(), "r"), TIFFClose);
  if (!file) {
    throw Error(ErrorKind::kDamaged, path + ": is no TIFF file that can be read, or a damaged one");
  }
  std::vector<int> pages;
  int directory = 0;
  bool is_last = false;
  for (; !is_last; ++directory) {
    if (directory == kMaxPages) {
      throw Error(ErrorKind::kDamaged,
                  path + ": has more than " + std::to_string(kMaxPages) + " pages");
    }
    std::uint32_t width = 0, height = 0, kind = 0;
    TIFFGetField(file.get(), TIFFTAG_SUBFILETYPE, &kind);
    if ((kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0) {
      if (TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width) != 1 ||
          TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height) != 1) {
        throw Damaged(path, directory, "has no size");
      }
      CheckPictureSize(path, width, height);
      CheckDataIsInFile(file.get(), path, directory, bytes);
      pages.push_back(directory);
    }
    is_last = TIFFLastDirectory(file.get()) != 0;
    if (!is_last && TIFFReadDirectory(file.get()) != 1) {
      throw Damaged(path, directory + 1, "cannot be read; the file is cut off or damaged");
    }
  }
  if (pages.empty()) throw Error(ErrorKind::kDamaged, path + ": has no page that is a picture");
  return pages;
}

cv::Mat ReadTiffPage(const std::string& path, int directory) {
  SilenceTiff();
  std::vector<cv::Mat> pages;
  try {
    // OpenCV turns it.
    cv::imreadmulti(path, pages, directory, 1, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw Damaged(path, directory, "cannot be decoded: " + error.err);
  }
  if (pages.size() != 1 || pages[0].empty()) {
    throw Damaged(path, directory,
                  "cannot be decoded; the file is cut off, damaged or of a kind "
                  "that is not read");
  }
  return pages[0];
}

}  // namespace hepar
