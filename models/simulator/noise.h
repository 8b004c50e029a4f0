// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

#include "models/simulator/random.h"

namespace hepar {

// Smooth random field of unit spread: `cells` across the width of the organ grid.
cv::Mat SmoothField(Random* random, int cells);

// Complex white noise, smoothed, with E|z|^2 = 1.
cv::Mat ComplexNoise(Random* random, cv::Size size, double sigma_x, double sigma_y);

}  // namespace hepar
