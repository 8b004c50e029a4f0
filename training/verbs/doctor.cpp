// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/doctor/checks.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

OptionTable MakeTable(Output* output) {
  OptionTable table(
      "doctor", "[OPTION...]",
      "Checks the installation: whether GStreamer finds and loads the plugin, codecs, "
      "LibTorch, devices, models, threads and cameras. Says what to do about what is "
      "missing. The exit code is 1 if something is broken. It changes nothing.");
  table.Heading("Options");
  output->AddTo(&table, "Write what was found as JSON");
  return table;
}

const char* Word(Health health) {
  switch (health) {
    case Health::kGood:
      return "good";
    case Health::kLimited:
      return "limited";
    case Health::kBroken:
      break;
  }
  return "broken";
}

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

}  // namespace

int RunDoctor(const std::vector<std::string>& arguments) {
  Output output;
  OptionTable table = MakeTable(&output);
  if (!ReadOptions(&table, arguments)) return kExitOk;

  const Findings findings = CheckInstallation();
  ordered_json list = ordered_json::array();
  Health worst = Health::kGood;
  for (const Finding& finding : findings) {
    worst = std::max(worst, finding.health);
    output.text() << Padded(Word(finding.health), 9) << Padded(finding.subject, 10) << finding.text
                  << "\n";
    if (!finding.remedy.empty()) {
      output.text() << Padded("", 9) << Padded("", 10) << "-> " << finding.remedy << "\n";
    }
    list.push_back({{"subject", finding.subject},
                    {"health", Word(finding.health)},
                    {"found", finding.text},
                    {"remedy", finding.remedy}});
  }
  output.Write({{"health", Word(worst)}, {"findings", list}});
  return worst == Health::kBroken ? kExitFailure : kExitOk;
}

}  // namespace hepar
