// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/picture_source.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>
#include <system_error>

#include "models/error.h"
#include "training/data/dicom_file.h"
#include "training/data/file_name.h"
#include "training/data/mat_file.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

bool IsStillName(const std::string& path) {
  constexpr std::array<std::string_view, 10> kExtensions = {
      ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".webp"};
  const std::string extension = ExtensionOf(path);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

void CheckExists(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
}

// A picture as OpenCV decodes it, with gray or B, G, R in 8 or, for gray, 16 bits.
cv::Mat ReadStill(const std::string& path) {
  cv::Mat picture;
  try {
    picture = cv::imread(path, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw Damaged(path, "cannot be decoded: " + error.err);
  }
  if (picture.empty()) {
    throw Damaged(path,
                  "is no picture that can be decoded, or a damaged one; expected PNG, JPEG, TIFF, "
                  "BMP, PNM, WebP, DICOM or a video");
  }
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

void ReadMatFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take) {
  std::vector<cv::Mat> all;
  for (auto& patient : ReadMatFile(path)) {
    all.insert(all.end(), patient.frames.begin(), patient.frames.end());
  }
  for (const int frame : frames) {
    if (frame < 0 || frame >= static_cast<int>(all.size())) {
      throw Damaged(path, "has no frame " + std::to_string(frame) + "; it holds " +
                              std::to_string(all.size()) + ", counted from 0");
    }
    take(frame, all[frame]);
  }
}

}  // namespace

bool IsPictureFile(const std::string& path) {
  return IsStillName(path) || IsVideo(path) || IsDicom(path);
}

int CountFrames(const std::string& path) {
  if (IsVideo(path)) return CountVideoFrames(path);
  // A name that promises a still is believed: looking into each file of a large set takes time.
  if (!IsStillName(path) && IsDicom(path)) return CountDicomFrames(path);
  CheckExists(path);
  return 1;
}

std::vector<int> ChooseFrames(int count, const SourceOptions& options) {
  if (count < 0 || options.frames_per_video < 0 || options.frame_step < 1) {
    throw Error(ErrorKind::kInvalid, "frames of each video are " +
                                         std::to_string(options.frames_per_video) +
                                         " with a step of " + std::to_string(options.frame_step) +
                                         ", expected 0 (all) or more, and a step of 1 or more");
  }
  const int step = options.frame_step;
  const std::int64_t considered = count == 0 ? 0 : (count - 1) / step + 1;
  const std::int64_t wanted = options.frames_per_video == 0
                                  ? considered
                                  : std::min<std::int64_t>(considered, options.frames_per_video);
  std::vector<int> chosen;
  for (std::int64_t i = 0; i < wanted; ++i) {
    // The middles of equal parts.
    chosen.push_back(static_cast<int>((2 * i + 1) * considered / (2 * wanted)) * step);
  }
  return chosen;
}

void ReadFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take) {
  CheckExists(path);
  if (IsVideo(path)) {
    ReadVideoFrames(path, frames, take);
  } else if (IsMatFile(path)) {
    ReadMatFrames(path, frames, take);
  } else if (IsDicom(path)) {
    const auto pictures = ReadDicomFrames(path, frames);
    for (std::size_t i = 0; i < frames.size(); ++i) take(frames[i], pictures[i]);
  } else {
    for (const int frame : frames) {
      if (frame != 0) {
        throw Damaged(path, "is a still and has no frame " + std::to_string(frame));
      }
      take(frame, ReadStill(path));
    }
  }
}

void AddContent(const std::string& path, Sha256* digest) {
  CheckExists(path);
  std::error_code code;
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path, code)) {
    throw Error(ErrorKind::kUnreadable, path + ": cannot be read");
  }
  std::vector<char> block(1 << 20);
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    digest->Add(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw Error(ErrorKind::kUnreadable, path + ": cannot be read to its end");
}

}  // namespace hepar
