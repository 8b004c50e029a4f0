// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/plan.h"

#include <glib.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "models/error.h"
#include "models/file_io.h"
#include "training/ablation/nested_selection.h"

namespace hepar {
namespace {

constexpr std::size_t kMaxPlanBytes = 1 << 20;
constexpr const char* kOwnOptions[] = {"data", "folds", "fold",   "seed", "out",    "work",
                                       "init", "json",  "resume", "name", "threads"};

class PlanReader {
 public:
  explicit PlanReader(const std::string& path)
      : path_(path), file_(g_key_file_new(), g_key_file_free) {
    const std::string text = ReadFile(path, kMaxPlanBytes);
    g_autoptr(GError) error = nullptr;
    if (!g_key_file_load_from_data(file_.get(), text.data(), text.size(), G_KEY_FILE_NONE,
                                   &error)) {
      throw Error(ErrorKind::kInvalid, path + ": " + error->message);
    }
  }

  AblationPlan Read() {
    AblationPlan plan;
    g_auto(GStrv) groups = g_key_file_get_groups(file_.get(), nullptr);
    for (gchar** group = groups; *group != nullptr; ++group) {
      const std::string name = *group;
      if (name == "ablation") {
        ReadFrame(&plan);
      } else if (name == "train") {
        plan.common = SettingsOf(name);
      } else if (!AppendPart(name, "classifier ", &plan.classifiers) &&
                 !AppendPart(name, "variant ", &plan.variants)) {
        throw Wrong(name,
                    "is no group of a plan; they are [ablation], [train], [classifier NAME] "
                    "and [variant NAME]");
      }
    }
    if (plan.classifiers.empty()) throw Wrong("classifier NAME", "is missing: one or more");
    if (plan.variants.empty()) throw Wrong("variant NAME", "is missing: one or more");
    CheckStarts(plan);
    return plan;
  }

 private:
  Error Wrong(const std::string& group, const std::string& what) const {
    return Error(ErrorKind::kInvalid, path_ + ": [" + group + "] " + what);
  }

  std::string Value(const std::string& group, const char* key) const {
    g_autoptr(GError) error = nullptr;
    g_autofree gchar* value = g_key_file_get_string(file_.get(), group.c_str(), key, &error);
    if (value == nullptr) throw Wrong(group, std::string(key) + ": " + error->message);
    std::string text = value;
    for (std::size_t begin; (begin = text.find("${")) != std::string::npos;) {
      const std::size_t end = text.find('}', begin);
      if (end == std::string::npos) throw Wrong(group, std::string(key) + ": '${' without '}'");
      const std::string name = text.substr(begin + 2, end - begin - 2);
      const char* known = std::getenv(name.c_str());
      if (known == nullptr) {
        throw Wrong(group, std::string(key) + ": the environment variable " + name + " is not set");
      }
      if (std::string(known).find("${") != std::string::npos) {
        throw Wrong(group, std::string(key) + ": " + name + " names another variable");
      }
      text.replace(begin, end + 1 - begin, known);
    }
    return text;
  }

  template <typename Visit>
  void ForEachKey(const std::string& group, const Visit& visit) const {
    g_auto(GStrv) keys = g_key_file_get_keys(file_.get(), group.c_str(), nullptr, nullptr);
    for (gchar** key = keys; *key != nullptr; ++key) visit(*key, Value(group, *key));
  }

  TrainSettings SettingsOf(const std::string& group) const {
    TrainSettings settings;
    ForEachKey(group, [&](const std::string& key, const std::string& value) {
      if (std::find(std::begin(kOwnOptions), std::end(kOwnOptions), key) != std::end(kOwnOptions)) {
        throw Wrong(group, key + " is set by each run; leave it out");
      }
      settings.emplace_back(key, value);
    });
    return settings;
  }

  void ReadFrame(AblationPlan* plan) const {
    ForEachKey("ablation", [&](const std::string& key, const std::string& value) {
      if (key == "title") {
        plan->title = value;
      } else if (key == "seeds") {
        plan->seeds = Seeds(value);
      } else if (key == "attacks") {
        plan->attacks = value;
      } else if (key == "epsilon") {
        plan->epsilon = value;
      } else if (key == "choose-by") {
        const std::vector<std::string> known = CriterionNames();
        if (std::find(known.begin(), known.end(), value) == known.end()) {
          std::string names;
          for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
          throw Wrong("ablation", "choose-by: '" + value + "' is not one of " + names);
        }
        plan->choose_by = value;
      } else if (key == "nested") {
        plan->nested = NestedOf(value);
      } else {
        throw Wrong("ablation", key +
                                    " is unknown; there are title, seeds, attacks, epsilon, "
                                    "choose-by, nested");
      }
    });
  }

  AblationPlan::Nested NestedOf(const std::string& value) const {
    if (value == "off") return AblationPlan::Nested::kOff;
    if (value == "cross-fitted") return AblationPlan::Nested::kCrossFitted;
    if (value == "full") return AblationPlan::Nested::kFull;
    throw Wrong("ablation", "nested: '" + value + "' is not one of off, cross-fitted, full");
  }

  std::vector<int> Seeds(const std::string& text) const {
    std::vector<int> seeds;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) {
      std::istringstream number(part);
      int seed = -1;
      if (!(number >> seed) || !(number >> std::ws).eof() || seed < 0 ||
          std::find(seeds.begin(), seeds.end(), seed) != seeds.end()) {
        throw Wrong("ablation",
                    "seeds: expected different whole numbers from 0, got '" + text + "'");
      }
      seeds.push_back(seed);
    }
    if (seeds.empty()) throw Wrong("ablation", "seeds: names none");
    return seeds;
  }

  // False for a group of another kind.
  bool AppendPart(const std::string& group, const std::string& kind,
                  std::vector<AblationPart>* parts) const {
    if (group.rfind(kind, 0) != 0 || group.size() == kind.size()) return false;
    AblationPart part;
    part.name = group.substr(kind.size());
    if (part.name.find('/') != std::string::npos) {
      throw Wrong(group, "a name becomes that of a folder, so it may hold no '/'");
    }
    for (auto& setting : SettingsOf(group)) {
      if (setting.first == "init-from") {
        part.init_from = setting.second;
      } else {
        part.settings.push_back(std::move(setting));
      }
    }
    parts->push_back(std::move(part));
    return true;
  }

  // A variant may start from one above it only, so that there is an order to run them in.
  void CheckStarts(const AblationPlan& plan) const {
    for (const AblationPart& classifier : plan.classifiers) {
      if (classifier.init_from.empty()) continue;
      throw Wrong("classifier " + classifier.name, "init-from belongs to variants");
    }
    for (auto variant = plan.variants.begin(); variant != plan.variants.end(); ++variant) {
      if (variant->init_from.empty()) continue;
      const bool above =
          std::any_of(plan.variants.begin(), variant,
                      [&](const AblationPart& other) { return other.name == variant->init_from; });
      if (!above) {
        throw Wrong("variant " + variant->name,
                    "init-from: no variant '" + variant->init_from + "' is defined above it");
      }
    }
  }

  std::string path_;
  std::unique_ptr<GKeyFile, decltype(&g_key_file_free)> file_;
};

}  // namespace

AblationPlan ReadAblationPlan(const std::string& path) { return PlanReader(path).Read(); }

}  // namespace hepar
