// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/described.h"

#include <cmath>
#include <cstdint>

#include "training/data/augmentation.h"

namespace hepar {
namespace {

// A little wider than training's own: a grade must survive its changes, a liver view these.
AugmentationOptions Changes() {
  AugmentationOptions changes;
  changes.flip_probability = 0.5;
  changes.zoom = 0.12;
  changes.blur_pixels = 0.8;
  return changes;
}

// Gray levels a v + b inside the sector, cut at black and white.
struct Range {
  double contrast = 1.0, offset = 0.0;
};

// Changes to the gray levels of a copy: a video with a misread range (full for
// 16..235, or the other way round), or any contrast and offset.
Range RangeOf(int variant, cv::RNG* rng) {
  constexpr double kContrast = 0.25;  // In exp(+-).
  constexpr double kOffset = 0.08;    // +-.
  if (variant == 1) return {255.0 / 219.0, -16.0 / 219.0};
  if (variant == 2) return {219.0 / 255.0, 16.0 / 255.0};
  return {std::exp(rng->uniform(-kContrast, kContrast)), rng->uniform(-kOffset, kOffset)};
}

void ChangeRange(const Range& range, cv::Mat* picture) {
  cv::Mat levels = picture->reshape(1);
  const cv::Mat inside = levels > 0.0;
  const cv::Mat changed = cv::min(cv::max(levels * range.contrast + range.offset, 0.0), 1.0);
  changed.copyTo(levels, inside);
}

}  // namespace

DescribedPictures Described(const PreparedDataset& data, const std::vector<int>& indices) {
  const AugmentationOptions changes = Changes();
  DescribedPictures pictures;
  for (const int index : indices) {
    const cv::Mat& picture = data.image(index).pixels;
    pictures.descriptors.push_back(DescribePicture(picture));
    for (int variant = 1; variant <= kVariants; ++variant) {
      const auto seed = static_cast<std::uint64_t>(index) * kVariants + variant;
      cv::Mat changed = Augment(picture, changes, seed);
      cv::RNG rng(seed);
      ChangeRange(RangeOf(variant, &rng), &changed);
      pictures.descriptors.push_back(DescribePicture(changed));
    }
    pictures.patients.resize(pictures.descriptors.size(), data.dataset().samples[index].patient);
  }
  return pictures;
}

DescribedPictures DescribedAsTheyAre(const PreparedDataset& data) {
  DescribedPictures pictures;
  for (int i = 0; i < data.size(); ++i) {
    pictures.descriptors.push_back(DescribePicture(data.image(i).pixels));
    pictures.patients.push_back(data.dataset().samples[i].patient);
  }
  return pictures;
}

}  // namespace hepar
