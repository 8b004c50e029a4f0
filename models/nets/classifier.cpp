// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/classifier.h"

#include "models/named_values.h"
#include "models/nets/classifier_names.h"
#include "models/nets/squeezenet.h"

namespace hepar {
namespace {

using Make = std::shared_ptr<ClassifierModule> (*)(const Architecture&, int in_planes);

template <SqueezeNetVersion version>
std::shared_ptr<ClassifierModule> MakeSqueezeNet(const Architecture& a, int in_planes) {
  return std::make_shared<SqueezeNet>(version, in_planes, a.classes, a.final_relu);
}

// A new classifier is one line here.
constexpr NamedValue<Make> kClassifiers[] = {
    {"squeezenet1_0", MakeSqueezeNet<SqueezeNetVersion::k1_0>},
    {"squeezenet1_1", MakeSqueezeNet<SqueezeNetVersion::k1_1>},
};

}  // namespace

std::vector<std::string> ClassifierNames() {
  std::vector<std::string> names;
  for (const auto& entry : kClassifiers) names.emplace_back(entry.name);
  return names;
}

std::shared_ptr<ClassifierModule> MakeClassifier(const Architecture& a, int in_planes) {
  return ValueOf(kClassifiers, a.classifier, "classifier")(a, in_planes);
}

void CheckClassifierName(const std::string& name) { ValueOf(kClassifiers, name, "classifier"); }

}  // namespace hepar
