// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace hepar {

// Where in a picture an answer came from: gradient times picture (Shrikumar et al., "Not just a
// black box", arXiv:1605.01713), averaged over a neighborhood. To first order, the value of a pixel
// is how much the log odds of the answer would fall if that part of the picture were black.
// Positive: it speaks for the answer; negative: against it. Black parts are 0: a pixel that is
// black has no share, whatever its blackness tells the network.
//
// The gradient of a single pixel is noise, which SmoothGrad (Smilkov et al., arXiv:1706.03825)
// removes by the mean over many noisy copies. Speckle is noise already, so the mean over a
// neighborhood of one gradient serves here: a map costs one backward pass.
struct SaliencyMap {
  int answer = 0;             // The class that it explains: the largest logit.
  int size = 0;               // Of the network's input.
  std::vector<float> values;  // size x size, row by row; log odds for each pixel.
};

// The gradient of the log odds of the answer, log(p / (1 - p)) with p the softmax of `logits` for
// the largest of them, by the logits. It takes two or more.
std::vector<float> LogOddsGradient(const std::vector<float>& logits);

// `picture`: CV_32F of one or more channels, square. `gradient`: by the picture, channels x size x
// size. The neighborhood is a Gaussian of standard deviation size / 32, cut off at three of them,
// over the picture continued by black.
SaliencyMap MakeSaliencyMap(int answer, const cv::Mat& picture, const std::vector<float>& gradient);

// For display: 0 where the map is not positive, 255 from the value on that 1 % of the pixels
// exceed, so that one strong spot does not hide all others. Only the parts that speak for the
// answer are shown.
std::vector<std::uint8_t> HeatOf(const SaliencyMap& map);

}  // namespace hepar
