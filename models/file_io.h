// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hepar {

// Reads a file. Throws Error: kNotFound, kUnreadable (also for folders and for files
// of more than `limit` bytes).
std::string ReadFile(const std::string& path, std::uint64_t limit);

// Writes a file atomically: through a temporary file in the same folder that is flushed to disk and
// renamed. `path` always holds either the old or the new content. Throws Error(kUnreadable) with
// the system's reason (disk full, no permission); the old content is then unchanged.
void WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace hepar
