// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/report.h"

#include <iostream>

#include "models/file_io.h"
#include "training/table.h"

namespace hepar {

using nlohmann::ordered_json;

ordered_json FiguresToJson(const EvaluationFigures& figures,
                           const std::vector<std::string>& class_names) {
  ordered_json per_class = ordered_json::object(), cases = ordered_json::object();
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    per_class[class_names[c]] = figures.per_class[c];
    cases[class_names[c]] = figures.per_class_cases[c];
  }
  return {{"cases", figures.cases},
          {"accuracy", figures.accuracy},
          {"balanced_accuracy", figures.balanced_accuracy},
          {"best_worst", figures.best_worst},
          {"per_class", per_class},
          {"per_class_cases", cases},
          {"auc_mild", figures.auc_mild},
          {"auc_moderate", figures.auc_moderate},
          {"auc_severe", figures.auc_severe}};
}

ordered_json EvaluationToJson(const Predictions& frames,
                              const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(class_names.size());
  const Predictions patients = ByPatient(frames);
  return {{"frame", FiguresToJson(Evaluate(frames, classes), class_names)},
          {"patient", FiguresToJson(Evaluate(patients, classes), class_names)},
          {"chance",
           {{"frame", FiguresToJson(ChanceFigures(frames, classes), class_names)},
            {"patient", FiguresToJson(ChanceFigures(patients, classes), class_names)}}}};
}

std::string EvaluationTable(const Predictions& frames,
                            const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(class_names.size());
  const Predictions patients = ByPatient(frames);
  const std::vector<EvaluationFigures> columns = {
      Evaluate(frames, classes), ChanceFigures(frames, classes), Evaluate(patients, classes),
      ChanceFigures(patients, classes)};

  std::vector<std::vector<std::string>> rows = {
      {"", "by frame", "by chance", "by patient", "by chance"},
      {"cases", std::to_string(columns[0].cases), "", std::to_string(columns[2].cases)}};
  const auto add = [&](const std::string& name, const auto& text_of) {
    std::vector<std::string> row = {name};
    for (const auto& figures : columns) row.push_back(text_of(figures));
    rows.push_back(row);
  };
  for (int c = 0; c < classes; ++c) {
    add("accuracy " + class_names[c] + " % (n=" + std::to_string(columns[0].per_class_cases[c]) +
            ", " + std::to_string(columns[2].per_class_cases[c]) + ")",
        [c](const EvaluationFigures& f) { return Percent(f.per_class[c]); });
  }
  add("best-worst %", [](const EvaluationFigures& f) { return Percent(f.best_worst); });
  add("average (pooled) %", [](const EvaluationFigures& f) { return Percent(f.accuracy); });
  add("balanced accuracy %",
      [](const EvaluationFigures& f) { return Percent(f.balanced_accuracy); });
  add("AUC >= mild", [](const EvaluationFigures& f) { return Fixed(f.auc_mild, 3); });
  add("AUC >= moderate", [](const EvaluationFigures& f) { return Fixed(f.auc_moderate, 3); });
  add("AUC >= severe", [](const EvaluationFigures& f) { return Fixed(f.auc_severe, 3); });
  return FormatTable(rows);
}

void WriteJson(const std::string& path, const ordered_json& value) {
  const std::string text = value.dump(2) + "\n";
  if (path == "-") {
    std::cout << text << std::flush;
  } else {
    WriteFileAtomically(path, text);
  }
}

}  // namespace hepar
