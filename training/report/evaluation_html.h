// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hepar {

// The results of an evaluation.
struct EvaluationReport {
  std::string title, subtitle;
  std::vector<std::string> class_names;  // In the order of the grades.
  // EvidenceToJson(), and where they are there "comparison", "corruptions", "failures", "models",
  // "data", "part", "program", "options" and "warnings" as docs/evaluation.md lists them.
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
  std::vector<std::string> pictures;  // Of "failures", as data URIs.
  std::vector<std::string> saliency;  // The same with saliency maps over them; empty: none.
  std::string no_saliency;            // Why there are none; empty: not asked for.
};

// The report as one HTML page: headline figures with intervals, ROC curves with the thresholds that
// were chosen, confusion matrices, calibration, abstention, robustness, subgroups, comparison,
// worst mistakes, model card and checklist. Of the form of TrainingReportHtml(). Shows the figures
// that `figures` holds and computes none. Throws Error(kInvalid) for matrices that do not fit the
// names.
std::string EvaluationReportHtml(const EvaluationReport& report);

}  // namespace hepar
