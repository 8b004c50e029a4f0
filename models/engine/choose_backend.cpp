// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/choose_backend.h"

#include <torch/types.h>

#include "models/engine/cpu_backend.h"
#include "models/engine/torch_backend.h"
#include "models/error.h"
#include "models/nets/tensor_values.h"

namespace hepar {
namespace {

ClassifyFunction ClassifyByModule(SeverityNet net, Precision precision, int planes, int side) {
  const auto type = precision == Precision::kBf16 ? torch::kBFloat16 : torch::kFloat32;
  net->classifier->to(type);
  return [net, type, planes, side](float* x) mutable {
    const c10::InferenceMode inference;
    return ValuesOf(net->Classify(torch::from_blob(x, {1, planes, side, side}).to(type))[0]);
  };
}

}  // namespace

std::unique_ptr<Backend> ChooseBackend(const Bundle& bundle, const std::string& device,
                                       Precision precision) {
  const PreprocessOptions& input = bundle.spec.preprocess;
  if (device == "cpu") {
    try {
      const Graph graph = bundle.net->Lower(input.channels, input.size, input.size);
      const int planes = ClassifierPlanes(bundle.net->architecture);
      return MakeCpuBackend(graph, precision,
                            ClassifyByModule(bundle.net, precision, planes, input.size));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
    }
  }
  return MakeTorchBackend(bundle.net, device, precision, input);
}

}  // namespace hepar
