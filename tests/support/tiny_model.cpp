// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/tiny_model.h"

#include <torch/script.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "models/bundle/bundle.h"
#include "models/file_io.h"
#include "models/nets/torchscript_classifier.h"
#include "models/torch_archive.h"

namespace hepar::testing {

DomainModel FlatDomain() {
  // Descriptors are small compared with the scale, so the score depends on the mean alone.
  DomainModel domain;
  domain.mean.assign(kDescriptorSize, 1e6);
  domain.scale.assign(kDescriptorSize, 1e6);
  for (int i = 0; i < kDescriptorSize; ++i) {
    for (int k = 0; k <= i; ++k) domain.factor.push_back(i == k ? 1.0 : 0.0);
  }
  return domain;
}

namespace {

std::string Join(const std::string& dir, const std::string& file) {
  return dir + (dir.empty() || dir.back() == '/' ? "" : "/") + file;
}

}  // namespace

std::string WriteCodeModel(const std::string& dir, const std::string& file) {
  torch::jit::Module script("Mine");
  script.register_parameter("weight", torch::ones({4}), /*is_buffer=*/false);
  script.define(
      "def forward(self, x):\n    return torch.mean(x, [1, 2, 3])[:, None] * self.weight\n");
  ModelSpec spec;
  Architecture architecture;
  architecture.size = "nano";
  architecture.decoupler = DecouplerShapeOf("nano");
  architecture.classifier = kTorchScript;
  architecture.classifier_script = SerializeTorchScript(script);
  spec.name = "code";
  spec.preprocess.size = 64;
  const std::string path = Join(dir, file);
  SaveBundle(path, spec, SeverityNet(architecture));
  return path;
}

std::string WriteWeights(const std::string& dir, const std::string& classifier,
                         const std::string& file) {
  torch::manual_seed(1);
  Architecture architecture;
  architecture.classifier = classifier;
  architecture.classes = 1000;
  const auto net = MakeClassifier(architecture, 3);
  c10::Dict<std::string, torch::Tensor> state;
  for (const auto& item : net->named_parameters()) state.insert(item.key(), item.value().detach());
  for (const auto& item : net->named_buffers()) state.insert(item.key(), item.value());
  const std::vector<char> bytes = torch::jit::pickle_save(state);
  std::string path = Join(dir, file);
  WriteFileAtomically(path, std::string(bytes.begin(), bytes.end()));
  return path;
}

std::string WithPart(const std::string& path, const std::string& part,
                     const std::function<void(std::string*)>& change) {
  ArchiveParts parts = ReadTorchArchive(ReadFile(path, 1 << 28), path, "model bundle");
  change(&parts[part]);
  std::string copy = path + "-changed.hepar";
  WriteFileAtomically(copy, WriteTorchArchive(parts));
  return copy;
}

std::string WriteTinyModel(const std::string& dir, const std::string& file, unsigned seed,
                           const std::function<void(ModelSpec*)>& change) {
  torch::manual_seed(seed);
  ModelSpec spec;
  spec.architecture.size = "nano";
  spec.architecture.decoupler = DecouplerShapeOf("nano");
  spec.name = "tiny";
  spec.preprocess.size = 64;
  spec.licence = "LGPL-2.1-or-later";
  spec.citation = "made in a test";
  const std::string path = Join(dir, file);
  if (change) change(&spec);
  SeverityNet net(spec.architecture);
  {
    // Untrained classifiers return nearly the same for every picture; larger weights separate them.
    torch::NoGradGuard no_grad;
    net->classifier->named_parameters()["classifier.1.weight"].mul_(30.0);
  }
  SaveBundle(path, spec, net);
  return path;
}

}  // namespace hepar::testing
