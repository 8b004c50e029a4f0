// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "models/simulator/grid.h"

namespace hepar {

// The widest, that of the beams at the probe's face, reaches 8 lines to either side.
inline constexpr int kMaxKernelRadius = 12;

// A Gaussian of `sigma` samples, cut off at 2.5 sigma or kMaxKernelRadius.
std::vector<float> GaussianKernel(double sigma);

// Scales `kernel` so that it keeps the power of scatterers sampled `step_cm` apart, which are more
// alike the closer they are.
void KeepPower(double step_cm, std::vector<float>* kernel);

// out += factor * in, of a row of kRowFloats numbers.
void AddScaled(const float* in, float factor, float* __restrict out);

}  // namespace hepar
