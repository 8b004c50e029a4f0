// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

#include <cstddef>

namespace hepar {

class GraphBuilder;

enum class SqueezeNetVersion { k1_0, k1_1 };

// The layers of SqueezeNet (Iandola et al., arXiv:1602.07360) before its last convolution, at
// torchvision's positions and with its parameter names.
torch::nn::Sequential MakeSqueezeNetFeatures(SqueezeNetVersion version, int in_planes);

// Initializes weights as the reference implementation: He-uniform, biases zero.
void InitSqueezeNetConvolutions(torch::nn::Module& module);

// Appends layer `index` of the module `classifier.features` to a graph, for its value `x`. Returns
// the id of the result.
int LowerSqueezeNetLayer(GraphBuilder* graph, const torch::nn::Sequential& features,
                         std::size_t index, int x);

}  // namespace hepar
