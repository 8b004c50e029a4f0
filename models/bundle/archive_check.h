// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// Checks the zip container of a model bundle before LibTorch sees it (models/torch_archive.h), and
// returns the text of the extra file `hepar.json`. `origin` names the file in messages. Throws
// Error(kDamaged), saying which part.
std::string CheckArchive(std::string_view bytes, const std::string& origin);

// SHA-256 (hex) over all that a TorchScript container computes with: code, constants, attributes
// and tensors. Line numbers for debugging and extra files do not count. Throws as CheckArchive.
std::string ContentDigest(std::string_view bytes, const std::string& origin);

}  // namespace hepar
