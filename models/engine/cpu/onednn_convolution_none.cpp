// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For a build without oneDNN: the constructor refuses, so nothing else is called on an object.
#include "models/engine/cpu/onednn_convolution.h"
#include "models/error.h"

namespace hepar::cpu {

class OneDnnConvolution::Context {};

struct OneDnnConvolution::Impl {};

OneDnnConvolution::OneDnnConvolution(const Convolution& /*op*/, const MapLayout& /*source*/,
                                     const MapLayout& /*destination*/) {
  throw Error(ErrorKind::kUnsupported,
              "the CPU engine runs strided and grouped convolutions by oneDNN, which this build "
              "does not have (Meson option onednn)");
}

OneDnnConvolution::~OneDnnConvolution() = default;

std::shared_ptr<OneDnnConvolution::Context> OneDnnConvolution::MakeContext() const {
  return nullptr;
}

std::size_t OneDnnConvolution::scratch_floats() const { return 0; }

const char* OneDnnConvolution::implementation() const { return "none"; }

void OneDnnConvolution::Run(Context* /*context*/, const void* /*source*/, const void* /*residual*/,
                            void* /*destination*/, float* /*scratch*/) const {}

// There are no threads of oneDNN to limit.
SingleThreaded::SingleThreaded() : before_(0) {}

// NOLINTNEXTLINE(performance-trivially-destructible): the class is that of a build with oneDNN.
SingleThreaded::~SingleThreaded() = default;

}  // namespace hepar::cpu
