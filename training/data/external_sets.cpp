// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/external_sets.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "models/error.h"
#include "training/data/csv.h"
#include "training/data/unlabeled.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

bool HasLabels(const fs::path& table) { return CsvTable::Read(table.string()).HasColumn("label"); }

// What LoadDataset() is to read; nothing where there are no labels.
std::optional<std::string> LabeledPart(const fs::path& path) {
  if (!fs::is_directory(path)) {
    const std::string extension = path.extension().string();
    const bool labeled = extension == ".mat" || (extension == ".csv" && HasLabels(path));
    return labeled ? std::optional(path.string()) : std::nullopt;
  }
  const fs::path table = path / "labels.csv";
  if (fs::exists(table) && HasLabels(table)) return table.string();
  for (const std::string& name : Dataset().class_names) {
    if (fs::is_directory(path / name)) return path.string();
  }
  return std::nullopt;
}

ExternalSet Load(const std::string& option, const std::string& text, TruthKind labeled,
                 const SourceOptions& options) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
    throw Error(ErrorKind::kInvalid, option + ": expected NAME=PATH, got '" + text + "'");
  }
  ExternalSet set;
  set.name = text.substr(0, sign);
  const std::string path = text.substr(sign + 1);
  if (!fs::exists(path)) throw Error(ErrorKind::kNotFound, path + ": no such file or folder");
  if (const auto part = LabeledPart(path)) {
    set.truth = labeled;
    set.dataset = LoadDataset(*part, options);
  } else if (labeled == TruthKind::kFatty) {
    throw Error(ErrorKind::kInvalid,
                option + ": " + path + " has no labels; use --external, which needs none");
  } else {
    set.dataset = LoadUnlabeled(path, options);
  }
  return set;
}

}  // namespace

std::vector<ExternalSet> LoadExternalSets(const std::vector<std::string>& graded,
                                          const std::vector<std::string>& fatty,
                                          const SourceOptions& options) {
  std::vector<ExternalSet> sets;
  for (const std::string& text : graded) {
    sets.push_back(Load("--external", text, TruthKind::kGrades, options));
  }
  for (const std::string& text : fatty) {
    sets.push_back(Load("--external-fatty", text, TruthKind::kFatty, options));
  }
  for (auto set = sets.begin(); set != sets.end(); ++set) {
    if (std::any_of(sets.begin(), set,
                    [&](const auto& other) { return other.name == set->name; })) {
      throw Error(ErrorKind::kInvalid, "--external: two sets are named '" + set->name + "'");
    }
  }
  return sets;
}

}  // namespace hepar
