// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/data/dataset.h"
#include "training/data/load_summary.h"

namespace hepar {

// A file, and its name relative to the folder that was given: its own where that was a file.
struct PictureFile {
  std::string name, path;
};

// The file `path`, whatever it contains, or the pictures and recordings of a folder and its
// sub-folders, sorted by name; `summary` counts those that are skipped. Throws Error: kNotFound,
// kUnreadable, kDamaged (a folder without a picture).
std::vector<PictureFile> FindPictureFiles(const std::string& path, LoadSummary* summary);

// Pictures and recordings without labels: those that FindPictureFiles() finds, or those that a CSV
// file lists in the columns path (relative to the file) and, optionally, patient_id; with the
// frames that `options` chooses of recordings. Sorted by name (of a CSV file by path) and frame;
// the patient of each sample is that of the CSV file, or else its own file, by its name; labels are
// 0 and mean nothing; there is no digest. Throws Error, naming the file: kNotFound, kUnreadable,
// kDamaged (no picture at all, a recording that cannot be decoded, a table without a column path),
// kInvalid for options out of range.
Dataset LoadUnlabeled(const std::string& path, const SourceOptions& options = {});

}  // namespace hepar
