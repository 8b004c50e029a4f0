// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/bundle/bundle.h"

namespace hepar {

// Saves a bundle (SaveBundle), but under the name `path` only once Engine::Open has opened it: what
// stands there can be used. Throws Error, with whatever stood there untouched: kFailed where the
// weights are not finite numbers, and what SaveBundle and Engine::Open throw.
ModelSpec SaveCheckedBundle(const std::string& path, const ModelSpec& spec, SeverityNet net);

}  // namespace hepar
