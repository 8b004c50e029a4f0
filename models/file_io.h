// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hepar {

// The whole content of a file. Throws Error: kNotFound, kUnreadable (also for folders and for files
// of more than `limit` bytes).
std::string ReadFile(const std::string& path, std::uint64_t limit);

// Writes through a temporary file beside `path`, flushed to the disk and renamed, so that at every
// moment `path` is either the old content or the new, whole. Throws Error(kUnreadable), naming the
// system's reason (disk full, no permission), with the old content untouched.
void WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace hepar
