// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/video_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/videoio.hpp>
#include <string_view>
#include <system_error>

#include "models/error.h"
#include "training/data/file_name.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

cv::VideoCapture Open(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
  cv::VideoCapture video;
  try {
    // One backend by name: another one may number the frames differently.
    video.open(path, cv::CAP_FFMPEG);
  } catch (const cv::Exception& error) {
    throw Damaged(path, "cannot be opened as a video: " + error.err);
  }
  if (!video.isOpened()) {
    throw Damaged(path, "is no video that can be decoded, or a damaged one");
  }
  return video;
}

}  // namespace

bool IsVideo(const std::string& path) {
  constexpr std::array<std::string_view, 8> kExtensions = {".mp4", ".m4v", ".mkv",  ".mov",
                                                           ".avi", ".mpg", ".mpeg", ".webm"};
  const std::string extension = ExtensionOf(path);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

int CountVideoFrames(const std::string& path) {
  cv::VideoCapture video = Open(path);
  int count = 0;
  while (video.grab()) ++count;
  if (count == 0) throw Damaged(path, "is a video of which no frame can be decoded");
  return count;
}

void ReadVideoFrames(const std::string& path, const std::vector<int>& frames,
                     const TakeFrame& take) {
  cv::VideoCapture video = Open(path);
  int next = 0;  // The frame that the next grab() gives.
  for (const int frame : frames) {
    bool is_there = frame >= next;
    for (; is_there && next <= frame; ++next) is_there = video.grab();
    cv::Mat picture;
    if (!is_there || !video.retrieve(picture) || picture.empty()) {
      throw Damaged(path, "frame " + std::to_string(frame) + " cannot be decoded");
    }
    if (picture.type() != CV_8UC3) {
      throw Damaged(
          path, "its frames are " + cv::typeToString(picture.type()) + ", expected 8-bit color");
    }
    take(frame, picture);
  }
}

}  // namespace hepar
