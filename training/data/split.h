// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Folds, and the division of a data set into parts by patient.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"

namespace hepar {

// Patient -> fold, from a CSV with the columns patient_id and fold (0..n-1, two or more, none
// without a patient). Throws Error: kNotFound, kUnreadable, kDamaged.
struct Folds {
  std::vector<std::pair<std::string, int>> fold_of;  // Sorted by patient.
  int count = 0;

  // Throws Error(kMismatch), naming the patient, for one that has none.
  int FoldOf(const std::string& patient) const;
};
Folds LoadFolds(const std::string& path);

// Indices into Dataset::samples, ascending. No patient is in two parts. Which part a patient goes
// to depends on the patients of its grade and the seed, not on the number or order of the pictures.
struct Split {
  std::vector<int> train, validation, test;
};

// Test = the patients of fold `fold` (none for -1, which needs no folds); of the others, about
// `validation_fraction` of the patients of each grade (at least one where the fraction is above 0
// and the grade has two or more) validate, drawn with `seed`; the rest, at least one patient of
// each grade that has any left, trains. Throws Error: kMismatch when a patient of the data set has
// no fold or a part that must not be empty is, kInvalid for a fold or fraction out of range.
Split SplitByFold(const Dataset& dataset, const Folds& folds, int fold, double validation_fraction,
                  std::uint64_t seed);

// Without given folds: `test_fraction` and `validation_fraction` of the patients of each grade, by
// the same rules.
Split SplitByPatient(const Dataset& dataset, double test_fraction, double validation_fraction,
                     std::uint64_t seed);

// Throws Error(kMismatch), naming the patient, when one patient is in two parts.
void CheckPatientDisjoint(const Dataset& dataset, const Split& split);

// The part of `indices` that process `shard` of `shards` trains on: whole patients, dealt out so
// that the pictures of each grade, and then all pictures, are about as many for every process.
// Ascending; the parts of all processes are disjoint and together complete, and none is empty.
// Depends on the samples alone. Throws Error: kInvalid for a shard out of range, kMismatch when
// there are fewer patients than shards.
std::vector<int> ShardByPatient(const Dataset& dataset, const std::vector<int>& indices, int shards,
                                int shard);

}  // namespace hepar
