// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/archive_check.h"
#include "models/torch_archive.h"
#include "tests/fuzz/fuzz_target.h"

// The zip container of bundles, weights and checkpoints.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hepar::MayRefuse([&] {
    const auto parts = hepar::ReadTorchArchive(hepar::TextOf(data, size), "input", "model bundle");
    hepar::DescriptionOf(parts, "input");
    hepar::CheckParts(parts, /*with_code=*/false, "input");
  });
}
