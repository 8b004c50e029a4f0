// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/bundle/model_spec.h"
#include "models/graph/graph.h"

namespace hepar {

// The inference graph as an ONNX model (a serialized ModelProto, operator set 13), node by node;
// attention is written out in its parts. Batch normalization is folded already.
//
//   input   picture            float32 (batch, channels, height, width), in [0,1], prepared as
//                              models/image/preprocess.h says
//   outputs logits             (batch, classes), as they leave the network, before the temperature
//           specific, common   Feat1, Feat2: (batch, feature channels, height, width)
//           reconstruction     x^ of IC2: (batch, planes, height, width)
//           auxiliary_logits   pred of IC1: (batch, questions)
//
// The description `spec` goes into the file's properties: id, classes, temperature, planes,
// sector, licence, citation. Throws Error(kUnsupported) where the classifier is not in the graph or
// a node has no counterpart in ONNX, Error(kFailed) when the result is no valid ONNX model or
// larger than a file of one part can be (2 GiB).
std::string ToOnnx(const Graph& graph, const ModelSpec& spec);

}  // namespace hepar
