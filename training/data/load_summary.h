// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// What became of the files of a data set: which were taken, which were not and why, and what is
// wrong with those that were.
struct LoadSummary {
  int files = 0, pictures = 0, patients = 0;  // Taken.

  struct Skipped {
    std::string reason;
    int count = 0;
    std::vector<std::string> examples;  // The first few by name.
  };
  std::vector<Skipped> skipped;  // By reason, in the order in which they were met.

  std::vector<std::string> warnings;  // Each once.

  void Skip(const std::string& reason, const std::string& name);
  void Warn(const std::string& line);
};

// "3 files skipped: 2 no picture by name (notes.txt, list.csv), 1 link to nothing (x.png)"; ""
// where none was.
std::string SkippedText(const LoadSummary& summary);

}  // namespace hepar
