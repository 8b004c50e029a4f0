// SPDX-License-Identifier: LGPL-2.1-or-later
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>
#include <system_error>

#include "models/error.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/data/simulate.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

int ParseScanners(const std::string& text) {
  if (text == "own") return 0;
  if (text == "random") return SimulateOptions::kScannerForEach;
  int count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, count);
  if (code != std::errc() || rest != end || count < 1) {
    throw Error(ErrorKind::kInvalid,
                "--scanners is '" + text + "', expected own, random or a number from 1 on");
  }
  return count;
}

}  // namespace

int RunSimulate(const std::vector<std::string>& arguments) {
  SimulateOptions options;
  std::string out, scanners = "own";
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
  table.Text("scanners", &scanners, "N",
             "'own': the simulator's own scanner; 'random': another for each patient, drawn at "
             "random: probe, frequency, time gain, dynamic range, grain, haze, filters, view, body "
             "wall and the liver's fat within its grade; a number: as many random ones, in turn");
  table.Integer("scanner-seed", &options.scanner_seed, 0, 2147483647,
                "Seed of the random scanners");
  table.Number("scanner-breadth", &options.scanner_breadth, 0.1, 2.0,
               "How much random scanners differ; above 1 for scanners unlike those of training");
  table.Integer("width", &options.width, 64, 4096, "Width of the frames, pixels");
  table.Integer("height", &options.height, 64, 4096, "Height of the frames, pixels");
  table.Integer("threads", &options.threads, 0, 256,
                "Threads that render; 0: one for each processor. The files are the same");
  output.AddTo(&table, "Write the name of the manifest and the number of frames as JSON");
  if (!ReadOptions(&table, arguments)) return kExitOk;
  options.scanners = ParseScanners(scanners);

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
