// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/output.h"

#include <iostream>

#include "training/report/report.h"

namespace hepar {

void Output::AddTo(OptionTable* table, const std::string& help) {
  table->Output("json", &json_, "FILE", help + "; - for standard output");
}

std::ostream& Output::text() const { return JsonToStdout() ? std::cerr : std::cout; }

void Output::Write(const nlohmann::ordered_json& value) const {
  if (!json_.empty()) WriteJson(json_, value);
}

bool ReadOptions(OptionTable* table, const std::vector<std::string>& arguments) {
  if (!table->Parse(arguments)) {
    std::cout << table->Reply();
    return false;
  }
  table->CheckRequired();
  return true;
}

}  // namespace hepar
