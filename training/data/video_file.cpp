// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/video_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "models/error.h"
#include "training/data/file_name.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

Error Damaged(const std::string& path, const std::string& what) {
  return Error(ErrorKind::kDamaged, path + ": " + what);
}

VideoDecoder Open(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
  return VideoDecoder::OfFile(path);
}

std::string Count(std::int64_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace

bool IsVideo(const std::string& path) {
  constexpr std::array<std::string_view, 19> kExtensions = {
      ".mp4", ".m4v", ".mkv",  ".mov", ".avi", ".mpg", ".mpeg", ".webm", ".wmv", ".asf",
      ".flv", ".ts",  ".m2ts", ".mts", ".mpe", ".m2v", ".vob",  ".ogv",  ".3gp"};
  const std::string extension = ExtensionOf(path);
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

int CountFramesOf(VideoDecoder video, const std::string& name, const Warn& warn) {
  int count = 0;
  while (video.Next()) ++count;
  if (count == 0) throw Damaged(name, "is a video of which no frame can be decoded");
  const VideoDecoder::Faults faults = video.faults();
  if (!warn) return count;
  if (faults.missing > 0) {
    warn(name + ": is cut off: " + Count(count, "frame") + " can be decoded, " +
         Count(faults.missing, "more frame") + " should be there");
  } else if (faults.is_cut) {
    warn(name + ": is cut off or cannot be read to its end; " + Count(count, "frame") +
         " can be decoded");
  }
  if (faults.damaged > 0) {
    warn(name + ": is damaged: the decoder reports errors at " + std::to_string(faults.damaged) +
         " of " + Count(count, "frame") + ", which are shown as far as they can be decoded");
  }
  return count;
}

void ReadFramesOf(VideoDecoder video, const std::string& name, const std::vector<int>& frames,
                  const TakeFrame& take) {
  int next = 0;  // The frame that the next Next() gives.
  for (const int frame : frames) {
    bool is_there = frame >= next;
    for (; is_there && next <= frame; ++next) is_there = video.Next();
    if (!is_there) throw Damaged(name, "frame " + std::to_string(frame) + " cannot be decoded");
    take(frame, video.Picture());
  }
}

int CountVideoFrames(const std::string& path, const Warn& warn) {
  return CountFramesOf(Open(path), path, warn);
}

void ReadVideoFrames(const std::string& path, const std::vector<int>& frames,
                     const TakeFrame& take) {
  ReadFramesOf(Open(path), path, frames, take);
}

}  // namespace hepar
