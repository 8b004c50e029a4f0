// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace hepar {

// Pictures that the decouplers make of a frame, for people to look at.
enum class FeatureView { kSpecific, kCommon, kReconstruction };

// An 8-bit gray picture of the network's input size.
struct GrayPicture {
  int size = 0;
  std::vector<std::uint8_t> pixels;  // size x size, row by row.
};

}  // namespace hepar
