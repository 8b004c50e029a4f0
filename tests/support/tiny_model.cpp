// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/tiny_model.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "models/bundle/bundle.h"

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
  const std::string path = dir + (dir.empty() || dir.back() == '/' ? "" : "/") + file;
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
