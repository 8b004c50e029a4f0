// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hepar {

// The results that EvidenceToJson() and its companions add to EvaluationTable(), as text tables:
// intervals, operating points, calibration, and corruptions and comparison where they are there.
std::string EvidenceText(const nlohmann::ordered_json& figures);

}  // namespace hepar
