// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <opencv2/core.hpp>
#include <string>

#include "models/dicom/dicom_parser.h"
#include "models/warn.h"

namespace hepar {

// The pictures of one DICOM file as a viewer shows them, in any order:
//  - MONOCHROME2 and MONOCHROME1 (inverted): CV_8UC1 when 8 bits are stored and nothing is to be
//    scaled, else CV_16UC1 after the modality's look-up table or rescale slope and intercept, and
//    the first VOI look-up table or window (PS3.3, C.11.1 and C.11.2), or the whole range of the
//    bits stored where there is none;
//  - PALETTE COLOR, RGB, YBR_FULL, _FULL_422, _PARTIAL_422, _ICT and _RCT: CV_8UC3 in the order B,
//    G, R.
// Transfer syntaxes: uncompressed, deflated, RLE, JPEG (baseline to lossless), JPEG-LS and JPEG
// 2000. Of MPEG-2, MPEG-4 and HEVC content().video is the stream, for a video decoder. Threads may
// call the functions of one object at the same time, if they may call `warn`.
class DicomPictures {
 public:
  // Checks the file as a whole (models/dicom/dicom_parser.h) and decodes nothing. `name` stands for
  // the file in messages; what is odd but harmless goes to `warn`. Throws Error(kDamaged), also for
  // a sound file that holds no picture, such as a DICOMDIR or a report.
  DicomPictures(std::string bytes, std::string name, Warn warn = {});

  const DicomContent& content() const { return content_; }

  // CV_8UC1, CV_16UC1 or CV_8UC3: that of all pictures, or CV_16UC1 where some of them are CV_8UC1
  // because each has a scale of its own.
  int type() const;

  // Decodes one frame, counted from 0. Throws Error(kDamaged): no such frame, damaged pixels, a
  // lossy JPEG of which a part is missing, a video.
  cv::Mat Picture(int frame) const;

 private:
  std::unique_ptr<const std::string> bytes_;  // What content_ points into.
  std::string name_;
  Warn warn_;
  DicomContent content_;
};

}  // namespace hepar
