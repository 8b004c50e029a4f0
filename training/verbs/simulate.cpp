// SPDX-License-Identifier: LGPL-2.1-or-later
#include <nlohmann/json.hpp>
#include <ostream>

#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/data/simulate.h"
#include "training/verbs/verbs.h"

namespace hepar {

int RunSimulate(const std::vector<std::string>& arguments) {
  SimulateOptions options;
  std::string out;
  Output output;
  OptionTable table("simulate", "--out FOLDER [OPTION...]",
                    "Writes labeled scans of the simulated scanner, with a manifest that 'hepar "
                    "train' and 'hepar evaluate' read. For demonstrations and tests: results on "
                    "them say nothing about patients.");
  table.Heading("Options");
  table.Path("out", &out, "FOLDER", "The folder to write to; must be new or empty");
  table.Required("the folder to write to");
  table.Integer("patients-per-grade", &options.patients_per_grade, 1, 10000,
                "Simulated patients of each grade");
  table.Integer("frames", &options.frames_per_patient, 1, 10000,
                "Frames of each patient, evenly spaced over one breath");
  AddSeedOption(&table, &options.seed, "anatomy, scanner settings and speckle");
  table.Integer("width", &options.width, 64, 4096, "Width of the frames, pixels");
  table.Integer("height", &options.height, 64, 4096, "Height of the frames, pixels");
  output.AddTo(&table, "Write the name of the manifest and the number of frames as JSON");
  if (!ReadOptions(&table, arguments)) return kExitOk;

  const int frames = 4 * options.patients_per_grade * options.frames_per_patient;
  Progress progress("simulating", frames, "frames");
  const std::string manifest =
      Simulate(out, options, [&progress](int done, int /*total*/) { progress.Update(done); });
  progress.Clear();
  output.text() << "wrote " << manifest << "\n";
  output.Write({{"manifest", manifest}, {"frames", frames}});
  return kExitOk;
}

}  // namespace hepar
