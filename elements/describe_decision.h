// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/gstheparseveritymeta.h"
#include "models/bundle/model_spec.h"
#include "models/decision/severity_smoother.h"

namespace hepar {

// A decision about a frame of the model `spec`, as the meta says it. The fields that belong to one
// frame (raw probabilities, freshness, age, inference time) are left for the caller.
GstHeparSeverity DescribeDecision(const SeveritySmoother::Decision& decision,
                                  const ModelSpec& spec);

}  // namespace hepar
