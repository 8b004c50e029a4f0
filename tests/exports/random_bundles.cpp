// SPDX-License-Identifier: LGPL-2.1-or-later
//
// random_bundles DIR writes DIR/NAME.hepar for each classifier NAME: a small model in which every
// parameter affects the results.
#include <exception>
#include <filesystem>
#include <iostream>

#include "models/bundle/bundle.h"
#include "models/nets/classifier.h"
#include "tests/support/random_net.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: random_bundles DIR\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    for (const std::string& name : hepar::ClassifierNames()) {
      if (name == "torchscript") continue;  // The user's own, which is not made by name.
      hepar::ModelSpec spec;
      spec.name = name;
      spec.preprocess.size = 64;
      hepar::SaveBundle(folder / (name + ".hepar"), spec,
                        hepar::testing::RandomNet(hepar::testing::ArchitectureOf("nano", name)));
    }
  } catch (const std::exception& error) {
    std::cerr << "random_bundles: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
