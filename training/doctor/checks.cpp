// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/doctor/checks.h"

#include <sched.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "models/bundle/find_bundle.h"
#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "training/cli/option_values.h"
#include "training/doctor/gstreamer_checks.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

Finding CheckLibTorch() {
  return {"LibTorch", Health::kGood,
          std::string("version " TORCH_VERSION) +
              (CpuMultipliesBf16() ? "; this processor multiplies bf16" : ""),
          ""};
}

Finding CheckDevices() {
  const std::string automatic = ResolveDevice("auto");
  if (automatic != "cpu") return {"devices", Health::kGood, "cpu, " + automatic, ""};
  std::error_code ignored;
  if (!fs::exists("/proc/driver/nvidia/version", ignored)) {
    return {"devices", Health::kGood, "cpu; there is no NVIDIA driver", ""};
  }
  std::string why;
  try {
    ResolveDevice("cuda");
  } catch (const Error& error) {
    why = error.what();
  }
  return {"devices", Health::kLimited, "cpu, although there is an NVIDIA driver; " + why,
          "to use the GPU do as this says, or leave it: models run on the processor"};
}

// The bundles of a folder by name; none where it does not exist or cannot be read.
std::vector<std::string> BundlesIn(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    if (entry->path().extension() == ".hepar") files.push_back(entry->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Findings CheckModels() {
  Findings findings;
  for (const std::string& folder : ModelFolders()) {
    for (const std::string& file : BundlesIn(folder)) {
      try {
        EngineConfig config;
        config.model = file;
        config.device = "cpu";
        findings.push_back(
            {"models", Health::kGood, Engine::Open(config)->spec().name + ": " + file, ""});
      } catch (const Error& error) {
        findings.push_back({"models", Health::kLimited, error.what(),
                            "install this model again, or remove the file"});
      }
    }
  }
  if (!findings.empty()) return findings;
  return {{"models", Health::kLimited, "no model in " + Join(ModelFolders(), ", "),
           "name the folder of your models in HEPAR_MODEL_PATH, or give models by their path"}};
}

int UsableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

Finding CheckThreads() {
  const int processors = UsableProcessors();
  const std::string text = std::to_string(processors) + " usable processors";
  const char* variable = std::getenv("OMP_NUM_THREADS");
  if (variable == nullptr)
    return {"threads", Health::kGood, text + "; OMP_NUM_THREADS is unset", ""};
  const std::string found = text + "; OMP_NUM_THREADS=" + variable;
  char* end = nullptr;
  const long threads = std::strtol(variable, &end, 10);
  if (end == variable || *end != '\0' || threads < 1 || threads > processors) {
    return {"threads", Health::kLimited, found,
            "unset OMP_NUM_THREADS, or set it to 1: threads that wait for each other make "
            "inference many times slower"};
  }
  return {"threads", Health::kGood, found, ""};
}

// Capture devices of Video4Linux.
Finding CheckCameras() {
  std::vector<std::string> usable, refused;
  std::error_code code;
  for (fs::directory_iterator entry("/dev", code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string file = entry->path().string();
    if (file.rfind("/dev/video", 0) != 0) continue;
    (access(file.c_str(), R_OK | W_OK) == 0 ? usable : refused).push_back(file);
  }
  std::sort(usable.begin(), usable.end());
  std::sort(refused.begin(), refused.end());
  if (!refused.empty()) {
    return {"cameras", Health::kLimited, "no permission for " + Join(refused, ", "),
            "sudo usermod -aG video $USER, and log in again"};
  }
  return {"cameras", Health::kGood, usable.empty() ? "none in /dev" : Join(usable, ", "), ""};
}

}  // namespace

Findings CheckInstallation() {
  Findings findings = CheckPlugin();
  const auto add = [&findings](const Findings& more) {
    findings.insert(findings.end(), more.begin(), more.end());
  };
  add(CheckCodecs());
  add({CheckLibTorch(), CheckDevices()});
  add(CheckModels());
  add({CheckThreads(), CheckCameras()});
  return findings;
}

}  // namespace hepar
