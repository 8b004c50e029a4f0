// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/cli/options.h"

namespace hepar {

// Where a verb writes its results: text for people, and JSON where --json asks for it.
class Output {
 public:
  // Adds --json. This must outlive the table.
  void AddTo(OptionTable* table, const std::string& help);

  // Standard output, or standard error while the JSON takes standard output.
  std::ostream& text() const;
  // Whether the JSON goes to standard output.
  bool JsonToStdout() const { return json_ == "-"; }

  // Does nothing without --json. Errors as WriteJson().
  void Write(const nlohmann::ordered_json& value) const;

 private:
  std::string json_;
};

// Reads the options of a verb. False when --help or --version was asked for, which this answers.
// Throws as OptionTable::Parse() and CheckRequired().
bool ReadOptions(OptionTable* table, const std::vector<std::string>& arguments);

}  // namespace hepar
