// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"
#include "training/data/truth_kind.h"

namespace hepar {

// A set of scans to be scored by name, apart from all others.
struct ExternalSet {
  std::string name;
  TruthKind truth = TruthKind::kNone;
  Dataset dataset;
};

// Reads the sets of --external and --external-fatty, each given as NAME=PATH. A CSV file with the
// column `label`, a MAT file and a folder with a folder for each class are labeled, as is a folder
// that holds such a CSV file as labels.csv; everything else is pictures and recordings without
// labels, which `fatty` sets must not be. Throws Error: kInvalid for another form, a name given
// twice and labels of a fatty set that are missing, and what LoadDataset() and LoadUnlabeled() do.
std::vector<ExternalSet> LoadExternalSets(const std::vector<std::string>& graded,
                                          const std::vector<std::string>& fatty,
                                          const SourceOptions& options);

}  // namespace hepar
