// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a build without oneDNN.
#include "models/error.h"
#include "training/bench/standalone_convolution.h"

namespace hepar {

struct StandaloneConvolution::Impl {};

StandaloneConvolution::StandaloneConvolution(const Convolution& /*op*/, const Shape& /*in*/,
                                             const Shape& /*out*/) {
  throw Error(ErrorKind::kUnsupported,
              "layers are compared with oneDNN, which this build does not have; build with the "
              "Meson option onednn=enabled");
}

StandaloneConvolution::~StandaloneConvolution() = default;

void StandaloneConvolution::Run() {}

std::string StandaloneConvolution::description() const { return "none"; }

}  // namespace hepar
