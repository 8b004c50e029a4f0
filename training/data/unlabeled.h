// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "training/data/dataset.h"

namespace hepar {

// Pictures and recordings without labels: one file, or those of a folder and its sub-folders
// (hidden ones and files that are no pictures are ignored), with the frames that `options`
// chooses of recordings. Sorted by name and frame; the patient of each sample is its file, named
// relative to the folder; labels are 0 and mean nothing; there is no digest. Throws Error, naming
// the file: kNotFound, kUnreadable, kDamaged (no picture at all, a recording that cannot be
// decoded), kInvalid for options out of range.
Dataset LoadUnlabeled(const std::string& path, const SourceOptions& options = {});

}  // namespace hepar
