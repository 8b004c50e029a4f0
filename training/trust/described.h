// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "training/data/prepared_dataset.h"
#include "training/trust/domain_fit.h"

namespace hepar {

// The descriptors of the pictures `indices` of `data`, with their patients: of each picture as it
// is and of kVariants randomly augmented copies (Augment()), so that other settings
// of the scanner and positions of the probe belong to the domain too. The same for
// every run.
inline constexpr int kVariants = 4;
DescribedPictures Described(const PreparedDataset& data, const std::vector<int>& indices);

// The same of all pictures, but of each only as it is.
DescribedPictures DescribedAsTheyAre(const PreparedDataset& data);

}  // namespace hepar
