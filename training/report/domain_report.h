// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "training/evaluation/domain_check.h"

namespace hepar {

// The results for the out-of-domain score in `hepar evaluate`, under the key "domain": "liver", and
// where there are frames of other views "other" (with "by_clip"), "auc", and the same at the limit
// that flags `rate` of the liver frames, "at_false_flags". docs/evaluation.md lists the keys.
nlohmann::ordered_json DomainToJson(const DomainScores& liver, const DomainScores& other,
                                    double rate, const BootstrapOptions& bootstrap);

// The same as tables for a terminal.
std::string DomainText(const nlohmann::ordered_json& domain);

}  // namespace hepar
