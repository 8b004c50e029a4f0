// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/described.h"

#include <cstdint>

#include "training/data/augmentation.h"

namespace hepar {

DescribedPictures Described(const PreparedDataset& data, const std::vector<int>& indices) {
  DescribedPictures pictures;
  for (const int index : indices) {
    const cv::Mat& picture = data.image(index).pixels;
    pictures.descriptors.push_back(DescribePicture(picture));
    for (int variant = 1; variant <= kVariants; ++variant) {
      const auto seed = static_cast<std::uint64_t>(index) * kVariants + variant;
      pictures.descriptors.push_back(
          DescribePicture(Augment(picture, AugmentationOptions(), seed)));
    }
    pictures.patients.resize(pictures.descriptors.size(), data.dataset().samples[index].patient);
  }
  return pictures;
}

}  // namespace hepar
