// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "training/data/load_summary.h"

namespace hepar {

// Whether a folder by that name holds what a system or a network storage keeps for itself, such as
// previews (@eaDir, Thumbnails) or deleted files (#recycle, $RECYCLE.BIN), or is hidden.
bool IsSetAside(const std::filesystem::path& folder);

// The picture files (IsPictureFile) of a folder and its sub-folders, links followed, in no order.
// What is passed over goes to `summary` with its reason, named relative to `base`: hidden files,
// folders set aside, files that are no pictures, links that lead nowhere or to a folder around
// them. Throws Error(kUnreadable) for a folder that cannot be read.
std::vector<std::filesystem::path> PictureFilesIn(const std::filesystem::path& folder,
                                                  const std::filesystem::path& base,
                                                  LoadSummary* summary);

}  // namespace hepar
