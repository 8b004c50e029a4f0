// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/torch_archive.h"

namespace hepar {

// The text of the extra file `hepar.json` among the parts of a bundle. `origin` names the file in
// messages. Throws Error(kDamaged) when there is none, or one too large.
const std::string& DescriptionOf(const ArchiveParts& parts, const std::string& origin);

// Checks that the container of a bundle has no parts but those that SaveBundle() writes, and,
// unless its classifier is TorchScript (`with_code`), no code and no constants. Throws
// Error(kDamaged), saying which part.
void CheckParts(const ArchiveParts& parts, bool with_code, const std::string& origin);

// SHA-256 (hex) over all that a TorchScript container computes with: code, constants, attributes
// and tensors. Line numbers for debugging and extra files do not count.
std::string ContentDigest(const ArchiveParts& parts);

}  // namespace hepar
