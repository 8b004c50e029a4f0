// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/picture_source.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "models/error.h"
#include "training/data/dicom_file.h"
#include "training/data/mat_file.h"
#include "training/data/still_file.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

void CheckExists(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
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
  return IsStill(path) || IsVideo(path) || IsDicom(path);
}

int CountFrames(const std::string& path, const Warn& warn) {
  if (IsVideo(path)) return CountVideoFrames(path, warn);
  // A name that promises a still is believed: looking into each file of a large set takes time.
  if (!IsStill(path) && IsDicom(path)) return CountDicomFrames(path, warn);
  CheckExists(path);
  return CountStillFrames(path);
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

void ReadFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
                const Warn& warn) {
  CheckExists(path);
  if (IsVideo(path)) {
    ReadVideoFrames(path, frames, take);
  } else if (IsMatFile(path)) {
    ReadMatFrames(path, frames, take);
  } else if (IsDicom(path)) {
    ReadDicomFrames(path, frames, take, warn);
  } else {
    ReadStill(path, frames, take, warn);
  }
}

void AddContent(const std::string& path, Sha256* digest, Sha256* also) {
  CheckExists(path);
  std::error_code code;
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path, code)) {
    throw Error(ErrorKind::kUnreadable, path + ": cannot be read");
  }
  std::vector<char> block(1 << 20);
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto size = static_cast<std::size_t>(file.gcount());
    digest->Add(block.data(), size);
    if (also != nullptr) also->Add(block.data(), size);
  }
  if (file.bad()) throw Error(ErrorKind::kUnreadable, path + ": cannot be read to its end");
}

}  // namespace hepar
