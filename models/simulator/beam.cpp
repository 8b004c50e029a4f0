// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/beam.h"

#include <algorithm>
#include <cmath>

namespace hepar {

std::vector<float> GaussianKernel(double sigma) {
  const int radius = std::clamp(static_cast<int>(std::ceil(2.5 * sigma)), 1, kMaxKernelRadius);
  std::vector<float> kernel;
  for (int i = -radius; i <= radius; ++i) {
    kernel.push_back(static_cast<float>(std::exp(-0.5 * (i / sigma) * (i / sigma))));
  }
  return kernel;
}

void KeepPower(double step_cm, std::vector<float>* kernel) {
  const double step = step_cm / (kScatterSigma * kPitchCm);
  double power = 0.0;
  const int taps = static_cast<int>(kernel->size());
  for (int a = 0; a < taps; ++a) {
    for (int b = 0; b < taps; ++b) {
      const double lag = step * (a - b);
      power += static_cast<double>((*kernel)[a]) * (*kernel)[b] * std::exp(-0.25 * lag * lag);
    }
  }
  for (float& tap : *kernel) tap = static_cast<float>(tap / std::sqrt(power));
}

// Fixed length and no overlap, so that compilers use vector instructions.
void AddScaled(const float* in, float factor, float* __restrict out) {
  for (int i = 0; i < kRowFloats; ++i) out[i] += factor * in[i];
}

}  // namespace hepar
