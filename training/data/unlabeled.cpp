// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/unlabeled.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "models/error.h"
#include "training/data/folder_walk.h"
#include "training/data/picture_source.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// The picture files of a folder, with their names relative to it, sorted by those.
std::vector<PictureFile> FilesOf(const fs::path& folder, LoadSummary* summary) {
  std::vector<PictureFile> files;
  for (const fs::path& file : PictureFilesIn(folder, folder, summary)) {
    files.push_back({file.lexically_relative(folder).generic_string(), file.string()});
  }
  std::sort(files.begin(), files.end(),
            [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

std::vector<PictureFile> FindPictureFiles(const std::string& path, LoadSummary* summary) {
  std::vector<PictureFile> files;
  try {
    if (!fs::exists(path)) throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    if (fs::is_directory(path)) {
      files = FilesOf(path, summary);
    } else {
      files.push_back({fs::path(path).filename().string(), path});
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::kUnreadable, error.path1().string() + ": " + error.code().message());
  }
  if (files.empty()) {
    throw Error(ErrorKind::kDamaged, path + ": holds no picture and no video");
  }
  return files;
}

Dataset LoadUnlabeled(const std::string& path, const SourceOptions& options) {
  Dataset dataset;
  LoadSummary& summary = dataset.summary;
  for (const auto& [name, file] : FindPictureFiles(path, &summary)) {
    const int count =
        CountFrames(file, [&summary](const std::string& line) { summary.Warn(line); });
    if (count == 0) summary.Skip("DICOM without a picture", name);
    for (const int frame : ChooseFrames(count, options)) {
      dataset.samples.push_back({file, 0, name, frame});
    }
    summary.files += count > 0 ? 1 : 0;
  }
  if (dataset.samples.empty()) {
    throw Error(ErrorKind::kDamaged, path + ": holds no picture and no video");
  }
  summary.pictures = static_cast<int>(dataset.samples.size());
  summary.patients = summary.files;
  return dataset;
}

}  // namespace hepar
