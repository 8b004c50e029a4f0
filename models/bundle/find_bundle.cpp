// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/find_bundle.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "models/error.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr char kExtension[] = ".hepar";
constexpr char kFolder[] = "gst-hepar/models";

// A variable that is empty counts as one that is not set.
std::string Variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

bool IsFile(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored) && !fs::is_directory(path, ignored);
}

}  // namespace

std::vector<std::string> ModelFolders() {
  std::vector<std::string> folders;
  const auto add = [&folders](const fs::path& folder) {
    // The specification has relative paths ignored; elsewhere they would depend on the caller.
    if (!folder.is_absolute()) return;
    if (std::find(folders.begin(), folders.end(), folder.string()) == folders.end()) {
      folders.push_back(folder.string());
    }
  };
  const auto add_all = [&add](const std::string& list, const fs::path& under) {
    std::istringstream stream(list);
    for (std::string folder; std::getline(stream, folder, ':');) {
      if (!folder.empty()) add(under.empty() ? fs::path(folder) : folder / under);
    }
  };
  add_all(Variable("HEPAR_MODEL_PATH", ""), {});
  add(HEPAR_MODELS_DIR);
  add_all(Variable("XDG_DATA_HOME", Variable("HOME", "") + "/.local/share"), kFolder);
  add_all(Variable("XDG_DATA_DIRS", "/usr/local/share:/usr/share"), kFolder);
  return folders;
}

std::string FindBundle(const std::string& name) {
  const bool bare = !name.empty() && name.find('/') == std::string::npos;
  if (!bare || IsFile(name)) return name;
  std::string looked;
  for (const std::string& folder : ModelFolders()) {
    for (const char* extension : {"", kExtension}) {
      const fs::path file = fs::path(folder) / (name + extension);
      if (IsFile(file)) return file.string();
    }
    looked += (looked.empty() ? "" : ", ") + folder;
  }
  throw Error(ErrorKind::kNotFound, name + ": no such file, and no model of this name in " +
                                        looked +
                                        "; give a path, or name its folder in HEPAR_MODEL_PATH");
}

}  // namespace hepar
