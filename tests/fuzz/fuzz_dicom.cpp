// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "models/dicom/cine_header.h"
#include "models/dicom/dicom_parser.h"
#include "tests/fuzz/fuzz_target.h"
#include "training/data/dicom_file.h"

// DICOM: the parser, what it says of times and regions, and the decoders behind it for the first
// frames.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMaxFrames = 3;
  const auto ignore = [](const std::string&) {};
  int frames = 0;
  hepar::MayRefuse([&] {
    const std::string_view bytes = hepar::TextOf(data, size);
    const hepar::DicomContent content = hepar::ParseDicom(bytes, "input", ignore);
    frames = content.frames;
    if (frames > 0) hepar::ReadCineHeader(content, "input", ignore);
  });
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
