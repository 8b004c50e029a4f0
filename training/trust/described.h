// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/data/dataset.h"
#include "training/trust/domain_fit.h"

namespace hepar {

// The descriptors of the pictures `indices` of `data`, with their patients: of each picture as it is
// and of kVariants copies, changed as training changes pictures by default (Augment()). What another
// setting of the scanner would have shown is then of the domain too.
inline constexpr int kVariants = 4;
DescribedPictures Described(const PreparedDataset& data, const std::vector<int>& indices);

}  // namespace hepar
