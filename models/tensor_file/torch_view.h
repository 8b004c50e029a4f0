// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <string>

#include "models/tensor_file/tensor_archive.h"

namespace hepar {

// The numbers of a file as a tensor on the CPU that owns nothing: not to be written to, and of no
// use once the ArchiveParts are gone.
torch::Tensor ViewOf(const StoredTensor& stored);

// Copies the numbers of `from`, which came out of the file `origin` as the tensor `name`, to
// `target`, converting between types of floating point. Throws Error(kMismatch) when the shapes
// differ or only one of both holds floating point numbers, Error(kDamaged) when a number is not
// finite; with `allow_infinite`, when one is NaN.
void CopyChecked(const torch::Tensor& from, const std::string& name, const std::string& origin,
                 const torch::Tensor& target, bool allow_infinite = false);

}  // namespace hepar
