// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/warn.h"
#include "training/data/video_decoder.h"

namespace hepar {

// Receives one frame of a file; the picture is only valid during the call.
using TakeFrame = std::function<void(int frame, const cv::Mat& picture)>;

// Whether a file is named as a video: *.mp4 .m4v .mkv .mov .avi .mpg .mpeg .webm .wmv .asf .flv .ts
// .m2ts .mts .mpe .m2v .vob .ogv .3gp.
bool IsVideo(const std::string& path);

// How many frames can be decoded: all are, because what containers say of their length is an
// estimate. What is damaged or missing goes to `warn`, with its count. Throws Error, naming the
// file: kNotFound, kDamaged (no frame can be decoded).
int CountVideoFrames(const std::string& path, const Warn& warn = {});

// Hands out the frames `frames` (0-based, ascending, each once) as CV_8UC3 in the order B, G, R,
// turned as the file's header says. The file is decoded from its start: where a seek ends depends
// on the container. Threads may call it at the same time. Throws Error, naming the file: kNotFound,
// kDamaged (also when it ends before the last of `frames`), and what `take` throws.
void ReadVideoFrames(const std::string& path, const std::vector<int>& frames,
                     const TakeFrame& take);

// The same of a video that was opened; `name` stands for it in messages.
int CountFramesOf(VideoDecoder video, const std::string& name, const Warn& warn);
void ReadFramesOf(VideoDecoder video, const std::string& name, const std::vector<int>& frames,
                  const TakeFrame& take);

}  // namespace hepar
