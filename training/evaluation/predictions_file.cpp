// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/predictions_file.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "models/error.h"
#include "training/data/csv.h"

namespace hepar {
namespace {

// As CheckPredictions() allows.
constexpr double kTolerance = 1e-3;

double Probability(const CsvTable& table, int row, int column) {
  std::istringstream stream(table.at(row, column));
  stream.imbue(std::locale::classic());
  double value = 0.0;
  if (!(stream >> value) || !stream.eof() || !(value >= 0.0 && value <= 1.0)) {
    throw Error(ErrorKind::kDamaged,
                table.Where(row) + ": expected a probability, got '" + table.at(row, column) + "'");
  }
  return value;
}

}  // namespace

Predictions ReadPredictions(const std::string& path, const std::vector<std::string>& class_names) {
  const CsvTable table = CsvTable::Read(path);
  const int patient = table.Column("patient_id"), label = table.Column("label");
  std::vector<int> columns;
  for (const std::string& name : class_names) columns.push_back(table.Column("p_" + name));
  if (table.rows() == 0) {
    throw Error(ErrorKind::kDamaged, path + ": lists no answer below its first line");
  }
  Predictions predictions;
  for (int row = 0; row < table.rows(); ++row) {
    const auto truth = std::find(class_names.begin(), class_names.end(), table.at(row, label));
    if (truth == class_names.end()) {
      throw Error(ErrorKind::kDamaged,
                  table.Where(row) + ": unknown label '" + table.at(row, label) + "'");
    }
    std::vector<double> probabilities;
    double sum = 0.0;
    for (const int column : columns) {
      probabilities.push_back(Probability(table, row, column));
      sum += probabilities.back();
    }
    if (std::abs(sum - 1.0) > kTolerance) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": its probabilities add up to " +
                                           std::to_string(sum) + ", expected 1");
    }
    predictions.labels.push_back(static_cast<int>(truth - class_names.begin()));
    predictions.patients.push_back(table.at(row, patient));
    predictions.probabilities.push_back(std::move(probabilities));
  }
  return predictions;
}

}  // namespace hepar
