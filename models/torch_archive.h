// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace hepar {

// The parts of a PyTorch container by their name below its root folder, such as "data.pkl",
// "data/0" and "code/__torch__.py".
using ArchiveParts = std::map<std::string, std::string>;

// Reads the zip container that torch.save(), torch.jit.save() and SaveBundle() write, from end to
// end, trusting nothing: structure, names (one root folder, none twice), sizes against the file's
// size, and every part's CRC-32. Takes as much memory as the file has, and 64 MiB more for parts
// that are compressed.
//
// `origin` names the file in messages and `kind` what it should be ("model bundle"). Throws
// Error(kDamaged), saying which part.
ArchiveParts ReadTorchArchive(std::string_view bytes, const std::string& origin,
                              const std::string& kind);

// A container of these parts, uncompressed. `parts` must outlive the call only.
std::string WriteTorchArchive(const ArchiveParts& parts);

}  // namespace hepar
