// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/fuzz_target.h"
#include "training/data/video_decoder.h"

// Videos: the container, and the first pictures.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMaxFrames = 4;
  return hepar::MayRefuse([&] {
    auto video = hepar::VideoDecoder::OfBytes(hepar::TextOf(data, size), "input");
    for (int i = 0; i < kMaxFrames && video.Next(); ++i) {
      if (video.Picture().empty()) std::abort();
    }
    video.faults();
  });
}
