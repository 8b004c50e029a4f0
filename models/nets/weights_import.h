// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

#include <cstdint>
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

// What became of one tensor of the classifier or of the file.
struct TensorImport {
  enum class Fate {
    kTaken,       // Its numbers are those of the file.
    kAdapted,     // The same, for the planes of the first layer or the grid of positions.
    kZero,        // The network of the file does without it, which is the same as zero.
    kOtherShape,  // The file has it with another shape: it stays fresh.
    kMissing,     // The file does not have it: it stays fresh.
    kUnexpected   // The file has it, and the classifier does not.
  };
  Fate fate = Fate::kMissing;
  std::string name, file_name;  // Empty where there is none.
  std::vector<std::int64_t> shape, file_shape;

  bool Loaded() const { return fate == Fate::kTaken || fate == Fate::kAdapted; }
};

struct ImportReport {
  int loaded = 0;   // Tensors taken over.
  int skipped = 0;  // Tensors of the file without a counterpart of the same shape.
  int missing = 0;  // Tensors of the classifier that the file does not give: they stay fresh.
                    // Counts of batches seen by normalisations, which old files lack, left aside.
  std::vector<TensorImport> tensors;  // The classifier's, in its order, then the unexpected ones.
  std::vector<std::string> remarks;   // What else a user should know: lines.
  std::string sha256;                 // Of the file.
  std::vector<torch::Tensor> parameters;  // Of the classifier, those that were taken over.

  int Count(TensorImport::Fate fate) const;
};

// Loads a file of tensors into the classifier: what torch.save() of Python makes of a state_dict, a
// dict of tensors, a dict with the entry "state_dict", or a TorchScript module; or a safetensors
// file. Nothing of the file is run, whatever it holds beside tensors
// (models/tensor_file/tensor_archive.h). The names may be those of models/nets/weight_names.h.
// Tensors whose shape differs (the last layer for another number of classes) stay as they are, but
// for a first layer made for RGB and for position embeddings of another grid, which are adapted.
// Names that torchvision gave up (mlp.linear_1 of vision transformers) are known too, and
// SqueezeNet 1.0 weights also start a 1.1 network (fire3 to fire9 have the same shapes). Throws
// Error: kNotFound, kUnreadable, kDamaged (no such file, numbers that are not finite), kMismatch
// (nothing fits, or integers where others belong).
ImportReport ImportClassifierWeights(const std::string& path, FirstLayer how, SeverityNet net);

// The same for a classifier alone, called `name`, that was made for the three planes of a color
// picture: its first layer is not adapted.
ImportReport ImportRgbWeights(const std::string& path, const std::string& name,
                              ClassifierModule* classifier);

}  // namespace hepar
