// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/folder_walk.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <system_error>
#include <utility>

#include "models/error.h"
#include "training/data/picture_source.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  Walk(const fs::path& base, LoadSummary* summary) : base_(base), summary_(*summary) {}

  void Enter(const fs::path& folder) {
    std::error_code code;
    const fs::path real = fs::canonical(folder, code);
    if (std::find(around_.begin(), around_.end(), real) != around_.end()) {
      Skip("link to a folder around it", folder);
      return;
    }
    around_.push_back(real);
    std::vector<fs::path> entries;
    fs::directory_iterator entry(folder, code);
    for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
      entries.push_back(entry->path());
    }
    if (code) {
      throw Error(ErrorKind::kUnreadable,
                  folder.string() + ": cannot be listed: " + code.message());
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& path : entries) Take(path);
    around_.pop_back();
  }

  std::vector<fs::path>& files() { return files_; }

 private:
  void Skip(const char* reason, const fs::path& path) {
    summary_.Skip(reason, path.lexically_relative(base_).generic_string());
  }

  void Take(const fs::path& path) {
    std::error_code code;
    const fs::file_status status = fs::status(path, code);
    const bool is_folder = fs::is_directory(status);
    if (is_folder && IsSetAside(path)) {
      Skip("hidden folder or folder of previews or deleted files", path);
    } else if (is_folder) {
      Enter(path);
    } else if (path.filename().string().front() == '.') {
      Skip("hidden file", path);
    } else if (status.type() == fs::file_type::not_found ||
               code == std::errc::too_many_symbolic_link_levels) {
      Skip("link to nothing", path);
    } else if (!fs::is_regular_file(status)) {
      Skip("no regular file", path);
    } else if (!IsPictureFile(path.string())) {
      Skip("no picture or video by name or content", path);
    } else {
      files_.push_back(path);
    }
  }

  const fs::path& base_;
  LoadSummary& summary_;
  std::vector<fs::path> around_;  // The folders that this one is in, without links.
  std::vector<fs::path> files_;
};

}  // namespace

bool IsSetAside(const fs::path& folder) {
  // Synology, QNAP, Windows, macOS, ext4, picture viewers; in lower case.
  constexpr std::array<std::string_view, 17> kNames = {"@eadir",
                                                       "@__thumb",
                                                       "@recycle",
                                                       "@recently-snapshot",
                                                       "@sharebin",
                                                       "@tmp",
                                                       "#recycle",
                                                       "#snapshot",
                                                       "$recycle.bin",
                                                       "recycler",
                                                       "system volume information",
                                                       "__macosx",
                                                       "lost+found",
                                                       "thumbnails",
                                                       "thumbs",
                                                       "_thumbs",
                                                       "_thumbnails"};
  std::string name = folder.filename().string();
  if (name.empty()) return false;
  if (name.front() == '.') return true;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::vector<fs::path> PictureFilesIn(const fs::path& folder, const fs::path& base,
                                     LoadSummary* summary) {
  Walk walk(base, summary);
  walk.Enter(folder);
  return std::move(walk.files());
}

}  // namespace hepar
