// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hepar {

// No bundle is larger.
constexpr std::uint64_t kMaxBundleBytes = std::uint64_t{2} << 30;

// The file of a model bundle that a user names by its path or, for an installed one, by its bare
// name ("steatosis-byra-live", with or without ".hepar"). A file of that path comes first; a bare
// name is then looked for in ModelFolders(), in their order. Reads the environment, so it must not
// run while another thread changes that. Throws Error(kNotFound), naming the folders that were
// looked at, where there is no such model.
std::string FindBundle(const std::string& name);

// Where installed models lie: the folders of HEPAR_MODEL_PATH (separated by colons), the data
// folder of the installation that this was built for, and gst-hepar/models in XDG_DATA_HOME and
// XDG_DATA_DIRS or, where these are not set, in the places that the XDG Base Directory
// Specification (0.8) names for them. Whether they exist is not looked at; each comes once.
std::vector<std::string> ModelFolders();

}  // namespace hepar
