// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/backend.h"

#include <string>

#include "models/error.h"

namespace hepar {

void CheckPictureSize(const cv::Mat& picture, int side) {
  if (picture.rows == side && picture.cols == side) return;
  throw Error(ErrorKind::kMismatch, "the picture has " + std::to_string(picture.cols) + "x" +
                                        std::to_string(picture.rows) +
                                        " pixels, the model's input " + std::to_string(side) + "x" +
                                        std::to_string(side));
}

std::vector<std::vector<float>> Backend::DecoupleAndClassify(
    const std::vector<BackendFrame*>& frames) const {
  std::vector<std::vector<float>> logits;
  for (BackendFrame* frame : frames) {
    frame->Decouple();
    logits.push_back(frame->Classify());
  }
  return logits;
}

}  // namespace hepar
