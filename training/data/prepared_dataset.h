// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/image/preprocess.h"
#include "training/data/dataset.h"
#include "training/data/picture_cache.h"

namespace hepar {

// Every sample read and prepared (models/image/preprocess.h) once, and kept in memory.
class PreparedDataset {
 public:
  // Reads with up to `threads` threads; their number changes nothing but the time. Pictures that
  // `cache` knows are shared with it and the others are added; without a cache none is shared.
  // Throws what PrepareFile does, for the first bad file.
  PreparedDataset(const Dataset& dataset, const PreprocessOptions& options, int threads = 1,
                  PictureCache* cache = nullptr);

  // Its summary also has the warnings of decoding.
  const Dataset& dataset() const { return dataset_; }
  const PreparedImage& image(int index) const { return images_[index]; }
  int size() const { return static_cast<int>(images_.size()); }

 private:
  Dataset dataset_;
  std::vector<PreparedImage> images_;
};

// Reads one picture, or a frame of a recording, as a live source would deliver it: GRAY8 or
// GRAY16_LE for gray, 8-bit BGR for color (training/data/picture_source.h). Resets `preprocessor`
// first: a picture follows nothing. Throws Error, naming the file: kNotFound, kUnreadable,
// kDamaged, and what Preprocessor::Process throws (a picture too small or large, a fixed sector
// outside it).
PreparedImage PrepareFile(const std::string& path, Preprocessor& preprocessor, int frame = 0);

// The same of a picture as ReadFrames() hands it out; `path` and `frame` stand in messages.
PreparedImage PreparePicture(const cv::Mat& picture, const std::string& path, int frame,
                             Preprocessor& preprocessor);

}  // namespace hepar
