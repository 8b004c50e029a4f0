// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/external_report.h"

#include <set>

#include "training/report/baseline_report.h"
#include "training/report/html_parts.h"
#include "training/report/report.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

const char* NameOf(TruthKind truth) {
  return truth == TruthKind::kGrades ? "grades" : truth == TruthKind::kFatty ? "fatty" : "none";
}

// Fatty or not, as two classes.
Predictions FattyOrNot(const Predictions& frames) {
  Predictions two = frames;
  for (int& label : two.labels) label = label > 0 ? 1 : 0;
  for (auto& p : two.probabilities) p = {p[0], 1.0 - p[0]};
  return two;
}

ordered_json FiguresWithIntervals(const Predictions& cases,
                                  const std::vector<std::string>& class_names,
                                  const BootstrapOptions& bootstrap) {
  const int classes = static_cast<int>(class_names.size());
  ordered_json figures = FiguresToJson(Evaluate(cases, classes), class_names);
  const FigureIntervals intervals = BootstrapIntervals(cases, classes, bootstrap);
  figures["intervals"] = ordered_json::object();
  for (const NamedFigure& figure : kNamedFigures) {
    const double low = intervals.low.*figure.member, high = intervals.high.*figure.member;
    if (low <= high) figures["intervals"][figure.key] = ordered_json::array({low, high});
  }
  return figures;
}

std::string AreaText(const ordered_json* figures, const char* key) {
  const ordered_json* ends = Find(Find(figures, "intervals"), key);
  std::string text = Fixed(NumberOf(figures, key), 3);
  if (ends != nullptr) {
    text += " (" + Fixed((*ends)[0], 2) + " to " + Fixed((*ends)[1], 2) + ")";
  }
  return text;
}

}  // namespace

ordered_json ExternalToJson(const ExternalScores& scores,
                            const std::vector<std::string>& class_names,
                            const BootstrapOptions& bootstrap, bool withhold_unfamiliar) {
  const std::set<std::string> patients(scores.measured.patients.begin(),
                                       scores.measured.patients.end());
  ordered_json json = {
      {"name", scores.name},
      {"digest", scores.digest},
      {"labels", NameOf(scores.truth)},
      {"frames", scores.measured.patients.size()},
      {"patients", patients.size()},
      {"states", StatesToJson(scores.frames, scores.states, scores.truth, withhold_unfamiliar)}};
  if (scores.truth == TruthKind::kNone) return json;
  const bool graded = scores.truth == TruthKind::kGrades;
  const Predictions frames = graded ? scores.frames : FattyOrNot(scores.frames);
  const std::vector<std::string> names =
      graded ? class_names : std::vector<std::string>{"normal", "fatty"};
  json["frame"] = FiguresWithIntervals(frames, names, bootstrap);
  json["patient"] = FiguresWithIntervals(ByPatient(frames), names, bootstrap);
  BaselineInput input;
  input.frames = scores.measured;
  input.model = frames;
  input.grades = static_cast<int>(names.size());
  input.last_threshold = graded ? static_cast<int>(names.size()) - 1 : 1;
  input.bootstrap = bootstrap;
  if (!graded) {
    for (int& label : input.frames.labels) label = label > 0 ? 1 : 0;
  }
  json["baselines"] = BaselinesToJson(input);
  json["beats_baseline"] = json["baselines"]["beats_baseline"];
  return json;
}

std::string ExternalText(const ordered_json& sets) {
  std::string text;
  for (const auto& set : sets) {
    const std::string labels = TextOf(&set, "labels");
    text += "external set " + TextOf(&set, "name") + ": " + Fixed(NumberOf(&set, "frames"), 0) +
            " frames of " + Fixed(NumberOf(&set, "patients"), 0) + " patients, " +
            (labels == "grades"  ? "graded"
             : labels == "fatty" ? "fatty or not"
                                 : "without labels") +
            "\n";
    if (const ordered_json* patient = Find(&set, "patient")) {
      text += "by patient: accuracy " + Percent(NumberOf(patient, "accuracy")) +
              " %, AUC >= mild " + AreaText(patient, "auc_mild");
      if (labels == "grades") {
        text += ", >= moderate " + AreaText(patient, "auc_moderate") + ", >= severe " +
                AreaText(patient, "auc_severe");
      }
      text += "\n";
    }
    text += StatesText(set.at("states"));
    if (const ordered_json* baselines = Find(&set, "baselines")) text += BaselinesText(*baselines);
    text += "\n";
  }
  return text;
}

}  // namespace hepar
