// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>
#include <vector>

#include "models/image/sector_rule.h"
#include "tests/fuzz/fuzz_target.h"
#include "training/cli/options.h"

// Options on the command line, one a line, and in an INI file.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hepar::InputFile file(data, size, ".ini");
  std::vector<std::string> arguments;
  std::string line;
  for (const char byte : hepar::TextOf(data, size)) {
    if (byte == '\0') continue;
    if (byte == '\n') {
      arguments.push_back(line);
      line.clear();
    } else {
      line += byte;
    }
  }
  for (const auto& given : {arguments, std::vector<std::string>{"--config", file.path()}}) {
    int whole = 1;
    double number = 0.5;
    bool on = false, flag = false;
    std::string text, path, choice = "one", preset = "none";
    std::vector<std::string> list;
    std::vector<int> integers;
    std::vector<double> numbers;
    hepar::SectorRule sector;
    hepar::OptionTable table("train", "[OPTION...]", "Fuzzed.");
    table.Integer("integer", &whole, -5, 1000, "A whole number");
    table.Number("number", &number, 0, 1, "A number");
    table.Text("text", &text, "TEXT", "A text");
    table.Path("path", &path, "PATH", "A path");
    table.Choice("choice", &choice, {"one", "two"}, "A choice");
    table.Presets("preset", &preset, {{"none", {}}, {"some", {{"integer", "7"}}}}, "A preset");
    table.OnOff("on", &on, "On or off");
    table.Switch("flag", &flag, "A switch");
    table.List("list", &list, "A,B", "A list");
    table.Integers("integers", &integers, "1,2", 0, 9, "N,N", "Whole numbers");
    table.Numbers("numbers", &numbers, "0.5", 0, 1, "X,X", "Numbers");
    table.Parsed("sector", &sector, "RULE", "A rule");
    table.Positional(&list, 3);
    hepar::MayRefuse([&] {
      if (table.Parse(given)) table.ToJson();
    });
    if (whole < -5 || whole > 1000 || !(number >= 0 && number <= 1)) std::abort();
  }
  return 0;
}
