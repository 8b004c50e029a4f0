// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/error.h"
#include "models/nets/classifier_names.h"

namespace hepar {

// Stands for models/nets, which needs LibTorch. Which names there are is of no matter here.
void CheckClassifierName(const std::string& name) {
  if (name != "squeezenet1_1" && name != "depth-squeezenet" && name != "torchscript") {
    throw Error(ErrorKind::kInvalid, "unknown classifier '" + name + "'");
  }
}

}  // namespace hepar
