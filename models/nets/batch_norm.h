// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <functional>

namespace hepar {

// torch::nn::BatchNorm2d, with the same options, parameter and buffer names, whose statistics in
// training mode can be those of a batch that is spread over several processes. Every normalisation
// of a SeverityNet is one of these, so that data-parallel training can reach them.
//
// Not derived from LibTorch's own class, which does not export all that a derived one needs.
struct BatchNorm2dImpl : torch::nn::NormImplBase<2, BatchNorm2dImpl, torch::nn::BatchNormOptions> {
  BatchNorm2dImpl(const torch::nn::BatchNormOptions& options);  // NOLINT: a channel count will do.

  torch::Tensor forward(const torch::Tensor& x);

  // Sum of a tensor over all processes, differentiable. Unset: this process is all there is.
  std::function<torch::Tensor(const torch::Tensor&)> sum_over_processes;

 protected:
  void _check_input_dim(const torch::Tensor& x) override;
};
TORCH_MODULE(BatchNorm2d);

}  // namespace hepar
