// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>

#include "models/error.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/progress.h"
#include "training/data/simulate.h"
#include "training/verbs/verbs.h"

namespace hepar {

int RunSimulate(const std::vector<std::string>& arguments) {
  SimulateOptions options;
  std::string out;
  int seed = static_cast<int>(options.seed);
  OptionTable table("simulate", "--out FOLDER [OPTION...]",
                    "Writes labelled scans of the simulated scanner, with a manifest that 'hepar "
                    "train' and 'hepar evaluate' read. For demonstrations and tests: what is "
                    "learned from them says nothing of patients.");
  table.Heading("Options");
  table.Path("out", &out, "FOLDER", "Where to write; must be new or empty. Required");
  table.Integer("patients-per-grade", &options.patients_per_grade, 1, 10000,
                "Simulated patients of each grade");
  table.Integer("frames", &options.frames_per_patient, 1, 10000,
                "Frames of each, evenly over one breath");
  table.Integer("seed", &seed, 0, 2147483647, "Of anatomy, scanner settings and speckle");
  table.Integer("width", &options.width, 64, 4096, "Of the frames, pixels");
  table.Integer("height", &options.height, 64, 4096, "Of the frames, pixels");
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  if (out.empty()) throw Error(ErrorKind::kInvalid, "--out is missing: the folder to write to");
  options.seed = static_cast<std::uint64_t>(seed);

  Progress progress("simulating", 4 * options.patients_per_grade * options.frames_per_patient,
                    "frames");
  const std::string manifest =
      Simulate(out, options, [&progress](int done, int /*total*/) { progress.Update(done); });
  progress.Clear();
  std::cout << "wrote " << manifest << "\n";
  return kExitOk;
}

}  // namespace hepar
