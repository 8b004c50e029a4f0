// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/doctor/gstreamer_checks.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>

#include "training/cli/option_values.h"
#include "training/cli/version.h"
#include "training/doctor/child_process.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr char kInspect[] = "gst-inspect-1.0";
constexpr char kPluginFile[] = "libgsthepar.so";

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// "1.2" of the line "  Version    1.2"; "" where there is no such line.
std::string Field(const std::string& text, const std::string& name) {
  for (const std::string& line : Lines(text)) {
    std::istringstream words(line);
    std::string word, value;
    if (words >> word && word == name && std::getline(words >> std::ws, value)) return value;
  }
  return "";
}

// The folders where a plugin of this installation may lie, whether GStreamer looks there or not.
std::vector<std::string> PluginFolders() {
  std::vector<std::string> folders;
  const char* path = std::getenv("GST_PLUGIN_PATH");
  std::istringstream stream(path == nullptr ? "" : path);
  for (std::string folder; std::getline(stream, folder, ':');) folders.push_back(folder);
  folders.emplace_back(HEPAR_PLUGINS_DIR);
  return folders;
}

std::optional<std::string> PluginOnDisk() {
  for (const std::string& folder : PluginFolders()) {
    const fs::path file = fs::path(folder) / kPluginFile;
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file.string();
  }
  return std::nullopt;
}

// The libraries that the loader does not find for `file`.
std::vector<std::string> MissingLibraries(const std::string& file) {
  std::vector<std::string> missing;
  const auto ldd = RunChild({"ldd", file});
  if (!ldd) return missing;
  for (const std::string& line : Lines(ldd->out)) {
    if (line.find("=> not found") == std::string::npos) continue;
    std::istringstream words(line);
    std::string name;
    words >> name;
    missing.push_back(name);
  }
  return missing;
}

// Where GStreamer remembers that a plugin could not be loaded.
std::string Registry() {
  for (const char* name : {"GST_REGISTRY_1_0", "GST_REGISTRY"}) {
    const char* file = std::getenv(name);
    if (file != nullptr && *file != '\0') return file;
  }
  return "~/.cache/gstreamer-1.0/registry.*.bin";
}

// Why a plugin that is there is not loaded.
Finding Unloadable(const std::string& file) {
  const auto missing = MissingLibraries(file);
  const std::string again = "remove GStreamer's record of the failure: rm " + Registry();
  if (!missing.empty()) {
    return {"plugin", Health::kBroken,
            file + " needs libraries that are not there: " + Join(missing, ", "),
            "install the packages of these libraries, or build gst-hepar again; then " + again};
  }
  return {"plugin", Health::kBroken,
          file + " is on GStreamer's list of plugins that could not be loaded (blacklist)", again};
}

bool IsBlacklisted() {
  const auto list = RunChild({kInspect, "-b"});
  return list && list->out.find(kPluginFile) != std::string::npos;
}

struct Use {
  const char* element;
  const char* purpose;
  const char* package;
};

constexpr Use kUses[] = {
    {"decodebin", "files and streams", "gstreamer1.0-plugins-base"},
    {"qtdemux", "MP4 files", "gstreamer1.0-plugins-good"},
    {"avdec_h264", "H.264 video", "gstreamer1.0-libav"},
    {"pngdec", "PNG pictures", "gstreamer1.0-plugins-good"},
    {"jpegdec", "JPEG pictures", "gstreamer1.0-plugins-good"},
    {"v4l2src", "capture cards", "gstreamer1.0-plugins-good"},
    {"rtspsrc", "RTSP cameras", "gstreamer1.0-plugins-good"},
    {"x264enc", "recording as H.264", "gstreamer1.0-plugins-ugly"},
    {"mp4mux", "recording to MP4", "gstreamer1.0-plugins-good"},
    {"autovideosink", "a window", "gstreamer1.0-plugins-good"},
};

}  // namespace

Findings CheckPlugin() {
  const auto plugin = RunChild({kInspect, "hepar"});
  if (!plugin) {
    return {{"plugin", Health::kBroken, std::string("there is no program ") + kInspect,
             "apt install gstreamer1.0-tools"}};
  }
  const auto file = PluginOnDisk();
  if (plugin->status == 0) {
    const std::string found = Field(plugin->out, "Filename");
    const std::string version = Field(plugin->out, "Version");
    if (version != ProgramVersion()) {
      return {{"plugin", Health::kLimited,
               found + " has version " + version + ", and this program " + ProgramVersion(),
               "remove the one that is not wanted, or install both again"}};
    }
    return {{"plugin", Health::kGood, found + ", version " + version, ""}};
  }
  if (IsBlacklisted()) return {Unloadable(file.value_or(kPluginFile))};
  if (file) {
    const auto missing = MissingLibraries(*file);
    if (!missing.empty()) return {Unloadable(*file)};
    return {{"plugin", Health::kBroken, "GStreamer does not find " + *file,
             "export GST_PLUGIN_PATH=" + fs::path(*file).parent_path().string() +
                 "${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"}};
  }
  return {{"plugin", Health::kBroken,
           std::string("GStreamer finds no plugin hepar, and there is no ") + kPluginFile + " in " +
               Join(PluginFolders(), ", "),
           "install it (meson install -C build), or put its folder into GST_PLUGIN_PATH"}};
}

Findings CheckCodecs() {
  std::vector<std::string> missing, packages;
  for (const Use& use : kUses) {
    // Of any version: by default it asks for GStreamer's own.
    const auto inspect = RunChild({kInspect, "--exists", "--atleast-version=0.0", use.element});
    if (!inspect) return {};  // CheckPlugin() has said so.
    if (inspect->status == 0) continue;
    missing.push_back(std::string(use.purpose) + " (" + use.element + ")");
    if (std::find(packages.begin(), packages.end(), use.package) == packages.end()) {
      packages.emplace_back(use.package);
    }
  }
  if (missing.empty()) {
    return {{"codecs", Health::kGood,
             "all " + std::to_string(std::size(kUses)) +
                 " elements for files, cameras and "
                 "recordings",
             ""}};
  }
  return {{"codecs", Health::kLimited, "missing for " + Join(missing, ", "),
           "apt install " + Join(packages, " ")}};
}

}  // namespace hepar
