// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/tiny_model.h"

#include <torch/torch.h>

#include "models/bundle/bundle.h"

namespace hepar::testing {

std::string WriteTinyModel(const std::string& dir, const std::string& file, unsigned seed,
                           ColorPlanes planes) {
  torch::manual_seed(seed);
  Architecture architecture;
  architecture.size = "nano";
  architecture.decoupler = DecouplerShapeOf("nano");
  architecture.planes = planes;

  ModelSpec spec;
  spec.name = "tiny";
  spec.preprocess.size = 64;
  spec.licence = "LGPL-2.1-or-later";
  spec.citation = "made in a test";
  const std::string path = dir + (dir.empty() || dir.back() == '/' ? "" : "/") + file;
  SeverityNet net(architecture);
  {
    // Fresh classifiers answer nearly the same for every picture; wider weights tell them apart.
    torch::NoGradGuard no_grad;
    net->classifier->named_parameters()["classifier.1.weight"].mul_(30.0);
  }
  SaveBundle(path, spec, net);
  return path;
}

}  // namespace hepar::testing
