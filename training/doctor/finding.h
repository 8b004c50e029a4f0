// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

enum class Health {
  kGood,
  kLimited,  // Something that some users need is missing.
  kBroken,   // gst-hepar does not work until this is mended.
};

// One thing that `hepar doctor` has looked at.
struct Finding {
  std::string subject;  // "plugin", "codecs", ...
  Health health = Health::kGood;
  std::string text;    // What was found, in a line.
  std::string remedy;  // What to do; empty where there is nothing to do.
};

using Findings = std::vector<Finding>;

}  // namespace hepar
