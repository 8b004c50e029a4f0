// SPDX-License-Identifier: LGPL-2.1-or-later
#include <c10/util/Exception.h>
#include <malloc.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "models/log.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/version.h"
#include "training/verbs/verbs.h"

namespace {

using hepar::ExitCode;

struct Verb {
  const char* name;
  const char* summary;
  int (*run)(const std::vector<std::string>& arguments);
};

constexpr Verb kVerbs[] = {
    {"train", "train a model on labeled scans", hepar::RunTrain},
    {"evaluate", "measure a model on labeled scans", hepar::RunEvaluate},
    {"grade", "grade scans without labels", hepar::RunGrade},
    {"attack", "measure the robustness of a model to attacks", hepar::RunAttackVerb},
    {"ablate", "train and compare classifiers and variants, as the paper's tables do",
     hepar::RunAblate},
    {"probe", "measure how well the decouplers separate features", hepar::RunProbe},
    {"export", "write a model for other runtimes, as ONNX or TorchScript", hepar::RunExport},
    {"import", "check and convert weights of torchvision and timm", hepar::RunImport},
    {"bench", "measure the cost of a frame", hepar::RunBench},
    {"inspect", "show the contents of a model bundle", hepar::RunInspect},
    {"simulate", "write labeled scans of the simulated scanner", hepar::RunSimulate},
    {"trust", "refit when a model reports that it does not know", hepar::RunTrust},
    {"average", "average the weights of models", hepar::RunAverage},
    {"adapt", "fit a model to a scanner with ungraded scans", hepar::RunAdapt},
    {"sign", "sign a model, or make the keys for it", hepar::RunSign},
    {"verify", "check who signed a model", hepar::RunVerify},
    {"doctor", "check the installation and say what to do", hepar::RunDoctor},
};

// LibTorch allocates megabytes for each intermediate result. By default glibc maps and unmaps each
// of these, and the page faults cost more than the arithmetic; kept in the heap they are reused.
// A plugin must not do this to its host, but this process is ours.
void KeepLargeBlocksInHeap() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

std::string Help() {
  std::string text =
      "Usage: hepar [--verbose] VERB [OPTION...]\n\nTrains and measures models that grade fatty "
      "liver on "
      "ultrasound. For research use only.\n\nVerbs:\n";
  for (const Verb& verb : kVerbs) {
    const std::string name = verb.name;
    text += "  " + name + std::string(12 - name.size(), ' ') + verb.summary + "\n";
  }
  return text +
         "\n'hepar VERB --help' lists the options of a verb. --verbose prints on stderr on which\n"
         "device and backend a model runs, and why.\n\n" +
         hepar::kExitCodesHelp;
}

// The verbs as JSON, for programs that make manual pages and shell completion; `hepar VERB
// --describe` gives the options of each.
std::string Describe() {
  auto verbs = nlohmann::ordered_json::array();
  for (const Verb& verb : kVerbs) {
    verbs.push_back({{"name", verb.name}, {"summary", verb.summary}});
  }
  return nlohmann::ordered_json{{"verbs", verbs}, {"exit_codes", hepar::kExitCodesHelp}}.dump(2) +
         "\n";
}

int Complain(const std::string& what, const std::string& message, ExitCode code) {
  std::cerr << what << ": " << message << std::endl;
  return code;
}

// Results that did not arrive (a full disk, a reader that is gone) are a failure.
int Finish(const std::string& what, int code) {
  std::cout.flush();
  if (std::cout || code != hepar::kExitOk) return code;
  return Complain(what, "standard output cannot be written; is the disk full?",
                  hepar::kExitFailure);
}

int Dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    (arguments.empty() ? std::cerr : std::cout) << Help();
    return arguments.empty() ? hepar::kExitUsage : hepar::kExitOk;
  }
  if (arguments[0] == "--version") {
    std::cout << hepar::VersionText();
    return hepar::kExitOk;
  }
  if (arguments[0] == "--describe") {
    std::cout << Describe();
    return hepar::kExitOk;
  }
  for (const Verb& verb : kVerbs) {
    if (arguments[0] == verb.name) return verb.run({arguments.begin() + 1, arguments.end()});
  }
  const std::string nearest = hepar::NearestName(arguments[0], hepar::VerbNames());
  throw hepar::Error(hepar::ErrorKind::kInvalid,
                     "unknown verb '" + arguments[0] + "'" +
                         (nearest.empty() ? "" : "; did you mean " + nearest + "?") +
                         " ('hepar --help' lists all)");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "--verbose") {
    hepar::LogToStderr(hepar::LogLevel::kInfo);
    arguments.erase(arguments.begin());
  }
  // `bench` measures what others meet: the allocator as it is.
  if (arguments.empty() || arguments[0] != "bench") KeepLargeBlocksInHeap();
  const bool known = !arguments.empty() &&
                     std::any_of(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const Verb& verb) { return arguments[0] == verb.name; });
  const std::string what = known ? "hepar " + arguments[0] : "hepar";
  try {
    return Finish(what, Dispatch(arguments));
  } catch (const hepar::Error& error) {
    return Complain(what, error.what(), hepar::ExitCodeOf(error));
  } catch (const c10::Error& error) {
    return Complain(what, error.what_without_backtrace(), hepar::kExitFailure);
  } catch (const std::exception& error) {
    return Complain(what, error.what(), hepar::kExitFailure);
  }
}
