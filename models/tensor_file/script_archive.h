// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/tensor_file/tensor_archive.h"
#include "models/torch_archive.h"

namespace hepar {

// A TorchScript module for LibTorch to load: its code and numbers, written anew from values that
// were checked, so that LibTorch meets no pickle, size or part of a stranger's making. The code
// itself is only checked for what LibTorch's compiler does not survive: whoever loads it runs it.
//
// `module` is the module's place in `archive`, the pickle "data" of `parts`, of Content::kScript.
// Throws Error(kDamaged), naming the file by `origin`.
std::string CheckedScript(const ArchiveParts& parts, const TensorArchive& archive,
                          Pickle::Id module, const std::string& origin);

// The same of a whole TorchScript file.
std::string CheckedScript(const ArchiveParts& parts, const std::string& origin);

}  // namespace hepar
