// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/dicom_file.h"

#include <array>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "models/dicom/dicom_pictures.h"
#include "models/file_io.h"
#include "training/data/file_name.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxFileBytes = 4ull << 30;

}  // namespace

bool IsDicom(const std::string& path) {
  const std::string extension = ExtensionOf(path);
  if (extension == ".dcm" || extension == ".dicom") return true;
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic = {};
  file.seekg(128);
  file.read(magic.data(), magic.size());
  return file && std::string_view(magic.data(), magic.size()) == "DICM";
}

int CountDicomFrames(const std::string& path, const Warn& warn) {
  const std::string bytes = ReadFile(path, kMaxFileBytes);
  const DicomContent content = ParseDicom(bytes, path, warn);
  if (content.video.empty()) return content.frames;
  const int count = CountFramesOf(VideoDecoder::OfBytes(content.video, path), path, warn);
  if (count != content.frames && warn) {
    warn(path + ": says that it has " + std::to_string(content.frames) + " frames; its video has " +
         std::to_string(count));
  }
  return count;
}

void ReadDicomFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
                     const Warn& warn) {
  const DicomPictures pictures(ReadFile(path, kMaxFileBytes), path, warn);
  if (!pictures.content().video.empty()) {
    ReadFramesOf(VideoDecoder::OfBytes(pictures.content().video, path), path, frames, take);
    return;
  }
  for (const int frame : frames) take(frame, pictures.Picture(frame));
}

}  // namespace hepar
