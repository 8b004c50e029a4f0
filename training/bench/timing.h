// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace hepar {

// Reads the time in milliseconds, from an arbitrary start.
using ReadClock = double (*)();
double WallClock();
double ProcessorClock();  // Of the calling thread alone.

double Milliseconds(ReadClock read, const std::function<void()>& run);

// The upper median; `values` must not be empty.
double Median(std::vector<double> values);

// One thing to measure: its passes alternate with those of the others.
struct Contender {
  std::string key;
  std::function<void()> run;
  std::vector<double> ms;
};

// Runs each contender `repeat` times, in turns, after some passes that do not count.
void RunInTurns(std::vector<Contender>* contenders, int repeat, ReadClock clock);

}  // namespace hepar
