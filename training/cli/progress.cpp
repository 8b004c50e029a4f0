// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "training/report/table.h"

namespace hepar {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBarWidth = 24;
constexpr auto kRedrawEvery = std::chrono::milliseconds(150);
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

std::string DurationText(double seconds) {
  const int s = static_cast<int>(seconds + 0.5);
  char text[32];
  if (s >= 3600) {
    std::snprintf(text, sizeof text, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  } else {
    std::snprintf(text, sizeof text, "%d:%02d", s / 60, s % 60);
  }
  return text;
}

Progress::Progress(std::string label, int total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()) {}

void Progress::Clear() const {
  if (terminal_) std::fputs(kClearLine, stderr);
}

void Progress::Update(int done, const std::string& note) {
  if (!terminal_) return;
  const auto now = Clock::now();
  if (first_ < 0) {
    // Work that was done before the first call does not count for the rate of this run.
    first_ = std::max(0, done - 1);
  } else if (done < total_ && now - drawn_ < kRedrawEvery) {
    return;
  }
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0.0 ? (done - first_) / seconds : 0.0;
  const int filled = total_ > 0 ? kBarWidth * done / total_ : kBarWidth;
  std::string line = label_ + " [" + std::string(filled, '#') +
                     std::string(kBarWidth - filled, '.') + "] " + std::to_string(done) + "/" +
                     std::to_string(total_) + "  " + Fixed(rate, 2) + " " + unit_ + "/s";
  if (rate > 0.0) line += "  " + DurationText((total_ - done) / rate) + " left";
  if (!note.empty()) line += "  " + note;
  std::fputs((kClearLine + line).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace hepar
