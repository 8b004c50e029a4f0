// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "models/nets/severity_net.h"

namespace hepar {

// How the first convolution of weights made for RGB is adapted to N input planes.
enum class FirstLayer {
  kRepeat,  // Cycle R, G, B over the planes and scale by 3/N: equal planes keep the response.
  kLuma,    // All of it on the picture's own planes, nothing on Feat1 and Feat2: the classifier
            // starts as the imported network on the picture, and learns to use the features.
};

// The (out, N, k, k) weight for N = `planes` from an (out, 3, k, k) one. kRepeat for N = 1 sums.
// For kLuma the last `picture_planes` planes share the sum of R, G and B (or take R, G, B when
// there are three).
torch::Tensor AdaptFirstLayer(const torch::Tensor& weight, int planes, FirstLayer how,
                              int picture_planes);

struct ImportReport {
  int loaded = 0;   // Tensors taken over.
  int skipped = 0;  // Tensors of the file without a counterpart of the same shape.
  int missing = 0;  // Tensors of the classifier that the file does not give: they stay fresh.
                    // Counts of batches seen by normalisations, which old files lack, left aside.
  std::vector<torch::Tensor> parameters;  // Of the classifier, those that were taken over.
};

// Loads a file of tensors with torchvision's names (or those with a leading "module.", of its
// data-parallel training) into the classifier: what torch.save() of Python makes of a state_dict,
// a dict of tensors, or a dict with the entry "state_dict", or a TorchScript module. Nothing of the
// file is run, whatever it holds beside tensors (models/tensor_file/tensor_archive.h). Tensors
// whose shape differs (the last layer for another number of classes) stay as they are, but for a
// first layer made for RGB and for position embeddings of another grid, which are adapted. Names
// that torchvision gave up (mlp.linear_1 of vision transformers) and those of timm's vision
// transformers (blocks.0.attn.qkv) are known too, and SqueezeNet 1.0
// weights also start a 1.1 network (fire3 to fire9 have the same shapes). Throws Error: kNotFound,
// kUnreadable, kDamaged (no such file, numbers that are not finite), kMismatch (nothing fits, or
// integers where others belong).
ImportReport ImportClassifierWeights(const std::string& path, FirstLayer how, SeverityNet net);

}  // namespace hepar
