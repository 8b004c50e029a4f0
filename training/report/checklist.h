// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hepar {

// A question that reporting guidelines put to a study.
struct ChecklistItem {
  std::string section, question;
  std::string
      guidelines;  // The guidelines that ask it: CLAIM (2024), STARD-AI (2025), TRIPOD+AI (2024).
  std::string answer;  // "" where only the authors know.
};

// The questions, in our words, answered where the figures of an evaluation (evidence.h, and what
// `hepar evaluate` adds) tell the answer. No substitute for the guidelines' own forms.
std::vector<ChecklistItem> Checklist(const nlohmann::ordered_json& figures);

}  // namespace hepar
