// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/jpeg_check.h"
#include "tests/fuzz/fuzz_target.h"
#include "training/data/orientation.h"
#include "training/data/still_header.h"

// What is looked up in pictures before they are decoded: sizes, EXIF, whether a JPEG is whole.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file = hepar::TextOf(data, size);
  const int orientation = hepar::ExifOrientation(file);
  if (orientation < 1 || orientation > 8) std::abort();
  const auto shape = hepar::SizeInHeader(file);
  // Decoding a large picture says no more than a small one, in a hundred times the time.
  if (shape && shape->width * shape->height > 1 << 18) return 0;
  return hepar::MayRefuse([&] { hepar::CheckJpeg(file); });
}
