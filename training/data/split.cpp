// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "models/error.h"
#include "training/data/csv.h"
#include "training/data/patient_id.h"

namespace hepar {
namespace {

constexpr int kMaxFolds = 1000;

// The patients of each grade, sorted, so that nothing depends on the order of the samples.
using PatientsByGrade = std::map<int, std::set<std::string>>;

enum class Part { kTrain, kValidation, kTest };
using PartOfPatient = std::map<std::string, Part>;

void CheckFraction(const char* name, double fraction) {
  if (fraction >= 0.0 && fraction < 1.0) return;
  throw Error(ErrorKind::kInvalid, std::string(name) + " fraction is " + std::to_string(fraction) +
                                       ", expected at least 0 and below 1");
}

// How many of the `available` patients of a grade that has `of` make up a part.
int ShareOf(double fraction, int of, int available) {
  if (fraction == 0.0) return 0;
  const int wanted = std::max(1, static_cast<int>(std::lround(fraction * of)));
  return std::max(0, std::min(wanted, available - 1));
}

// Written out because what std::shuffle draws differs between standard libraries.
std::vector<std::string> Shuffled(const std::set<std::string>& patients,
                                  std::mt19937_64& generator) {
  std::vector<std::string> order(patients.begin(), patients.end());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[generator() % i]);
  return order;
}

Split Assign(const Dataset& dataset, const PartOfPatient& parts) {
  Split split;
  for (int i = 0; i < static_cast<int>(dataset.samples.size()); ++i) {
    const Part part = parts.at(dataset.samples[i].patient);
    (part == Part::kTrain        ? split.train
     : part == Part::kValidation ? split.validation
                                 : split.test)
        .push_back(i);
  }
  return split;
}

void CheckNotEmpty(const char* name, const std::vector<int>& part) {
  if (!part.empty()) return;
  throw Error(ErrorKind::kMismatch, std::string("the ") + name +
                                        " part of the split is empty: too few patients for these "
                                        "fractions or folds");
}

// The patients `remaining` for training and validation, by `validation_fraction` of each grade.
void DrawValidation(const PatientsByGrade& remaining, double validation_fraction,
                    std::mt19937_64& generator, PartOfPatient& parts) {
  for (const auto& [grade, patients] : remaining) {
    const int count = static_cast<int>(patients.size());
    int left = ShareOf(validation_fraction, count, count);
    for (const auto& patient : Shuffled(patients, generator)) {
      parts[patient] = left-- > 0 ? Part::kValidation : Part::kTrain;
    }
  }
}

}  // namespace

Folds LoadFolds(const std::string& path) {
  const CsvTable table = CsvTable::Read(path);
  const int patient_column = table.Column("patient_id");
  const int fold_column = table.Column("fold");
  std::map<std::string, int> fold_of;
  std::set<int> used;
  for (int row = 0; row < table.rows(); ++row) {
    const std::string patient = Trimmed(table.at(row, patient_column));
    const std::string text = Trimmed(table.at(row, fold_column));
    int fold = -1;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, fold);
    if (patient.empty() || result.ec != std::errc() || result.ptr != end || fold < 0 ||
        fold >= kMaxFolds) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": patient '" + patient + "', fold '" +
                                           text + "'; expected a name and a number from 0 to " +
                                           std::to_string(kMaxFolds - 1));
    }
    if (fold_of.emplace(patient, fold).first->second != fold) {
      throw Error(ErrorKind::kDamaged, table.Where(row) + ": puts patient '" + patient +
                                           "' into fold " + text + ", but a line above into " +
                                           std::to_string(fold_of[patient]));
    }
    used.insert(fold);
  }
  const int count = used.empty() ? 0 : *used.rbegin() + 1;
  if (count < 2 || static_cast<int>(used.size()) != count) {
    throw Error(ErrorKind::kDamaged, path + ": uses " + std::to_string(used.size()) +
                                         " fold numbers with the largest " +
                                         std::to_string(count - 1) +
                                         "; expected two or more, numbered from 0 without a gap");
  }
  return {{fold_of.begin(), fold_of.end()}, count};
}

int Folds::FoldOf(const std::string& patient) const {
  const auto found = std::lower_bound(fold_of.begin(), fold_of.end(), std::pair(patient, 0));
  if (found == fold_of.end() || found->first != patient) {
    throw Error(ErrorKind::kMismatch, "patient '" + patient + "' has no fold");
  }
  return found->second;
}

Split SplitByFold(const Dataset& dataset, const Folds& folds, int fold, double validation_fraction,
                  std::uint64_t seed) {
  CheckFraction("validation", validation_fraction);
  if (fold < -1 || fold >= folds.count) {
    throw Error(ErrorKind::kInvalid, "fold is " + std::to_string(fold) + ", expected 0 to " +
                                         std::to_string(folds.count - 1) + ", or -1 for none");
  }
  const std::map<std::string, int> fold_of(folds.fold_of.begin(), folds.fold_of.end());
  PatientsByGrade remaining;
  PartOfPatient parts;
  for (const auto& sample : dataset.samples) {
    const auto found = fold_of.find(sample.patient);
    if (fold >= 0 && found == fold_of.end()) {
      throw Error(ErrorKind::kMismatch,
                  "patient '" + sample.patient + "' (" + sample.path +
                      ") has no fold; add a line for it to the file of folds");
    }
    if (fold >= 0 && found->second == fold) {
      parts[sample.patient] = Part::kTest;
    } else {
      remaining[sample.label].insert(sample.patient);
    }
  }
  std::mt19937_64 generator(seed);
  DrawValidation(remaining, validation_fraction, generator, parts);
  Split split = Assign(dataset, parts);
  CheckNotEmpty("training", split.train);
  if (validation_fraction > 0.0) CheckNotEmpty("validation", split.validation);
  if (fold >= 0) CheckNotEmpty("test", split.test);
  CheckPatientDisjoint(dataset, split);
  return split;
}

Split SplitByPatient(const Dataset& dataset, double test_fraction, double validation_fraction,
                     std::uint64_t seed) {
  CheckFraction("test", test_fraction);
  CheckFraction("validation", validation_fraction);
  CheckFraction("test and validation", test_fraction + validation_fraction);
  PatientsByGrade patients;
  for (const auto& sample : dataset.samples) patients[sample.label].insert(sample.patient);

  std::mt19937_64 generator(seed);
  PartOfPatient parts;
  for (const auto& [grade, of_grade] : patients) {
    const int count = static_cast<int>(of_grade.size());
    int test = ShareOf(test_fraction, count, count);
    int validation = ShareOf(validation_fraction, count, count - test);
    for (const auto& patient : Shuffled(of_grade, generator)) {
      parts[patient] = test-- > 0         ? Part::kTest
                       : validation-- > 0 ? Part::kValidation
                                          : Part::kTrain;
    }
  }
  Split split = Assign(dataset, parts);
  CheckNotEmpty("training", split.train);
  if (validation_fraction > 0.0) CheckNotEmpty("validation", split.validation);
  if (test_fraction > 0.0) CheckNotEmpty("test", split.test);
  CheckPatientDisjoint(dataset, split);
  return split;
}

void CheckPatientDisjoint(const Dataset& dataset, const Split& split) {
  std::map<std::string, const char*> part_of;
  const auto check = [&](const std::vector<int>& part, const char* name) {
    for (const int index : part) {
      const std::string& patient = dataset.samples.at(index).patient;
      const char* first = part_of.emplace(patient, name).first->second;
      if (first != name) {
        throw Error(ErrorKind::kMismatch, "patient '" + patient + "' is in the " + first +
                                              " part and in the " + name +
                                              " part; frames of one patient are near-copies, so "
                                              "figures from such a split mean nothing");
      }
    }
  };
  check(split.train, "training");
  check(split.validation, "validation");
  check(split.test, "test");
}

std::vector<int> ShardByPatient(const Dataset& dataset, const std::vector<int>& indices, int shards,
                                int shard) {
  if (shards < 1 || shard < 0 || shard >= shards) {
    throw Error(ErrorKind::kInvalid, "shard is " + std::to_string(shard) + " of " +
                                         std::to_string(shards) +
                                         ", expected 0 to one less than their number");
  }
  // Of each grade its patients with their pictures.
  std::map<int, std::map<std::string, std::vector<int>>> grades;
  std::set<std::string> patients;
  for (const int index : indices) {
    const Sample& sample = dataset.samples.at(index);
    grades[sample.label][sample.patient].push_back(index);
    patients.insert(sample.patient);
  }
  if (static_cast<int>(patients.size()) < shards) {
    throw Error(ErrorKind::kMismatch, std::to_string(patients.size()) +
                                          " patients cannot be divided among " +
                                          std::to_string(shards) + " processes; start fewer");
  }
  std::vector<int> chosen;
  std::vector<int> of_all(shards);
  for (const auto& [grade, of_grade] : grades) {
    using Group = std::pair<std::string, std::vector<int>>;
    std::vector<Group> largest_first(of_grade.begin(), of_grade.end());
    std::stable_sort(
        largest_first.begin(), largest_first.end(),
        [](const Group& a, const Group& b) { return a.second.size() > b.second.size(); });
    std::vector<int> here(shards);
    for (const auto& [patient, pictures] : largest_first) {
      int to = 0;
      for (int i = 1; i < shards; ++i) {
        if (std::tie(here[i], of_all[i]) < std::tie(here[to], of_all[to])) to = i;
      }
      here[to] += static_cast<int>(pictures.size());
      of_all[to] += static_cast<int>(pictures.size());
      if (to == shard) chosen.insert(chosen.end(), pictures.begin(), pictures.end());
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace hepar
