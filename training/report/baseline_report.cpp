// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/baseline_report.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "models/error.h"
#include "training/evaluation/roc.h"
#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr const char* kAreas[] = {"", "auc_mild", "auc_moderate", "auc_severe"};
constexpr const char* kGrades[] = {"", "mild", "moderate", "severe"};

// Scores of the patients for each grade, that of grade k at k; equal ones for a measurement.
struct Row {
  std::string name, title;
  bool fitted = false;
  std::vector<std::vector<double>> scores;
};

// Whether two grades are left to learn from, whoever is left out.
bool CanFit(const BaselineInput& input) {
  const bool by_group = std::set<int>(input.group_of.begin(), input.group_of.end()).size() > 1;
  const auto group_of = [&](std::size_t n) {
    return by_group ? std::to_string(input.group_of[n]) : input.frames.patients[n];
  };
  std::set<std::string> groups;
  for (std::size_t n = 0; n < input.frames.labels.size(); ++n) groups.insert(group_of(n));
  for (const std::string& left_out : groups) {
    std::set<int> grades;
    for (std::size_t n = 0; n < input.frames.labels.size(); ++n) {
      if (group_of(n) != left_out) grades.insert(input.frames.labels[n]);
    }
    if (grades.size() < 2) return false;
  }
  return true;
}

std::vector<Row> RowsOf(const BaselineInput& input, const MeasuredFrames& patients) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < kPhysicalFeatures.size(); ++i) {
    const PhysicalFeature& feature = kPhysicalFeatures[i];
    std::vector<double> scores;
    for (const PhysicalValues& values : patients.values) {
      scores.push_back(feature.sign * values[i]);
    }
    rows.push_back({feature.key, feature.name, false,
                    std::vector<std::vector<double>>(input.last_threshold + 1, scores)});
  }
  if (!CanFit(input)) return rows;
  const Predictions answers = ByPatient(OrdinalAnswers(input.frames, input.group_of, input.grades));
  Row ordinal{"ordinal", "ordinal model of these", true, {{}}};
  for (int grade = 1; grade <= input.last_threshold; ++grade) {
    ordinal.scores.push_back(GradeScores(answers, grade));
  }
  rows.push_back(std::move(ordinal));
  return rows;
}

std::vector<bool> AtLeast(const MeasuredFrames& patients, int grade) {
  std::vector<bool> positive;
  for (const int label : patients.labels) positive.push_back(label >= grade);
  return positive;
}

ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

ordered_json ToJson(const Interval& interval) {
  return ordered_json::array({Number(interval.low), Number(interval.high)});
}

Predictions ModelByPatient(const BaselineInput& input, const MeasuredFrames& patients) {
  Predictions model = ByPatient(input.model);
  if (model.patients != patients.patients || model.labels != patients.labels) {
    throw Error(ErrorKind::kMismatch,
                "the model's answers and the measured pictures are not of the same patients");
  }
  return model;
}

// Areas of a score and of the model's over the same resamples.
struct Resampled {
  std::vector<double> baseline, difference;
};

Resampled Resample(const RankedScores& baseline, const RankedScores* model,
                   const std::vector<std::string>& patients, const BootstrapOptions& bootstrap) {
  PatientResampler resampler(patients, bootstrap.seed);
  Resampled areas;
  for (int i = 0; i < bootstrap.resamples; ++i) {
    const std::vector<int>& counts = resampler.Next();
    areas.baseline.push_back(baseline.Auc(counts));
    if (model != nullptr) {
      areas.difference.push_back(model->Auc(counts) - areas.baseline.back());
    }
  }
  return areas;
}

}  // namespace

ordered_json BaselinesToJson(const BaselineInput& input) {
  const MeasuredFrames patients = MeasuredByPatient(input.frames);
  const bool compared = !input.model.labels.empty();
  const Predictions model = compared ? ModelByPatient(input, patients) : Predictions();
  ordered_json json = {{"rows", ordered_json::array()}};
  json["fit"] = std::set<int>(input.group_of.begin(), input.group_of.end()).size() > 1
                    ? "the patients of the other folds"
                    : "all patients of the set but the one that is graded";
  ordered_json areas = ordered_json::object(), not_beaten = ordered_json::array();
  bool any = false;
  for (int grade = 1; compared && grade <= input.last_threshold; ++grade) {
    areas[kAreas[grade]] = Number(GradeAuc(model, grade));
  }
  for (const Row& row : RowsOf(input, patients)) {
    ordered_json entry = {{"name", row.name}, {"title", row.title}, {"fitted", row.fitted}};
    ordered_json intervals = ordered_json::object(), minus = ordered_json::object();
    for (int grade = 1; grade <= input.last_threshold; ++grade) {
      const std::vector<bool> positive = AtLeast(patients, grade);
      const RankedScores ranked(row.scores[grade], positive);
      const double area = ranked.Auc();
      const char* key = kAreas[grade];
      entry[key] = Number(area);
      if (std::isnan(area)) continue;
      std::optional<RankedScores> answers;
      if (compared) answers.emplace(RankedGrades(model, grade));
      const Resampled resampled =
          Resample(ranked, answers ? &*answers : nullptr, patients.patients, input.bootstrap);
      intervals[key] = ToJson(PercentileInterval(resampled.baseline));
      if (!compared) continue;
      any = true;
      const double of_model = answers->Auc();
      minus[key] = {{"difference", of_model - area},
                    {"interval", ToJson(PercentileInterval(resampled.difference))}};
      if (of_model > area) continue;
      not_beaten.push_back({{"name", row.name},
                            {"title", row.title},
                            {"grade", kGrades[grade]},
                            {"baseline", area},
                            {"model", of_model}});
    }
    entry["intervals"] = intervals;
    if (compared) entry["model_minus"] = minus;
    json["rows"].push_back(entry);
  }
  if (!compared) return json;
  json["model"] = areas;
  json["beats_baseline"] = any ? ordered_json(not_beaten.empty()) : ordered_json();
  json["not_beaten"] = not_beaten;
  return json;
}

std::string BaselineVerdict(const ordered_json& baselines) {
  const ordered_json* beats = Find(&baselines, "beats_baseline");
  if (beats == nullptr || !beats->is_boolean()) return "";
  if (beats->get<bool>()) {
    return "The model ranks these patients better than each simple image measurement";
  }
  std::string text;
  for (const auto& loss : baselines.at("not_beaten")) {
    text += (text.empty() ? "" : "; ") + TextOf(&loss, "title") + ", at least " +
            TextOf(&loss, "grade") + ": " + Fixed(NumberOf(&loss, "baseline"), 3) + ", model " +
            Fixed(NumberOf(&loss, "model"), 3);
  }
  return "The model does not beat simple image measurements (AUC by patient: " + text + ")";
}

std::string BaselinesText(const ordered_json& baselines) {
  std::vector<std::vector<std::string>> rows = {
      {"AUC by patient", ">= mild", "", ">= moderate", "", ">= severe", ""}};
  const auto add = [&](const std::string& name, const ordered_json& entry) {
    rows.push_back({name});
    for (int grade = 1; grade <= 3; ++grade) {
      rows.back().push_back(Fixed(NumberOf(&entry, kAreas[grade]), 3));
      const ordered_json* ends = Find(Find(&entry, "intervals"), kAreas[grade]);
      rows.back().push_back(ends == nullptr || !(*ends)[0].is_number()
                                ? ""
                                : Fixed((*ends)[0], 2) + " to " + Fixed((*ends)[1], 2));
    }
  };
  if (const ordered_json* model = Find(&baselines, "model")) add("this model", *model);
  for (const auto& row : baselines.at("rows")) {
    add(TextOf(&row, "title") + (row.at("fitted").get<bool>() ? ", fitted" : ""), row);
  }
  const std::string verdict = BaselineVerdict(baselines);
  return FormatTable(rows) + "The ordinal model is fitted to " + TextOf(&baselines, "fit") +
         "; the others are not fitted.\n" + (verdict.empty() ? "" : verdict + ".\n");
}

}  // namespace hepar
