// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/weight_names.h"

#include <string_view>
#include <utility>

namespace hepar {
namespace {

using Names = std::map<std::string, std::string>;

bool StartsWith(const std::string& text, std::string_view head) {
  return text.compare(0, head.size(), head) == 0;
}

bool EndsWith(const std::string& text, std::string_view tail) {
  return text.size() >= tail.size() &&
         text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

// timm's vision transformers have torchvision's tensors, of the same shapes, under other names.
std::string OfTimmTransformer(const std::string& name) {
  static const Names kWhole = {{"cls_token", "class_token"},
                               {"pos_embed", "encoder.pos_embedding"},
                               {"patch_embed.proj.weight", "conv_proj.weight"},
                               {"patch_embed.proj.bias", "conv_proj.bias"},
                               {"norm.weight", "encoder.ln.weight"},
                               {"norm.bias", "encoder.ln.bias"},
                               {"head.weight", "heads.head.weight"},
                               {"head.bias", "heads.head.bias"}};
  static const Names kInBlock = {{"norm1.weight", "ln_1.weight"},
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
  const auto whole = kWhole.find(name);
  if (whole != kWhole.end()) return whole->second;
  const std::string blocks = "blocks.";
  const auto dot = name.find('.', blocks.size());
  if (!StartsWith(name, blocks) || dot == std::string::npos) return name;
  const auto part = kInBlock.find(name.substr(dot + 1));
  if (part == kInBlock.end()) return name;
  return "encoder.layers.encoder_layer_" + name.substr(blocks.size(), dot - blocks.size()) + "." +
         part->second;
}

// The names of ResNets with attention: what stands at the place of the key, behind "layerN.M.".
std::string OfResNet(const std::string& name) {
  static const Names kWhole = {{"layer0.conv1.weight", "conv1.weight"},
                               {"last_linear.weight", "fc.weight"},
                               {"last_linear.bias", "fc.bias"}};
  static const std::pair<std::string, std::string> kInBlock[] = {
      {"se.fc1.", "se.fc.0."},
      {"se.fc2.", "se.fc.2."},
      {"se_module.fc1.", "se.fc.0."},
      {"se_module.fc2.", "se.fc.2."},
      {"se.channel.fc1.", "cbam.channel.0."},
      {"se.channel.fc2.", "cbam.channel.2."},
      {"se.spatial.conv.conv.", "cbam.spatial_conv."},
      {"se.spatial.conv.bn.", "cbam.spatial_bn."},
      {"cbam.ChannelGate.mlp.1.", "cbam.channel.0."},
      {"cbam.ChannelGate.mlp.3.", "cbam.channel.2."},
      {"cbam.SpatialGate.spatial.conv.", "cbam.spatial_conv."},
      {"cbam.SpatialGate.spatial.bn.", "cbam.spatial_bn."}};
  const auto whole = kWhole.find(name);
  if (whole != kWhole.end()) return whole->second;
  const std::string first_norm = "layer0.bn1.";
  if (StartsWith(name, first_norm)) return "bn1." + name.substr(first_norm.size());
  // "layer", a digit, ".", a number, ".".
  const auto dot = name.find('.', std::string_view("layer1.").size());
  if (!StartsWith(name, "layer") || dot == std::string::npos) return name;
  for (const auto& [before, now] : kInBlock) {
    if (name.compare(dot + 1, before.size(), before) == 0) {
      return name.substr(0, dot + 1) + now + name.substr(dot + 1 + before.size());
    }
  }
  return name;
}

// The linear layers of attention, which others write as 1 x 1 convolutions.
StoredTensor WithoutKernel(StoredTensor tensor) {
  if (tensor.shape.size() == 4 && tensor.shape[2] == 1 && tensor.shape[3] == 1) {
    tensor.shape.resize(2);
    tensor.strides.resize(2);
  }
  return tensor;
}

// Data-parallel training saves a model as a part called `module`.
std::string ModulePrefix(const StoredTensors& file) {
  constexpr char kPrefix[] = "module.";
  for (const auto& [name, tensor] : file) {
    if (!StartsWith(name, kPrefix)) return "";
  }
  return kPrefix;
}

void AddRemarks(const StoredTensors& file, const std::string& prefix, NamedWeights* named) {
  const auto has = [&](const char* name) { return file.count(prefix + name) > 0; };
  if (has("layer0.conv1.weight") && has("layer1.0.conv3.weight")) {
    named->remarks.emplace_back(
        "its bottlenecks halve the picture in their first convolution, those here in their second: "
        "the same weights compute something else, and are a start for training only");
  }
  if (has("layer1.0.se.fc1.bias") || has("layer1.0.se_module.fc1.bias")) {
    named->remarks.emplace_back(
        "the biases of its squeeze-and-excitation are left out, which has none here: the weights "
        "are a start for training only");
  }
}

}  // namespace

NamedWeights WithClassifierNames(const StoredTensors& file) {
  const std::string prefix = ModulePrefix(file);
  const bool timm_transformer = file.count(prefix + "patch_embed.proj.weight") > 0;
  NamedWeights named;
  for (const auto& [full_name, tensor] : file) {
    const std::string name = full_name.substr(prefix.size());
    const std::string own = timm_transformer ? OfTimmTransformer(name) : OfResNet(name);
    // A name that is translated to one that the file has too stays what it is.
    const bool taken =
        own != name && (file.count(prefix + own) > 0 || named.tensors.count(own) > 0);
    const std::string& key = taken ? name : own;
    named.original.emplace(key, full_name);
    named.tensors.emplace(key, key == name ? tensor : WithoutKernel(tensor));

    const std::string timm_conv = ".se.spatial.conv.conv.weight";
    if (key != name && EndsWith(name, timm_conv)) {
      // Mean and maximum of the channels are the other way round there.
      named.reversed_channels.insert(key);
    }
    for (const char* layer : {".se.channel.fc1.", ".se.channel.fc2."}) {
      if (key != name && EndsWith(name, std::string(layer) + "weight") &&
          file.count(full_name.substr(0, full_name.size() - 6) + "bias") == 0) {
        named.zeros.insert(key.substr(0, key.size() - 6) + "bias");
      }
    }
  }
  AddRemarks(file, prefix, &named);
  return named;
}

}  // namespace hepar
