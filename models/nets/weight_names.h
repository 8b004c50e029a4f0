// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "models/tensor_file/tensor_archive.h"

namespace hepar {

// Tensors of a file under the names that the classifiers here have.
struct NamedWeights {
  StoredTensors tensors;
  // The names in the file, by the new ones.
  std::map<std::string, std::string> original;
  // Tensors, by their new names, whose input channels are in reverse order.
  std::set<std::string> reversed_channels;
  // Tensors, by their new names, that the file's network does without: zero stands for them.
  std::set<std::string> zeros;
  // What differs between the file's network and the classifier although the tensors fit: lines
  // for people.
  std::vector<std::string> remarks;
};

// Translates the names, and drops the two sides of length 1 from 1 x 1 convolutions that are linear
// layers here. Known are
//   - torchvision's names, which the classifiers have, with a leading "module." of data-parallel
//     training or without;
//   - of timm: the vision transformers (blocks.0.attn.qkv), squeeze-and-excitation of ResNets
//     (layer1.0.se.fc1) and of its legacy SENets (layer0.conv1, layer1.0.se_module.fc1,
//     last_linear), CBAM (layer1.0.se.channel.fc1);
//   - of the published CBAM ResNets: layer1.0.cbam.ChannelGate.mlp.1.
// Unknown names stay as they are.
NamedWeights WithClassifierNames(const StoredTensors& file);

}  // namespace hepar
