// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/warn.h"
#include "training/data/video_file.h"

namespace hepar {

// Whether a file says that it is DICOM (PS3.10: "DICM" after 128 bytes) or is named *.dcm or
// *.dicom. False for what is not there.
bool IsDicom(const std::string& path);

// How many frames a DICOM file has; 1 for a still, 0 for a sound file that holds no picture, such
// as a DICOMDIR or a report. Checks the file as a whole (models/dicom/dicom_parser.h) but decodes
// no pixels, except of a video, whose frames are counted. What is odd but harmless goes to `warn`.
// Throws Error, naming the file: kNotFound, kUnreadable, kDamaged.
int CountDicomFrames(const std::string& path, const Warn& warn = {});

// Hands out the frames `frames` (0-based, in any order; of a video ascending) as DicomPictures
// (models/dicom/dicom_pictures.h) shows them; those of MPEG-2, MPEG-4 and HEVC as CV_8UC3 in the
// order B, G, R. One frame is decoded at a time. Threads may call it at the same time.
// Throws Error, naming the file: kNotFound, kUnreadable, kDamaged (also for a frame that it does
// not have, for a lossy JPEG of which a part is missing, and for what holds no picture), and what
// `take` throws.
void ReadDicomFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
                     const Warn& warn = {});

}  // namespace hepar
