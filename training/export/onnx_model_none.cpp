// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a build without ONNX.
#include "models/error.h"
#include "training/export/onnx_model.h"

namespace hepar {

std::string ToOnnx(const Graph& /*graph*/, const ModelSpec& /*spec*/) {
  throw Error(ErrorKind::kUnsupported,
              "this build has no ONNX export; build with the Meson option onnx=enabled, or export "
              "to TorchScript");
}

}  // namespace hepar
