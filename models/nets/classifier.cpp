// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/classifier.h"

#include "models/error.h"
#include "models/named_values.h"
#include "models/nets/classifier_names.h"
#include "models/nets/depth_squeezenet.h"
#include "models/nets/resnet.h"
#include "models/nets/squeezenet.h"
#include "models/nets/torchscript_classifier.h"
#include "models/nets/vision_transformer.h"

namespace hepar {
namespace {

using Make = std::shared_ptr<ClassifierModule> (*)(const Architecture&, int in_planes);

template <SqueezeNetVersion version>
std::shared_ptr<ClassifierModule> MakeSqueezeNet(const Architecture& a, int in_planes) {
  return std::make_shared<SqueezeNet>(version, in_planes, a.classes, a.final_relu);
}

std::shared_ptr<ClassifierModule> MakeDepthSqueezeNet(const Architecture& a, int in_planes) {
  return std::make_shared<DepthSqueezeNet>(in_planes, a.classes);
}

template <ResNetDepth depth, ResNetAttention attention>
std::shared_ptr<ClassifierModule> MakeResNet(const Architecture& a, int in_planes) {
  return std::make_shared<ResNet>(depth, attention, in_planes, a.classes);
}

template <int width, int depth, int heads>
std::shared_ptr<ClassifierModule> MakeTransformer(const Architecture& a, int in_planes) {
  return std::make_shared<VisionTransformer>(VisionTransformerShape{width, depth, heads}, in_planes,
                                             a.classes);
}

Error NeedsFile() {
  return Error(ErrorKind::kInvalid,
               "the classifier torchscript needs its file; give torchscript:FILE");
}

std::shared_ptr<ClassifierModule> MakeTorchScript(const Architecture& a, int) {
  if (a.classifier_script.empty()) throw NeedsFile();
  return std::make_shared<TorchScriptClassifier>(a.classifier_script, a.classes);
}

// A new classifier is one line here. vit_tiny is our own size, small enough to learn on a CPU.
constexpr NamedValue<Make> kClassifiers[] = {
    {"squeezenet1_0", MakeSqueezeNet<SqueezeNetVersion::k1_0>},
    {"squeezenet1_1", MakeSqueezeNet<SqueezeNetVersion::k1_1>},
    {"depth_squeezenet", MakeDepthSqueezeNet},
    {"resnet18", MakeResNet<ResNetDepth::k18, ResNetAttention::kNone>},
    {"resnet50", MakeResNet<ResNetDepth::k50, ResNetAttention::kNone>},
    {"se_resnet18", MakeResNet<ResNetDepth::k18, ResNetAttention::kSqueezeExcite>},
    {"se_resnet50", MakeResNet<ResNetDepth::k50, ResNetAttention::kSqueezeExcite>},
    {"cbam_resnet18", MakeResNet<ResNetDepth::k18, ResNetAttention::kCbam>},
    {"cbam_resnet50", MakeResNet<ResNetDepth::k50, ResNetAttention::kCbam>},
    {"vit_tiny", MakeTransformer<192, 4, 3>},
    {"vit_b_16", MakeTransformer<768, 12, 12>},
    {kTorchScript, MakeTorchScript},
};

}  // namespace

std::vector<std::string> ClassifierNames() {
  std::vector<std::string> names;
  for (const auto& entry : kClassifiers) names.emplace_back(entry.name);
  return names;
}

void SetClassifier(const std::string& option, int in_planes, int input_size, Architecture* a) {
  SetClassifier(option, in_planes, input_size, ModelPermission(), a);
}

void SetClassifier(const std::string& option, int in_planes, int input_size,
                   const ModelPermission& permission, Architecture* a) {
  const std::string prefix = std::string(kTorchScript) + ":";
  if (option.rfind(prefix, 0) == 0) {
    a->classifier_script = ReadTorchScriptClassifier(option.substr(prefix.size()), in_planes,
                                                     a->classes, permission, input_size);
    a->classifier = kTorchScript;
    return;
  }
  if (option == kTorchScript) throw NeedsFile();
  CheckClassifierName(option);
  a->classifier = option;
  a->classifier_script.clear();
}

std::shared_ptr<ClassifierModule> MakeClassifier(const Architecture& a, int in_planes) {
  return ValueOf(kClassifiers, a.classifier, "classifier")(a, in_planes);
}

std::int64_t CountTrainable(const ClassifierModule& classifier) {
  std::int64_t count = 0;
  for (const auto& parameter : classifier.parameters()) {
    if (parameter.requires_grad()) count += parameter.numel();
  }
  return count;
}

void CheckClassifierName(const std::string& name) { ValueOf(kClassifiers, name, "classifier"); }

}  // namespace hepar
