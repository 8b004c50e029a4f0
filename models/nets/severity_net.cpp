// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/severity_net.h"

#include <vector>

#include "models/graph/graph_builder.h"
#include "models/nets/color_space.h"

namespace hepar {

int ClassifierPlanes(const Architecture& a) {
  const int decouplers = (HasSpecific(a.decouplers) ? 1 : 0) + (HasCommon(a.decouplers) ? 1 : 0);
  return decouplers * a.feature_channels + PlaneCount(a.planes);
}

SeverityNetImpl::SeverityNetImpl(const Architecture& a) : architecture(a) {
  if (HasSpecific(a.decouplers)) ic1 = register_module("ic1", SpecificDecoupler(a));
  if (HasCommon(a.decouplers)) ic2 = register_module("ic2", CommonDecoupler(a));
  classifier = register_module("classifier", MakeClassifier(a, ClassifierPlanes(a)));
}

Decoupled SeverityNetImpl::Decouple(const torch::Tensor& picture) {
  Decoupled decoupled;
  decoupled.planes = SelectPlanes(picture, architecture.planes);
  if (ic1) {
    const SpecificOutput specific = ic1(decoupled.planes);
    decoupled.specific = specific.features;
    decoupled.auxiliary_logits = specific.logits;
  }
  if (ic2) {
    const CommonOutput common = ic2(decoupled.planes);
    decoupled.common = common.features;
    decoupled.reconstruction = common.reconstruction;
  }
  return decoupled;
}

Decoupled SeverityNetImpl::WithPlanesOf(const torch::Tensor& picture, Decoupled features) const {
  features.planes = SelectPlanes(picture, architecture.planes);
  return features;
}

torch::Tensor SeverityNetImpl::Concatenate(const Decoupled& d) {
  std::vector<torch::Tensor> parts;
  for (const auto& part : {d.specific, d.common, d.planes}) {
    if (part.defined()) parts.push_back(part);
  }
  return parts.size() == 1 ? parts[0] : torch::cat(parts, 1);
}

torch::Tensor SeverityNetImpl::Classify(const torch::Tensor& concatenated) {
  return classifier->forward((concatenated - architecture.mean) / architecture.std);
}

torch::Tensor SeverityNetImpl::forward(const torch::Tensor& picture) {
  // As Decouple(), without the heads that the classifier does not use.
  const auto planes = SelectPlanes(picture, architecture.planes);
  const auto features_of = [&planes](auto& decoupler) {
    return torch::sigmoid(
        UpsampleLike(decoupler->feature_head(decoupler->trunk(planes).decoded), planes));
  };
  Decoupled parts;
  parts.planes = planes;
  if (ic1) parts.specific = features_of(ic1);
  if (ic2) parts.common = features_of(ic2);
  return Classify(Concatenate(parts));
}

Graph SeverityNetImpl::Lower(int picture_channels, int height, int width) const {
  GraphBuilder builder({picture_channels, height, width});
  Graph& results = builder.graph();
  results.planes = LowerSelectPlanes(&builder, architecture.planes);
  if (ic1) {
    const LoweredSpecificOutput specific = ic1->Lower(&builder, "ic1", results.planes);
    results.specific = specific.features;
    results.auxiliary_logits = specific.logits;
  }
  if (ic2) {
    const LoweredCommonOutput common = ic2->Lower(&builder, "ic2", results.planes);
    results.common = common.features;
    results.reconstruction = common.reconstruction;
  }
  builder.BeginClassification();
  LowerClassifier(&builder);
  return builder.Finish();
}

// As Concatenate() and Classify().
void SeverityNetImpl::LowerClassifier(GraphBuilder* graph) const {
  Graph& results = graph->graph();
  const std::vector<int> parts = results.ClassifierParts();
  const int joined =
      parts.size() == 1 ? parts[0] : graph->Append("classifier.planes", Concat{}, parts);
  const auto channels = static_cast<std::size_t>(graph->shape(joined).channels);
  const auto scale = static_cast<float>(1.0 / architecture.std);
  const auto shift = static_cast<float>(-architecture.mean / architecture.std);
  const int normalized =
      graph->Append("classifier.normalise",
                    ScaleShift{std::vector<float>(channels, scale),
                               std::vector<float>(channels, shift), Activation::kNone},
                    joined);
  results.logits = classifier->Lower(graph, normalized);
}

}  // namespace hepar
