// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/bundle/model_spec.h"
#include "models/nets/severity_net.h"
#include "models/permission.h"

namespace hepar {

// A model bundle (`*.hepar`): one TorchScript container that plain torch.jit.load opens in Python,
// with the parameter trees `ic1`, `ic2` and `classifier`, and the extra file `hepar.json`. Only a
// classifier that came as TorchScript keeps its code, and can be called there.
struct Bundle {
  ModelSpec spec;
  SeverityNet net{nullptr};  // On the CPU, in evaluation mode.
};

// Writes `net` and `spec` atomically; `spec.id`, `spec.tensors` and the class count are filled in
// from the net. Returns the spec as written. Throws Error(kMismatch) when spec and net do not fit,
// Error(kUnreadable) when the file cannot be written.
ModelSpec SaveBundle(const std::string& path, ModelSpec spec, SeverityNet net);

// Reads and checks a bundle, given by its path or the name of an installed one (find_bundle.h):
// container, description, tensor names, types and shapes, finite numbers, and the id. LibTorch's
// readers get nothing of the file, and no code of it runs, except for a TorchScript classifier,
// which `permission` must allow.
// Throws Error: kNotFound, kUnreadable (also where `permission` refuses it), kDamaged (saying which
// part), kMismatch.
Bundle LoadBundle(const std::string& name, const ModelPermission& permission = {});

// SHA-256 (hex) over names, shapes and values of all parameters and buffers.
std::string ParameterDigest(SeverityNet net);

}  // namespace hepar
