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

// Pictures and recordings without labels: those that FindPictureFiles() finds, with the frames that
// `options` chooses of recordings. Sorted by name and frame; the patient of each sample is its
// file, by its name; labels are 0 and mean nothing; there is no digest. Throws Error, naming the
// file: kNotFound, kUnreadable, kDamaged (no picture at all, a recording that cannot be decoded),
// kInvalid for options out of range.
Dataset LoadUnlabeled(const std::string& path, const SourceOptions& options = {});

}  // namespace hepar
