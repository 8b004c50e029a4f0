// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/severity_net.h"

#include "models/nets/color_space.h"

namespace hepar {

int ClassifierPlanes(const Architecture& a) {
  return 2 * a.feature_channels + PlaneCount(a.planes);
}

SeverityNetImpl::SeverityNetImpl(const Architecture& a)
    : architecture(a),
      ic1(register_module("ic1", SpecificDecoupler(a))),
      ic2(register_module("ic2", CommonDecoupler(a))),
      classifier(register_module("classifier", MakeClassifier(a, ClassifierPlanes(a)))) {}

Decoupled SeverityNetImpl::Decouple(const torch::Tensor& picture) {
  auto planes = SelectPlanes(picture, architecture.planes);
  const SpecificOutput specific = ic1(planes);
  const CommonOutput common = ic2(planes);
  return {planes, specific.features, specific.logits, common.features, common.reconstruction};
}

torch::Tensor SeverityNetImpl::Concatenate(const Decoupled& d) {
  return torch::cat({d.specific, d.common, d.planes}, 1);
}

torch::Tensor SeverityNetImpl::Classify(const torch::Tensor& concatenated) {
  return classifier->forward((concatenated - architecture.mean) / architecture.std);
}

torch::Tensor SeverityNetImpl::forward(const torch::Tensor& picture) {
  // As Decouple(), without the heads that the classifier does not see.
  const auto planes = SelectPlanes(picture, architecture.planes);
  const auto features_of = [&planes](auto& decoupler) {
    return torch::sigmoid(
        UpsampleLike(decoupler->feature_head(decoupler->trunk(planes).decoded), planes));
  };
  return Classify(torch::cat({features_of(ic1), features_of(ic2), planes}, 1));
}

}  // namespace hepar
