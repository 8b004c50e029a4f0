// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "models/sha256.h"
#include "models/warn.h"
#include "training/data/video_file.h"

namespace hepar {

// Which frames of a recording (a video or a DICOM cine) are taken. Stills are always taken.
struct SourceOptions {
  int frames_per_video = 16;  // At most, evenly spaced over those below; 0 takes all.
  int frame_step = 1;         // Only each n-th frame, from the first, is considered; 1 or more.
};

// Whether a file is named as a picture or video, or is DICOM by its content.
bool IsPictureFile(const std::string& path);

// How many frames a picture, DICOM or video file holds: the pages of a TIFF file, 1 for other
// stills, which are not opened, 0 for DICOM without a picture, such as a directory or a report.
// What is wrong with a file that can be read goes to `warn`. Throws Error, naming the file:
// kNotFound, kUnreadable, kDamaged.
int CountFrames(const std::string& path, const Warn& warn = {});

// The frames to take of `count`, ascending. The same for every run. Throws Error(kInvalid) for
// options out of range.
std::vector<int> ChooseFrames(int count, const SourceOptions& options);

// Hands out frames (0-based, ascending, each once) of a picture, DICOM, video or MAT file as a live
// source would deliver them: CV_8UC1 or CV_16UC1 for gray, CV_8UC3 (B, G, R) for color, alpha
// dropped, turned as EXIF data or a video's header say. The frames of a MAT file count on from
// patient to patient. What is wrong with a file that can be read, and CountFrames() did not say,
// goes to `warn`. Threads may call it at the same time. Throws Error, naming the file: kNotFound,
// kUnreadable, kDamaged (also of a still that is cut off), and what `take` throws.
void ReadFrames(const std::string& path, const std::vector<int>& frames, const TakeFrame& take,
                const Warn& warn = {});

// Adds a file's content, whatever its size, to a digest, and to `also` where that is not null.
// Throws Error: kNotFound, kUnreadable.
void AddContent(const std::string& path, Sha256* digest, Sha256* also = nullptr);

}  // namespace hepar
