// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>

#include "models/bundle/model_spec.h"

namespace hepar::testing {

// Writes a small random model (size nano, 64-pixel input, four grades) to `dir`/`file` and returns
// the path. Equal seeds give equal models. `change` may modify the description and the
// architecture. The caller needs no LibTorch header.
std::string WriteTinyModel(const std::string& dir, const std::string& file = "tiny.hepar",
                           unsigned seed = 1, const std::function<void(ModelSpec*)>& change = {});

// The same with a classifier that is TorchScript: code, which only runs where it is allowed.
std::string WriteCodeModel(const std::string& dir, const std::string& file = "code.hepar");

// Writes random weights of a classifier under torchvision's names, as torch.save() writes a
// state_dict, to `dir`/`file` and returns the path.
std::string WriteWeights(const std::string& dir, const std::string& classifier,
                         const std::string& file = "weights.pt");

// A copy of the model `path` in which the part `part` of the container is changed, with sound
// checksums. Returns the path of the copy, beside it.
std::string WithPart(const std::string& path, const std::string& part,
                     const std::function<void(std::string*)>& change);

// A domain model with about the same score for every picture.
DomainModel FlatDomain();

}  // namespace hepar::testing
