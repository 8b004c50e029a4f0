// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/weights_import.h"

#include <torch/utils.h>

#include <cmath>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"
#include "models/nets/vision_transformer.h"
#include "models/tensor_file/tensor_archive.h"
#include "models/tensor_file/torch_view.h"
#include "models/torch_archive.h"

namespace hepar {
namespace {

constexpr std::uint64_t kMaxWeightsBytes = std::uint64_t{8} << 30;

bool EndsWith(const std::string& text, const std::string& tail) {
  return text.size() >= tail.size() &&
         text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

// Data-parallel training saves a model as a part called `module`.
StoredTensors WithoutModulePrefix(StoredTensors dict) {
  const std::string prefix = "module.";
  StoredTensors plain;
  for (const auto& [name, tensor] : dict) {
    if (name.rfind(prefix, 0) != 0) return dict;
    plain.emplace(name.substr(prefix.size()), tensor);
  }
  return plain;
}

// timm's vision transformers have the same tensors, of the same shapes, under other names. Its
// ResNets have torchvision's names.
std::string TorchvisionNameOf(const std::string& timm_name) {
  static const std::map<std::string, std::string> kWhole = {
      {"cls_token", "class_token"},
      {"pos_embed", "encoder.pos_embedding"},
      {"patch_embed.proj.weight", "conv_proj.weight"},
      {"patch_embed.proj.bias", "conv_proj.bias"},
      {"norm.weight", "encoder.ln.weight"},
      {"norm.bias", "encoder.ln.bias"},
      {"head.weight", "heads.head.weight"},
      {"head.bias", "heads.head.bias"}};
  static const std::map<std::string, std::string> kInBlock = {
      {"norm1.weight", "ln_1.weight"},
      {"norm1.bias", "ln_1.bias"},
      {"attn.qkv.weight", "self_attention.in_proj_weight"},
      {"attn.qkv.bias", "self_attention.in_proj_bias"},
      {"attn.proj.weight", "self_attention.out_proj.weight"},
      {"attn.proj.bias", "self_attention.out_proj.bias"},
      {"norm2.weight", "ln_2.weight"},
      {"norm2.bias", "ln_2.bias"},
      {"mlp.fc1.weight", "mlp.0.weight"},
      {"mlp.fc1.bias", "mlp.0.bias"},
      {"mlp.fc2.weight", "mlp.3.weight"},
      {"mlp.fc2.bias", "mlp.3.bias"}};
  const auto whole = kWhole.find(timm_name);
  if (whole != kWhole.end()) return whole->second;
  const std::string blocks = "blocks.";
  const auto dot = timm_name.find('.', blocks.size());
  if (timm_name.rfind(blocks, 0) != 0 || dot == std::string::npos) return timm_name;
  const auto part = kInBlock.find(timm_name.substr(dot + 1));
  if (part == kInBlock.end()) return timm_name;
  return "encoder.layers.encoder_layer_" + timm_name.substr(blocks.size(), dot - blocks.size()) +
         "." + part->second;
}

StoredTensors WithTorchvisionNames(StoredTensors dict) {
  if (dict.count("patch_embed.proj.weight") == 0) return dict;
  StoredTensors renamed;
  for (const auto& [name, tensor] : dict) renamed.emplace(TorchvisionNameOf(name), tensor);
  return renamed;
}

ArchiveParts ReadParts(const std::string& path) {
  const std::string bytes = ReadFile(path, kMaxWeightsBytes);
  try {
    return ReadTorchArchive(bytes, path, "file of weights");
  } catch (const Error& error) {
    // Files from before PyTorch 1.6 are no containers.
    throw Error(error.kind(),
                std::string(error.what()) +
                    "; PyTorch writes such files by torch.save(model.state_dict(), path), and one "
                    "of before 1.6 becomes one by torch.save(torch.load(old, weights_only=True), "
                    "path)");
  }
}

// torchvision numbers the layers of SqueezeNet's `features`; 1.0 and 1.1 pool at other places, so
// the same Fire module has another number. fire2 differs in shape and is left out.
std::string Version10NameOf(const std::string& version11_name) {
  static const std::map<std::string, std::string> kFires = {
      {"4", "4"}, {"6", "5"}, {"7", "7"}, {"9", "8"}, {"10", "9"}, {"11", "10"}, {"12", "12"}};
  const std::string prefix = "features.";
  const auto dot = version11_name.find('.', prefix.size());
  if (version11_name.rfind(prefix, 0) != 0 || dot == std::string::npos) return version11_name;
  const auto fire = kFires.find(version11_name.substr(prefix.size(), dot - prefix.size()));
  if (fire == kFires.end()) return {};
  return prefix + fire->second + version11_name.substr(dot);
}

bool IsSqueezeNet10(const StoredTensors& dict) {
  const auto first = dict.find("features.0.weight");
  return first != dict.end() && first->second.shape.size() == 4 && first->second.shape[0] == 96 &&
         dict.count("features.12.squeeze.weight") == 1;
}

// What vision transformers called their perceptrons before.
std::string OldTransformerNameOf(std::string name) {
  for (const auto& [now, before] :
       {std::pair{".mlp.0.", ".mlp.linear_1."}, std::pair{".mlp.3.", ".mlp.linear_2."}}) {
    const auto at = name.find(now);
    if (at != std::string::npos) return name.replace(at, std::strlen(now), before);
  }
  return name;
}

// The tensor of the file for the one that the classifier calls `name`; null when there is none.
const StoredTensor* Find(const StoredTensors& dict, const std::string& name, bool from_10_to_11) {
  auto found = dict.find(from_10_to_11 ? Version10NameOf(name) : name);
  if (found == dict.end() && !from_10_to_11) found = dict.find(OldTransformerNameOf(name));
  return found == dict.end() ? nullptr : &found->second;
}

// `positions` on the grid of `like`, if both are position embeddings of square grids.
torch::Tensor AdaptPositions(const torch::Tensor& positions, const torch::Tensor& like) {
  const auto side = [](const torch::Tensor& t) {
    return static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(t.size(1) - 1))));
  };
  if (positions.dim() != 3 || positions.size(1) < 2 || positions.size(2) != like.size(2) ||
      positions.size(0) != 1 || !positions.is_floating_point() ||
      side(positions) * side(positions) != positions.size(1) - 1) {
    return positions;
  }
  return ResizePositions(positions, side(like), side(like));
}

}  // namespace

torch::Tensor AdaptFirstLayer(const torch::Tensor& weight, int planes, FirstLayer how,
                              int picture_planes) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(1) == 3, "expected an (out, 3, k, k) weight");
  if (how == FirstLayer::kLuma) {
    auto adapted =
        torch::zeros({weight.size(0), planes, weight.size(2), weight.size(3)}, weight.options());
    auto own = adapted.narrow(1, planes - picture_planes, picture_planes);
    own.copy_(picture_planes == 3 ? weight : weight.sum(1, true) / picture_planes);
    return adapted;
  }
  if (planes == 1) return weight.sum(1, true);
  const auto repeats = (planes + 2) / 3;
  return weight.repeat({1, repeats, 1, 1}).narrow(1, 0, planes) * (3.0 / planes);
}

ImportReport ImportClassifierWeights(const std::string& path, FirstLayer how, SeverityNet net) {
  const ArchiveParts parts = ReadParts(path);
  const StoredTensors dict = WithTorchvisionNames(WithoutModulePrefix(
      TensorArchive(parts, "data", TensorArchive::Content::kScript, path).DictTensors()));
  const Architecture& a = net->architecture;
  const bool from_10_to_11 = a.classifier == "squeezenet1_1" && IsSqueezeNet10(dict);

  ImportReport report;
  torch::NoGradGuard no_grad;
  auto named = net->classifier->named_parameters();
  for (auto& buffer : net->classifier->named_buffers()) named.insert(buffer.key(), buffer.value());
  for (auto& target : named) {
    const StoredTensor* source = Find(dict, target.key(), from_10_to_11);
    torch::Tensor value = source ? ViewOf(*source) : torch::Tensor();
    if (source && target.key() == net->classifier->first_weight() && value.dim() == 4 &&
        value.size(1) == 3) {
      value = AdaptFirstLayer(value, ClassifierPlanes(a), how, PlaneCount(a.planes));
    } else if (source && EndsWith(target.key(), "pos_embedding")) {
      value = AdaptPositions(value, target.value());
    }
    if (source && value.sizes() == target.value().sizes()) {
      CopyChecked(value, target.key(), path, target.value());
      ++report.loaded;
      if (target.value().requires_grad()) report.parameters.push_back(target.value());
    } else if (!EndsWith(target.key(), "num_batches_tracked")) {
      ++report.missing;
    }
  }
  report.skipped = static_cast<int>(dict.size()) - report.loaded;
  if (report.loaded == 0) {
    throw Error(ErrorKind::kMismatch, path + ": none of its " + std::to_string(dict.size()) +
                                          " tensors fits the classifier " + a.classifier);
  }
  return report;
}

}  // namespace hepar
