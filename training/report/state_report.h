// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/decision/frame_state.h"
#include "training/data/truth_kind.h"
#include "training/evaluation/metrics.h"

namespace hepar {

// What came of the frames, as the elements would say it, each for itself:
//  "withhold_unfamiliar";
//  "graded", "uncertain", "unfamiliar", "not_liver", "liver" (all but the last) and "all":
//  "frames",
//    "share", "mean_confidence" and, by what the truth tells, "accuracy" (of the grade, or of
//    fatty or not);
//  with truth, "sure_normal": of "fatty" frames that are given a grade how many are called normal
//    with a probability "above" 0.9: "called", "share".
// `states` is empty for a model that cannot tell views: then all frames are "graded". Throws
// Error(kInvalid) for parts of unlike length.
nlohmann::ordered_json StatesToJson(const Predictions& frames,
                                    const std::vector<FrameState>& states, TruthKind truth,
                                    bool withhold_unfamiliar);

// A table for a terminal.
std::string StatesText(const nlohmann::ordered_json& states);

}  // namespace hepar
