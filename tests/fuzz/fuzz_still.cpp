// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "tests/fuzz/fuzz_target.h"
#include "training/data/still_file.h"
#include "training/data/still_header.h"

// Pictures but TIFF, which has pages.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = hepar::TextOf(data, size);
  const auto shape = hepar::SizeInHeader(bytes);
  // Decoding a large picture says no more than a small one, in a hundred times the time.
  if (shape && shape->width * shape->height > 1 << 18) return 0;
  const std::string head(bytes.substr(0, 4));
  if (head == "II*" + std::string(1, '\0') || head == std::string("MM\0*", 4)) return 0;
  const hepar::InputFile file(data, size, ".png");
  return hepar::MayRefuse([&] {
    hepar::ReadStill(
        file.path(), {0},
        [](int, const cv::Mat& picture) {
          if (picture.empty()) std::abort();
        },
        [](const std::string&) {});
  });
}
