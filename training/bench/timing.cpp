// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/bench/timing.h"

#include <time.h>

#include <algorithm>
#include <chrono>

namespace hepar {

double WallClock() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double ProcessorClock() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double Milliseconds(ReadClock read, const std::function<void()>& run) {
  const double start = read();
  run();
  return read() - start;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void RunInTurns(std::vector<Contender>* contenders, int repeat, ReadClock clock) {
  constexpr int kWarmUp = 3;
  for (int i = -kWarmUp; i < repeat; ++i) {
    for (Contender& contender : *contenders) {
      const double ms = Milliseconds(clock, contender.run);
      if (i >= 0) contender.ms.push_back(ms);
    }
  }
}

}  // namespace hepar
