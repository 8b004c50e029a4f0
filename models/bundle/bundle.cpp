// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/bundle.h"

#include <torch/script.h>
#include <torch/utils.h>

#include <map>
#include <sstream>

#include "models/bundle/archive_check.h"
#include "models/bundle/find_bundle.h"
#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/torchscript_classifier.h"
#include "models/printable.h"
#include "models/sha256.h"
#include "models/tensor_file/script_archive.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/tensor_file/torch_view.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

constexpr char kKind[] = "model bundle";
constexpr char kDescription[] = "hepar.json";
// The class of the tree's root; those of its branches are named after their places.
constexpr char kRootClass[] = "hepar";
constexpr char kClassifier[] = "classifier";

const TorchScriptClassifier* TorchScriptOf(SeverityNet net) {
  return dynamic_cast<const TorchScriptClassifier*>(net->classifier.get());
}

// Parameters and buffers by their path in the module tree, in a fixed order.
std::map<std::string, torch::Tensor> NamedTensors(SeverityNet net) {
  std::map<std::string, torch::Tensor> tensors;
  for (auto& item : net->named_parameters()) tensors.emplace(item.key(), item.value());
  for (auto& item : net->named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

std::string Digest(const std::map<std::string, torch::Tensor>& tensors) {
  Sha256 digest;
  for (const auto& [name, tensor] : tensors) {
    digest.Add(name.data(), name.size() + 1);
    for (std::int64_t side : tensor.sizes()) digest.Add(&side, sizeof side);
    const auto values = tensor.detach().cpu().contiguous();
    digest.Add(values.data_ptr(), values.nbytes());
  }
  return digest.Hex();
}

// A TorchScript module that only holds the tensors of `module`, under the same paths. `path` makes
// the class names unique, which TorchScript asks for as no two of them have the same members.
torch::jit::Module ParameterTree(const torch::nn::Module& module, const std::string& path,
                                 const std::shared_ptr<torch::jit::CompilationUnit>& unit) {
  torch::jit::Module tree(c10::QualifiedName("__torch__." + path), unit);
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    tree.register_parameter(item.key(), item.value().detach().cpu(), /*is_buffer=*/false);
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    tree.register_parameter(item.key(), item.value().detach().cpu(), /*is_buffer=*/true);
  }
  for (const auto& item : module.named_children()) {
    tree.register_module(item.key(), ParameterTree(*item.value(), path + "_" + item.key(), unit));
  }
  return tree;
}

// `net` as TorchScript: its tensors alone, but for a TorchScript classifier, which keeps its code.
torch::jit::Module ScriptTree(SeverityNet net) {
  const auto unit = std::make_shared<torch::jit::CompilationUnit>();
  const auto* script = TorchScriptOf(net);
  if (!script) return ParameterTree(*net, kRootClass, unit);
  const std::string root = kRootClass;
  torch::jit::Module tree(c10::QualifiedName("__torch__." + root), unit);
  if (net->ic1) tree.register_module("ic1", ParameterTree(*net->ic1, root + "_ic1", unit));
  if (net->ic2) tree.register_module("ic2", ParameterTree(*net->ic2, root + "_ic2", unit));
  tree.register_module(kClassifier, script->Export());
  return tree;
}

std::string Serialize(const torch::jit::Module& module,
                      const torch::jit::ExtraFilesMap& extra_files = {}) {
  std::ostringstream stream;
  module.save(stream, extra_files);
  return stream.str();
}

// The id of a bundle with a TorchScript classifier. It computes with more than parameters, so all
// that the container holds counts too.
std::string IdOfScript(const std::string& parameter_digest, const ArchiveParts& parts) {
  const std::string content = ContentDigest(parts);
  Sha256 digest;
  digest.Add(parameter_digest.data(), parameter_digest.size());
  digest.Add(content.data(), content.size());
  return digest.Hex();
}

// Every tensor takes a byte of the file for each of its values at least.
void CheckDeclaredSizes(const ModelSpec& spec, std::size_t file_size, const std::string& origin) {
  double values = 0;
  for (const TensorEntry& entry : spec.tensors) {
    double count = 1;
    for (const std::int64_t side : entry.shape) count *= static_cast<double>(side);
    values += count;
  }
  if (values > static_cast<double>(file_size)) {
    throw Error(ErrorKind::kDamaged, origin + ": hepar.json declares more numbers than a file of " +
                                         std::to_string(file_size) + " bytes can hold");
  }
}

std::string ShapeText(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

void CheckShapes(const ModelSpec& spec, const std::map<std::string, torch::Tensor>& expected,
                 const std::string& origin) {
  std::map<std::string, std::vector<std::int64_t>> declared;
  for (const TensorEntry& entry : spec.tensors) declared.emplace(entry.name, entry.shape);
  for (const auto& [name, tensor] : expected) {
    const auto found = declared.find(name);
    if (found == declared.end()) {
      throw Error(ErrorKind::kMismatch,
                  origin + ": lacks the tensor '" + name + "' that its architecture needs");
    }
    if (c10::IntArrayRef(found->second) != tensor.sizes()) {
      throw Error(ErrorKind::kMismatch, origin + ": tensor '" + name + "' has shape " +
                                            ShapeText(found->second) + ", its architecture needs " +
                                            ShapeText(tensor.sizes()));
    }
  }
  if (declared.size() != expected.size()) {
    throw Error(ErrorKind::kMismatch, origin + ": holds " + std::to_string(declared.size()) +
                                          " tensors, its architecture needs " +
                                          std::to_string(expected.size()));
  }
}

bool IsOfClassifier(const std::string& name) {
  return name.rfind(kClassifier + std::string("."), 0) == 0;
}

SeverityNet MakeNet(const Architecture& architecture, const std::string& origin) {
  try {
    return SeverityNet(architecture);
  } catch (const Error& error) {
    throw Error(error.kind(), origin + ": " + error.what());
  }
}

// The tensors of a net take the values of its bundle, by name. The shapes are those of hepar.json.
void TakeValues(const StoredTensors& values, const std::map<std::string, torch::Tensor>& targets,
                bool foreign_classifier, const std::string& origin) {
  for (const auto& [name, target] : targets) {
    const auto value = values.find(name);
    if (value == values.end() || ViewOf(value->second).sizes() != target.sizes() ||
        ViewOf(value->second).scalar_type() != target.scalar_type()) {
      throw Error(ErrorKind::kDamaged,
                  origin + ": tensor '" + name + "' is not what hepar.json says it is");
    }
    // A classifier of the user's own may hold infinities on purpose, such as attention masks.
    const bool own = !foreign_classifier || !IsOfClassifier(name);
    CopyChecked(ViewOf(value->second), name, origin, target, /*allow_infinite=*/!own);
  }
}

void CheckId(const std::string& id, const ModelSpec& spec, const std::string& origin) {
  if (id == spec.id) return;
  throw Error(ErrorKind::kDamaged,
              origin + ": its parameters do not match the digest in hepar.json");
}

// The classifier of a bundle with TorchScript as a file of its own, once it is known that the
// bundle is whole: LibTorch must not meet anything else.
std::string ClassifierScript(const ArchiveParts& parts, const TensorArchive& archive,
                             const StoredTensors& values, const ModelSpec& spec,
                             const std::string& origin) {
  std::map<std::string, torch::Tensor> tensors;
  for (const TensorEntry& entry : spec.tensors) {
    const auto value = values.find(entry.name);
    if (value == values.end()) {
      throw Error(ErrorKind::kDamaged, origin + ": lacks the tensor '" + Printable(entry.name) +
                                           "' that hepar.json names");
    }
    tensors.emplace(entry.name, ViewOf(value->second));
  }
  CheckId(IdOfScript(Digest(tensors), parts), spec, origin);
  return CheckedScript(parts, archive, *archive.Attribute(kClassifier), origin);
}

// All tensors of a bundle. Throws Error(kDamaged) for anything that is none, but in a TorchScript
// classifier.
StoredTensors TensorsOf(const TensorArchive& archive, bool foreign, const std::string& origin) {
  if (!foreign) return archive.ModuleTensors(kRootClass);
  StoredTensors tensors = archive.ModuleTensors(kRootClass, nullptr, kClassifier);
  const Pickle::Id* classifier = archive.Attribute(kClassifier);
  if (!classifier) {
    throw Error(ErrorKind::kDamaged, origin + ": holds no TorchScript classifier");
  }
  tensors.merge(archive.TensorsBelow(*classifier, kClassifier));
  return tensors;
}

}  // namespace

std::string ParameterDigest(SeverityNet net) { return Digest(NamedTensors(net)); }

ModelSpec SaveBundle(const std::string& path, ModelSpec spec, SeverityNet net) {
  if (static_cast<int>(spec.class_names.size()) != net->architecture.classes) {
    throw Error(ErrorKind::kMismatch, path + ": " + std::to_string(spec.class_names.size()) +
                                          " class names for " +
                                          std::to_string(net->architecture.classes) + " classes");
  }
  const auto tensors = NamedTensors(net);
  const torch::jit::Module script = ScriptTree(net);
  spec.architecture = net->architecture;
  spec.id = Digest(tensors);
  if (TorchScriptOf(net)) {
    spec.id = IdOfScript(spec.id, ReadTorchArchive(Serialize(script), path, kKind));
  }
  spec.tensors.clear();
  for (const auto& [name, tensor] : tensors) {
    spec.tensors.push_back({name, tensor.sizes().vec()});
  }
  WriteFileAtomically(path, Serialize(script, {{kDescription, ModelSpecToJson(spec)}}));
  return spec;
}

Bundle LoadBundle(const std::string& name, const ModelPermission& permission) {
  const std::string path = FindBundle(name);
  ArchiveParts parts;
  std::size_t size;
  {
    const std::string bytes = ReadFile(path, kMaxBundleBytes);
    CheckTrusted(permission, bytes, path);
    parts = ReadTorchArchive(bytes, path, kKind);
    size = bytes.size();
  }
  Bundle bundle;
  bundle.spec = ModelSpecFromJson(DescriptionOf(parts, path), path);
  const bool foreign = bundle.spec.architecture.classifier == kTorchScript;
  if (foreign) RequireCodeAllowed(permission, path);
  CheckParts(parts, foreign, path);
  CheckDeclaredSizes(bundle.spec, size, path);
  const TensorArchive archive(
      parts, "data", foreign ? TensorArchive::Content::kScript : TensorArchive::Content::kTensors,
      path);
  const StoredTensors values = TensorsOf(archive, foreign, path);
  if (foreign) {
    bundle.spec.architecture.classifier_script =
        ClassifierScript(parts, archive, values, bundle.spec, path);
  }

  bundle.net = MakeNet(bundle.spec.architecture, path);
  const auto targets = NamedTensors(bundle.net);
  CheckShapes(bundle.spec, targets, path);
  // A script keeps tensors that are neither parameters nor buffers, too.
  if (!foreign && values.size() != targets.size()) {
    throw Error(ErrorKind::kDamaged, path + ": holds " + std::to_string(values.size()) +
                                         " tensors, hepar.json names " +
                                         std::to_string(targets.size()));
  }
  TakeValues(values, targets, foreign, path);
  const std::string digest = Digest(targets);
  CheckId(foreign ? IdOfScript(digest, parts) : digest, bundle.spec, path);
  bundle.net->eval();
  return bundle;
}

}  // namespace hepar
