// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "training/data/dicom_file.h"
#include "training/data/dicom_parser.h"

// DICOM: the parser, and the decoders behind it for the first frames.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMaxFrames = 3;
  const auto ignore = [](const std::string&) {};
  int frames = 0;
  hepar::MayRefuse(
      [&] { frames = hepar::ParseDicom(hepar::TextOf(data, size), "input", ignore).frames; });
  if (frames == 0) return 0;
  std::vector<int> first(std::min(frames, kMaxFrames));
  std::iota(first.begin(), first.end(), 0);
  const hepar::InputFile file(data, size, ".dcm");
  return hepar::MayRefuse([&] {
    hepar::ReadDicomFrames(
        file.path(), first,
        [](int, const cv::Mat& picture) {
          if (picture.empty()) std::abort();
        },
        ignore);
  });
}
