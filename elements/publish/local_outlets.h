// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "elements/publish/outlet.h"

namespace hepar {

// Appends lines to a file. Before a line would make it larger than `rotate_bytes`, PATH becomes
// PATH.1, PATH.1 becomes PATH.2 and so on, and the oldest of `rotate_files` old files is removed. A
// line that could not be written whole (disk full) is taken out of the file and written again
// later.
std::unique_ptr<Outlet> MakeFileOutlet(const std::string& path, std::uint64_t rotate_bytes,
                                       int rotate_files);

// Writes lines to standard output.
std::unique_ptr<Outlet> MakeStdoutOutlet();

// Writes lines to a Unix stream socket that another program listens on.
std::unique_ptr<Outlet> MakeUnixOutlet(const std::string& path);

}  // namespace hepar
