// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/save_checked.h"

#include <torch/ordered_dict.h>
#include <torch/types.h>

#include <filesystem>
#include <system_error>

#include "models/engine/engine.h"
#include "models/error.h"

namespace hepar {
namespace {

void CheckFinite(const torch::OrderedDict<std::string, torch::Tensor>& tensors) {
  for (const auto& item : tensors) {
    const torch::Tensor& tensor = item.value();
    if (!tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) continue;
    throw Error(ErrorKind::kFailed,
                "the tensor '" + item.key() +
                    "' of the model has values that are not finite, so nothing was saved; train "
                    "with a smaller --lr or larger batches");
  }
}

}  // namespace

ModelSpec SaveCheckedBundle(const std::string& path, const ModelSpec& spec, SeverityNet net) {
  CheckFinite(net->named_parameters());
  CheckFinite(net->named_buffers());
  const std::string unchecked = path + ".unchecked";
  std::error_code code;
  try {
    const ModelSpec saved = SaveBundle(unchecked, spec, net);
    EngineConfig config;
    config.model = unchecked;
    config.device = "cpu";
    config.permission.allow_code = true;  // The classifier of `net` has run already.
    Engine::Open(config);
    std::filesystem::rename(unchecked, path, code);
    if (code) {
      throw Error(ErrorKind::kUnreadable, path + ": cannot be replaced: " + code.message());
    }
    return saved;
  } catch (...) {
    std::filesystem::remove(unchecked, code);
    throw;
  }
}

}  // namespace hepar
