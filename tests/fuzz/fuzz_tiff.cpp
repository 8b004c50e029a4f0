// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/fuzz_target.h"
#include "training/data/tiff_pages.h"

// TIFF files, and their first page.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hepar::InputFile file(data, size, ".tif");
  return hepar::MayRefuse([&] {
    const auto pages = hepar::TiffPages(file.path());
    if (!pages.empty()) hepar::ReadTiffPage(file.path(), pages.front());
  });
}
