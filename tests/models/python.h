// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

namespace hepar::testing {

// The command of a Python that has PyTorch; empty when there is none.
inline const std::string& PythonWithTorch() {
  static const std::string found = [] {
    for (const std::string python : {"python3", "/usr/bin/python3"}) {
      if (std::system((python + " -c 'import torch' >/dev/null 2>&1").c_str()) == 0) return python;
    }
    return std::string();
  }();
  return found;
}

// Runs `program` in the folder `dir`, and returns whether it ended well; what it prints is shown.
inline bool RunPython(const std::string& python, const std::string& dir,
                      const std::string& program) {
  std::ofstream(dir + "/program.py") << program;
  return std::system(("cd '" + dir + "' && " + python + " program.py").c_str()) == 0;
}

}  // namespace hepar::testing
