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
// the system's reason (disk full, no permission); the old content is then unchanged. The same where
// `path` is not a regular file. The temporary file is new and has a random name
// (".NAME.0123456789abcdef.tmp"), so that nobody can put a link in its place.
void WriteFileAtomically(const std::string& path, std::string_view content);

// Removes temporary files that processes which were killed while they wrote `path` have left. Call
// where no other process writes it.
void RemoveLeftovers(const std::string& path);

}  // namespace hepar
