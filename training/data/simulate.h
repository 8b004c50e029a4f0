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
};

// Called after each frame.
using SimulateProgress = std::function<void(int done, int total)>;

// Writes a labeled data set of simulated scans (models/simulator): PNG frames as
// <folder>/<grade>/<patient>/<patient>_f<frame>.png and <folder>/manifest.csv with the columns
// path, label, patient_id, frame and seed, so that LoadDataset reads the manifest and the folder
// alike. Gain, depth of view, breathing and anatomy are drawn for each patient from the same
// distribution whatever its grade. The same options give the same files, and more patients leave
// the first ones as they are. The manifest is written last: where it exists, the set is complete.
// Returns the path of the manifest. Throws Error: kInvalid for options out of range, kUnreadable
// when `folder` holds something already or cannot be written.
std::string Simulate(const std::string& folder, const SimulateOptions& options,
                     const SimulateProgress& progress = {});

}  // namespace hepar
