// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"

namespace hepar {

// Attributes of patients beside their grade: for each column (scanner, sex, ...) the value of
// each patient.
struct PatientTable {
  struct Column {
    std::string name;
    std::map<std::string, std::string> value_of;  // Patient to value, as written.
  };
  std::vector<Column> columns;

  static constexpr int kMostValues = 24;  // Of a column: more are no groups.
};

// From a CSV with the column patient_id and others. Rows of one patient (of several frames) must
// agree. Throws Error: kNotFound, kUnreadable, kDamaged (no other column, two values for a patient,
// more than kMostValues values: give bands in place of numbers).
PatientTable LoadPatientTable(const std::string& path);

// The frames of the patients of one value.
struct Subgroup {
  std::string column, value;
  Predictions frames;
};

// By column and value, sorted. Each frame is in one subgroup of each column; patients that the
// table does not name, or whose field is empty, are in that of value "not given".
std::vector<Subgroup> SubgroupsOf(const Predictions& frames, const PatientTable& table);

}  // namespace hepar
