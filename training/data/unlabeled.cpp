// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/unlabeled.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "models/error.h"
#include "training/data/picture_source.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// The picture files of a folder, with their names relative to it, sorted.
std::vector<PictureFile> FilesOf(const fs::path& folder) {
  std::vector<PictureFile> files;
  const auto follow = fs::directory_options::follow_directory_symlink;
  for (auto i = fs::recursive_directory_iterator(folder, follow); i != fs::end(i); ++i) {
    if (i->path().filename().string().front() == '.') {
      i.disable_recursion_pending();
    } else if (i->is_regular_file() && IsPictureFile(i->path().string())) {
      files.push_back({i->path().lexically_relative(folder).generic_string(), i->path().string()});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

std::vector<PictureFile> FindPictureFiles(const std::string& path) {
  std::vector<PictureFile> files;
  try {
    if (!fs::exists(path)) throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
    if (fs::is_directory(path)) {
      files = FilesOf(path);
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
  for (const auto& [name, file] : FindPictureFiles(path)) {
    for (const int frame : ChooseFrames(CountFrames(file), options)) {
      dataset.samples.push_back({file, 0, name, frame});
    }
  }
  return dataset;
}

}  // namespace hepar
