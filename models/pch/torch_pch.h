// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Precompiled once for all targets: torch/torch.h costs about 20 s in each file that includes it.
#include <torch/script.h>
#include <torch/torch.h>
