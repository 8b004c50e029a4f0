// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// Checks the zip container of a model bundle before LibTorch sees it, because LibTorch's reader
// trusts sizes and does not look at checksums: structure, names, sizes against the file's size,
// and every part's CRC-32. Returns the text of the extra file `hepar.json`.
// `origin` names the file in messages. Throws Error(kDamaged), saying which part.
std::string CheckArchive(std::string_view bytes, const std::string& origin);

}  // namespace hepar
