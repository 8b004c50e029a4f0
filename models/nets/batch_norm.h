// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <functional>

namespace hepar {

// torch::nn::BatchNorm2d with the same options and the same parameter and buffer names. In training
// mode it can use the statistics of a batch that is distributed over several processes. Every batch
// normalization of a SeverityNet is of this class, for data-parallel training.
//
// It is not derived from LibTorch's class, which does not export everything that a subclass needs.
struct BatchNorm2dImpl : torch::nn::NormImplBase<2, BatchNorm2dImpl, torch::nn::BatchNormOptions> {
  BatchNorm2dImpl(
      const torch::nn::BatchNormOptions& options);  // NOLINT: implicit from a channel count.

  torch::Tensor forward(const torch::Tensor& x);

  // Differentiable sum of a tensor over all processes. Unset: there is only this process.
  std::function<torch::Tensor(const torch::Tensor&)> sum_over_processes;

 protected:
  void _check_input_dim(const torch::Tensor& x) override;
};
TORCH_MODULE(BatchNorm2d);

}  // namespace hepar
