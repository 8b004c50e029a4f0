// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <bitset>
#include <cstdint>
#include <random>

namespace hepar {

// The standard library's distributions differ between implementations; its engines do not. Draw
// once in an expression: compilers may also evaluate operands in different orders.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream)
      : engine_(seed ^ (stream * 0x9E3779B97F4A7C15u)) {}

  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // The sum of 64 fair coins, smoothed: normal for all purposes here, within 8 sigma.
  double Normal() {
    const auto heads = static_cast<double>(std::bitset<64>(engine_()).count());
    return (heads - 32.0 + Uniform(-0.5, 0.5)) / 4.0104;
  }
  bool Chance(double probability) { return Uniform() < probability; }

 private:
  std::mt19937_64 engine_;
};

// One use of randomness each, so that drawing more of one thing leaves the others as they were.
enum RandomStream : std::uint64_t {
  kPatientStream = 1,
  kVesselStream,
  kFieldStream,
  kNoiseStream,
  kScannerStream,
  kExaminationStream,
};

}  // namespace hepar
