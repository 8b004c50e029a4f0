// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "models/bundle/model_spec.h"

namespace hepar {

// What accompanies an exported model in other people's collections. Both texts say only what the
// bundle says; what it does not say is left out.

// A `metadata.json` with the fields of MONAI's bundles: task, classes, license, figures of the
// validation part, and the format of each input and output, by the names that ToOnnx() gives
// them. The versions of MONAI and NumPy are not among them, because the model needs neither.
// `version` is that of the program.
std::string MonaiMetadata(const ModelSpec& spec, const std::string& version);

// A model card in the form of Hugging Face's collection (README.md): a head in YAML, which holds
// license, tags and figures, and Markdown. `format` is "onnx" or "torchscript", `file` the name of
// the exported file.
std::string ModelCard(const ModelSpec& spec, const std::string& format, const std::string& file);

}  // namespace hepar
