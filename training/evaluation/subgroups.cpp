// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/subgroups.h"

#include <cstddef>
#include <set>

#include "models/error.h"
#include "training/data/csv.h"
#include "training/data/patient_id.h"

namespace hepar {
namespace {

constexpr char kPatient[] = "patient_id";
constexpr char kNotGiven[] = "not given";

Error Damaged(const std::string& what) { return Error(ErrorKind::kDamaged, what); }

PatientTable::Column ReadColumn(const CsvTable& csv, const std::string& name) {
  PatientTable::Column column{name, {}};
  std::set<std::string> values;
  const int patient_column = csv.Column(kPatient), value_column = csv.Column(name);
  for (int row = 0; row < csv.rows(); ++row) {
    const std::string patient = Trimmed(csv.at(row, patient_column));
    const std::string& value = csv.at(row, value_column);
    if (patient.empty()) throw Damaged(csv.Where(row) + ": " + kPatient + " is empty");
    const auto [entry, is_new] = column.value_of.emplace(patient, value);
    if (!is_new && entry->second != value) {
      throw Damaged(csv.Where(row) + ": patient '" + patient + "' has " + name + " '" + value +
                    "', and '" + entry->second + "' before");
    }
    values.insert(value);
  }
  if (values.size() > PatientTable::kMostValues) {
    throw Damaged(csv.name() + ": column " + name + " has " + std::to_string(values.size()) +
                  " values, expected at most " + std::to_string(PatientTable::kMostValues) +
                  "; give bands in place of numbers");
  }
  return column;
}

}  // namespace

PatientTable LoadPatientTable(const std::string& path) {
  const CsvTable csv = CsvTable::Read(path);
  csv.Column(kPatient);
  PatientTable table;
  for (const std::string& name : csv.columns()) {
    if (name != kPatient) table.columns.push_back(ReadColumn(csv, name));
  }
  if (table.columns.empty()) {
    throw Damaged(path + ": has no column but " + std::string(kPatient) +
                  "; add those to group by, such as scanner or sex");
  }
  return table;
}

std::vector<Subgroup> SubgroupsOf(const Predictions& frames, const PatientTable& table) {
  std::vector<Subgroup> all;
  for (const PatientTable::Column& column : table.columns) {
    std::map<std::string, Subgroup> of_value;
    for (std::size_t i = 0; i < frames.labels.size(); ++i) {
      const auto found = column.value_of.find(frames.patients[i]);
      const bool given = found != column.value_of.end() && !found->second.empty();
      const std::string value = given ? found->second : kNotGiven;
      Subgroup& group = of_value[value];
      group.column = column.name;
      group.value = value;
      group.frames.labels.push_back(frames.labels[i]);
      group.frames.probabilities.push_back(frames.probabilities[i]);
      group.frames.patients.push_back(frames.patients[i]);
    }
    for (auto& [value, group] : of_value) all.push_back(std::move(group));
  }
  return all;
}

}  // namespace hepar
