// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/plan_record.h"

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "models/error.h"
#include "models/file_io.h"
#include "models/sha256.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = 1 << 24;

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string DigestOf(const std::string& path) {
  const std::string text = ReadFile(path, kMaxBytes);
  Sha256 digest;
  digest.Add(text.data(), text.size());
  return digest.Hex();
}

ordered_json ReadRecord(const fs::path& file) {
  if (!fs::exists(file)) return {{"plans", ordered_json::array()}};
  try {
    ordered_json record = ordered_json::parse(ReadFile(file.string(), kMaxBytes));
    for (const auto& plan : record.at("plans")) {
      plan.at("sha256").get<std::string>();
      plan.at("recorded").get<std::string>();
      plan.at("before_first_run").get<bool>();
      plan.at("configurations").get<std::vector<std::string>>();
    }
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kDamaged,
                file.string() + ": not a record of plans (" + error.what() +
                    "); choose another --out, because the earlier plans are unknown");
  }
}

}  // namespace

PlanRecord RecordPlan(const std::string& folder, const std::string& plan,
                      const std::vector<std::string>& configurations, bool has_results,
                      bool look_only) {
  const fs::path file = fs::path(folder) / "plan.json";
  ordered_json record = ReadRecord(file);
  ordered_json& plans = record["plans"];
  PlanRecord result;
  result.sha256 = DigestOf(plan);
  const bool known = !plans.empty() && plans.back().at("sha256") == result.sha256;
  if (!known) {
    result.changed_now = !plans.empty();
    plans.push_back({{"sha256", result.sha256},
                     {"recorded", Now()},
                     {"before_first_run", !has_results},
                     {"configurations", configurations}});
    if (!look_only) {
      std::error_code error;
      fs::create_directories(folder, error);
      if (error) {
        throw Error(ErrorKind::kUnreadable,
                    "--out: cannot create " + folder + ": " + error.message());
      }
      WriteFileAtomically(file.string(), record.dump(1) + "\n");
    }
  }
  result.recorded = plans.front().at("recorded");
  result.before_first_run = plans.front().at("before_first_run");
  result.changes = static_cast<int>(plans.size()) - 1;
  for (const auto& one : plans) {
    for (const auto& entry : one.at("configurations")) {
      const std::string name = entry;
      auto& all = result.configurations;
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    }
  }
  return result;
}

ordered_json PlanRecord::ToJson() const {
  return {{"sha256", sha256},
          {"recorded", recorded},
          {"before_first_run", before_first_run},
          {"changes", changes},
          {"configurations", configurations}};
}

std::string PlanRecord::Sentence() const {
  std::string text = "The plan (SHA-256 " + sha256.substr(0, 12) + ") was recorded on " + recorded;
  text += before_first_run ? ", before the first run" : ", when runs were done already";
  if (changes > 0) {
    text += ", and has changed " + std::to_string(changes) + (changes == 1 ? " time" : " times") +
            " since";
  }
  return text + ". Configurations compared: " + std::to_string(configurations.size()) + ".";
}

}  // namespace hepar
