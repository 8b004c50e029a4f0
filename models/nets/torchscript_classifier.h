// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/script.h>

#include <string>

#include "models/nets/classifier.h"
#include "models/permission.h"

namespace hepar {

// The value of Architecture::classifier whose network comes from a TorchScript file.
inline constexpr char kTorchScript[] = "torchscript";

// A classifier of the user's own, as TorchScript: code and weights. Its parameters and buffers are
// those of the script itself, under the same paths, so that training, copying, moving and saving
// treat it as any other. A parameter that asks for no gradient (requires_grad) stays as it is.
//
// The code runs operator by operator, without the just-in-time optimiser, so that the first call
// computes what the hundredth does. In evaluation mode any number of threads may call forward(),
// as long as the script changes no attribute of its own.
//
// Batch normalisations inside are the script's own: they see the batch of their process only.
class TorchScriptClassifier : public ClassifierModule {
 public:
  // `script` is the content of a TorchScript file whose forward takes (B, N, H, W) and gives
  // (B, classes). Throws Error: kDamaged (no TorchScript), kMismatch (another forward),
  // kUnsupported (two parameters that share their memory, which no optimiser here expects).
  TorchScriptClassifier(const std::string& script, int classes);

  // Throws Error(kMismatch) when the script gives anything but (B, classes) floating point numbers,
  // Error(kFailed) with its last line when it fails.
  torch::Tensor forward(const torch::Tensor& planes) override;
  std::string first_weight() const override { return {}; }

  void train(bool on = true) override;
  // Integer buffers, which may be indices, keep their type.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  using ClassifierModule::to;

  // A deep copy of the script as it is now, on the CPU and in evaluation mode.
  torch::jit::Module Export() const;

 private:
  torch::jit::Module script_;
  torch::jit::Method forward_;
  int classes_;
};

// The bytes of a TorchScript file with `script` alone. Equal scripts give equal bytes within one
// release of LibTorch.
std::string SerializeTorchScript(const torch::jit::Module& script);

// Reads a TorchScript file for Architecture::classifier_script and tries it on two pictures of
// `in_planes` planes and side x side pixels. TorchScript is a program: nothing of the file reaches
// LibTorch unless `permission` lets it run. Throws Error: kNotFound, kUnreadable (also where
// `permission` says no), kDamaged (no TorchScript), kMismatch (another forward or shape, saying
// what was expected), kFailed (it fails on such pictures).
std::string ReadTorchScriptClassifier(const std::string& path, int in_planes, int classes,
                                      const ModelPermission& permission, int side = 64);

// SetClassifier() of models/nets/classifier.h, which itself lets no TorchScript run.
void SetClassifier(const std::string& option, int in_planes, int input_size,
                   const ModelPermission& permission, Architecture* architecture);

}  // namespace hepar
