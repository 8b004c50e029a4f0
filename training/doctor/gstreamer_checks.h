// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "training/doctor/finding.h"

namespace hepar {

// What gst-inspect-1.0 says of the plugin: whether it is found, of this version, and if it is not,
// whether GStreamer has it on its list of plugins that cannot be loaded, and which of its libraries
// are missing.
Findings CheckPlugin();

// Whether the elements are there that files, cameras and recordings need, and the Debian packages
// of those that are not.
Findings CheckCodecs();

}  // namespace hepar
