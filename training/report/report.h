// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// The figures of one level by the keys that `--json` and bundles use; NaN becomes null.
nlohmann::ordered_json FiguresToJson(const EvaluationFigures& figures,
                                     const std::vector<std::string>& class_names);

// {"frame": figures, "patient": figures, "chance": {"frame": ..., "patient": ...}}. Beside their
// figures "frame" and "patient" hold "confusion_matrix" (rows truth, columns answers),
// "per_class_specificity" and, for each grade but the lowest, the quality of the answers as a test
// for "at_least" that grade: sensitivity, specificity, ppv, npv.
nlohmann::ordered_json EvaluationToJson(const Predictions& frames,
                                        const std::vector<std::string>& class_names);

// The same as a table: by frame and by patient, each beside the metrics of guessing.
std::string EvaluationTable(const Predictions& frames, const std::vector<std::string>& class_names);

// Writes `value` to a file, atomically, or to standard output for "-".
void WriteJson(const std::string& path, const nlohmann::ordered_json& value);

}  // namespace hepar
