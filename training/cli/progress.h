// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <string>

namespace hepar {

// Progress of a piece of work, on standard error. On a terminal: a bar with rate and time left,
// redrawn in place a few times a second. Elsewhere it prints nothing, so that logs hold plain lines
// only.
class Progress {
 public:
  // `unit` names what is counted: "steps".
  Progress(std::string label, int total, std::string unit);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total; `note` is shown after the bar.
  void Update(int done, const std::string& note = "");
  // Removes the bar until the next Update(), so that a line can be printed in its place.
  void Clear() const;

 private:
  std::string label_, unit_;
  int total_;
  int first_ = -1;  // Work done when the clock started.
  bool terminal_;
  std::chrono::steady_clock::time_point start_, drawn_;
};

// "3:05" for 185 s, "1:02:03" above an hour.
std::string DurationText(double seconds);

}  // namespace hepar
