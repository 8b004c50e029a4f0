// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/source_options.h"

namespace hepar {

void AddSourceOptions(OptionTable* table, SourceOptions* source) {
  table->Integer("frames-per-video", &source->frames_per_video, 0, 1000000,
                 "Frames that are taken of a video or DICOM cine, evenly spaced; 0: all");
  table->Integer("frame-step", &source->frame_step, 1, 1000000,
                 "Of a video or cine only each n-th frame is considered");
}

}  // namespace hepar
