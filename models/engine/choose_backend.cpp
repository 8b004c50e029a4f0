// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/choose_backend.h"

#include <torch/types.h>

#include <utility>

#include "models/engine/cpu_backend.h"
#include "models/engine/torch_backend.h"
#include "models/error.h"
#include "models/log.h"
#include "models/nets/tensor_values.h"
#include "models/nets/torchscript_classifier.h"

namespace hepar {
namespace {

ClassifyFunction ClassifyByModule(SeverityNet net, Precision precision, int planes, int side) {
  const auto type = ScalarTypeOf(precision);
  net->classifier->to(type);
  return [net, type, planes, side](float* x) mutable {
    const c10::InferenceMode inference;
    return ValuesOf(net->Classify(torch::from_blob(x, {1, planes, side, side}).to(type))[0]);
  };
}

std::unique_ptr<Backend> MakeCpuBackend(const Bundle& bundle, Precision precision,
                                        const std::string& model) {
  const PreprocessOptions& input = bundle.spec.preprocess;
  Graph graph = bundle.net->Lower(input.channels, input.size, input.size);
  const bool has_classifier = graph.has_classifier();
  const int planes = ClassifierPlanes(bundle.net->architecture);
  auto backend = MakeCpuBackend(std::move(graph), precision,
                                ClassifyByModule(bundle.net, precision, planes, input.size));
  Log(LogLevel::kInfo, model + " runs on the CPU engine, kernels \"" + backend->name() + "\"");
  if (!has_classifier) {
    Log(LogLevel::kInfo, model + ": the classifier " + bundle.net->architecture.classifier +
                             " has no lowering, so LibTorch runs it after the decouplers");
  }
  return backend;
}

// The graph on LibTorch, and a classifier without a lowering as the module that it is.
std::unique_ptr<Backend> MakeGraphBackend(const Bundle& bundle, const torch::Device& device,
                                          Precision precision) {
  const PreprocessOptions& input = bundle.spec.preprocess;
  const Graph graph = bundle.net->Lower(input.channels, input.size, input.size);
  TorchClassifier classifier;
  if (!graph.has_classifier()) {
    SeverityNet net = bundle.net;
    net->classifier->to(device, ScalarTypeOf(precision));
    net->eval();
    for (auto& parameter : net->parameters()) parameter.set_requires_grad(false);
    classifier.run = [net](const torch::Tensor& planes) mutable { return net->Classify(planes); };
    classifier.can_be_captured = net->architecture.classifier != kTorchScript;
  }
  return MakeTorchBackend(graph, classifier, device, precision);
}

}  // namespace

std::unique_ptr<Backend> ChooseBackend(const Bundle& bundle, const std::string& device,
                                       Precision precision) {
  const std::string model =
      "model \"" + bundle.spec.name + "\" (" + device + ", " + ToString(precision) + ")";
  if (device == "cpu") {
    try {
      return MakeCpuBackend(bundle, precision, model);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      Log(LogLevel::kWarning,
          model + " runs on LibTorch, which is slower than the CPU engine: " + error.what());
    }
  }
  auto backend = MakeGraphBackend(bundle, torch::Device(device), precision);
  if (device != "cpu") Log(LogLevel::kInfo, model + " runs on " + backend->name());
  return backend;
}

}  // namespace hepar
