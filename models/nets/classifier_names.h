// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// Throws Error(kInvalid), listing the classifiers there are, unless `name` is one of them. Apart
// from classifier.h, so that reading a bundle's description needs no LibTorch header.
void CheckClassifierName(const std::string& name);

}  // namespace hepar
