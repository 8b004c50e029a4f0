// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/data/video_file.h"
#include "training/data/warn.h"

namespace hepar {

// Whether a file says that it is DICOM (PS3.10: "DICM" after 128 bytes) or is named *.dcm or
// *.dicom. False for what is not there.
bool IsDicom(const std::string& path);

// How many frames a DICOM file has; 1 for a still, 0 for a sound file that holds no picture, such
// as a DICOMDIR or a report. Checks the file as a whole (training/data/dicom_parser.h) but decodes
// no pixels, except of a video, whose frames are counted. What is odd but harmless goes to `warn`.
// Throws Error, naming the file: kNotFound, kUnreadable, kDamaged.
int CountDicomFrames(const std::string& path, const Warn& warn = {});

// Hands out the frames `frames` (0-based, in any order; of a video ascending) as a viewer shows
// them:
//  - MONOCHROME2 and MONOCHROME1 (inverted): CV_8UC1 when 8 bits are stored and nothing is to be
//    scaled, else CV_16UC1 after the modality's look-up table or rescale slope and intercept, and
//    the first VOI look-up table or window (PS3.3, C.11.1 and C.11.2), or the whole range of the
//    bits stored where there is none;
//  - PALETTE COLOR, RGB, YBR_FULL, _FULL_422, _PARTIAL_422, _ICT and _RCT, and videos: CV_8UC3 in
//    the order B, G, R.
// Transfer syntaxes: uncompressed, deflated, RLE, JPEG (baseline to lossless), JPEG-LS, JPEG 2000,
// MPEG-2, MPEG-4 and HEVC. One frame is decoded at a time. Threads may call it at the same time.
// Throws Error, naming the file: kNotFound, kUnreadable, kDamaged (also for a frame that it does
// not have, for a lossy JPEG of which a part is missing, and for what holds no picture), and what
// `take` throws.
void ReadDicomFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
                     const Warn& warn = {});

}  // namespace hepar
