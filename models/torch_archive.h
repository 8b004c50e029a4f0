// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hepar {

// Reads the zip container of a TorchScript file from end to end, trusting nothing: structure,
// names, sizes against the file's size, and every part's CRC-32. LibTorch's own reader trusts sizes
// and does not look at checksums, so this comes first.
//
// `take` gets every part's name (below the container's root folder, such as "code/__torch__.py")
// and its content in pieces, the first of them empty. `origin` names the file in messages and
// `kind` what it should be ("model bundle"). Throws Error(kDamaged), saying which part.
void ReadTorchArchive(
    std::string_view bytes, const std::string& origin, const std::string& kind,
    const std::function<void(const std::string& part, std::string_view piece)>& take);

}  // namespace hepar
