// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace hepar {

// Whether a file declares to be DICOM (PS3.10: "DICM" after 128 bytes) or is named *.dcm or
// *.dicom. False for a missing file.
bool IsDicom(const std::string& path);

// How many frames a DICOM file has; 1 for a still. Checks the file as a whole
// (training/data/dicom_parser.h) but decodes no pixels. Throws Error, naming the file: kNotFound,
// kUnreadable, kDamaged.
int CountDicomFrames(const std::string& path);

// The frames `frames` (0-based, in any order) as a viewer shows them, in the order asked for:
//  - MONOCHROME2 and MONOCHROME1 (inverted): CV_8UC1 when 8 bits are stored and nothing is to be
//    scaled, else CV_16UC1 after the modality's rescale slope and intercept and the first window
//    (PS3.3 C.11.2.1.2, linear), or the whole range of the bits stored where there is no window;
//  - PALETTE COLOR, RGB and YBR_FULL, _FULL_422, _ICT and _RCT: CV_8UC3 in the order B, G, R.
// Transfer syntaxes: uncompressed, RLE, JPEG (baseline to lossless), JPEG-LS and JPEG 2000. Threads
// may call it at the same time. Throws Error, naming the file: kNotFound, kUnreadable, kDamaged
// (also for a frame that it does not have, and for what holds no such picture).
std::vector<cv::Mat> ReadDicomFrames(const std::string& path, const std::vector<int>& frames);

}  // namespace hepar
