// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hepar {

struct SimulateOptions {
  int patients_per_grade = 10;  // 1..10000.
  int frames_per_patient = 6;   // 1..10000, evenly over one breath.
  std::uint64_t seed = 1;
  int width = 640;  // Of the frames, pixels, 64..4096.
  int height = 480;
  // Random scanners and examinations (models/simulator/scanner.h). 0: the simulator's own scanner
  // and the standard view, for all patients; n: n scanners, in turn; kScannerForEach: one for each
  // patient.
  int scanners = 0;  // kScannerForEach..10000.
  static constexpr int kScannerForEach = -1;
  std::uint64_t scanner_seed = 1;
  double scanner_breadth = 1.0;  // 0.1..2; how far scanners differ.
  int threads = 0;               // 0..256; 0: one for each processor. They change the time alone.
};

// Called after each frame, by one thread at a time.
using SimulateProgress = std::function<void(int done, int total)>;

// Writes a labeled data set of simulated scans (models/simulator): PNG frames as
// <folder>/<grade>/<patient>/<patient>_f<frame>.png and <folder>/manifest.csv with the columns
// path, label, patient_id, frame, seed, fat_pct and scanner, so that LoadDataset reads the manifest
// and the folder alike. Gain, depth of view, breathing and anatomy are drawn for each patient from
// the same distribution whatever its grade. With random scanners fat is drawn evenly within the
// grade, so that neighboring grades meet, and depth of view from a wider range. The same options
// give the same files, and more patients leave the first ones as they are. The manifest is written
// last: where it is, the set is whole. Returns the path of the manifest. Throws Error: kInvalid for
// options out of range, kUnreadable when `folder` holds something already or cannot be written.
std::string Simulate(const std::string& folder, const SimulateOptions& options,
                     const SimulateProgress& progress = {});

}  // namespace hepar
