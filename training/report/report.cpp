// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/report.h"

#include <iostream>

#include "models/file_io.h"
#include "training/evaluation/agreement.h"
#include "training/report/table.h"
#include "training/report/utf8.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

ordered_json LevelToJson(const Predictions& predictions,
                         const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(class_names.size());
  const auto matrix = ConfusionMatrix::Of(predictions, classes);
  ordered_json rows = ordered_json::array();
  ordered_json specificity = ordered_json::object(), at_least = ordered_json::object();
  for (int truth = 0; truth < classes; ++truth) {
    ordered_json row = ordered_json::array();
    for (int answer = 0; answer < classes; ++answer) row.push_back(matrix.at(truth, answer));
    rows.push_back(row);
    specificity[class_names[truth]] = Specificity(matrix, truth);
    if (truth == 0) continue;
    const Dichotomy test = AtLeast(matrix, truth);
    at_least[class_names[truth]] = {{"sensitivity", test.Sensitivity()},
                                    {"specificity", test.Specificity()},
                                    {"ppv", test.Ppv()},
                                    {"npv", test.Npv()}};
  }
  ordered_json level = FiguresToJson(Evaluate(predictions, classes), class_names);
  level["per_class_specificity"] = specificity;
  level["at_least"] = at_least;
  level["confusion_matrix"] = rows;
  return level;
}

}  // namespace

ordered_json FiguresToJson(const EvaluationFigures& figures,
                           const std::vector<std::string>& class_names) {
  ordered_json per_class = ordered_json::object(), cases = ordered_json::object();
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    per_class[class_names[c]] = figures.per_class[c];
    cases[class_names[c]] = figures.per_class_cases[c];
  }
  ordered_json result = {{"cases", figures.cases}};
  for (const NamedFigure& figure : kNamedFigures) result[figure.key] = figures.*figure.member;
  result["per_class"] = per_class;
  result["per_class_cases"] = cases;
  return result;
}

ordered_json EvaluationToJson(const Predictions& frames,
                              const std::vector<std::string>& class_names) {
  const int classes = static_cast<int>(class_names.size());
  const Predictions patients = ByPatient(frames);
  return {{"frame", LevelToJson(frames, class_names)},
          {"patient", LevelToJson(patients, class_names)},
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
  add("macro F1", [](const EvaluationFigures& f) { return Fixed(f.macro_f1, 3); });
  add("quadratic weighted kappa",
      [](const EvaluationFigures& f) { return Fixed(f.quadratic_kappa, 3); });
  add("mean error, grades",
      [](const EvaluationFigures& f) { return Fixed(f.mean_grade_error, 3); });
  add("calibration error", [](const EvaluationFigures& f) { return Fixed(f.ece, 3); });
  return FormatTable(rows);
}

void WriteJson(const std::string& path, const ordered_json& value) {
  const std::string text = JsonText(value, 2) + "\n";
  if (path == "-") {
    std::cout << text << std::flush;
  } else {
    WriteFileAtomically(path, text);
  }
}

}  // namespace hepar
