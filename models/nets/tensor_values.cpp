// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/tensor_values.h"

namespace hepar {

std::vector<float> ValuesOf(const torch::Tensor& tensor) {
  const auto host = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

}  // namespace hepar
