// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/decoupler_options.h"

namespace hepar {

void SetDecouplers(const std::string& size, const std::string& widths, Architecture* architecture) {
  architecture->size = size;
  architecture->decoupler = DecouplerShapeOf(size);
  if (widths.empty()) return;
  architecture->size = "custom";
  architecture->decoupler = WithWidths(architecture->decoupler, widths);
}

}  // namespace hepar
