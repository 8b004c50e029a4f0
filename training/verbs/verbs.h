// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// The verbs of `hepar`. Each takes the arguments after its name, and returns the exit code; what
// goes wrong is thrown as Error (see ExitCodeOf).
int RunTrain(const std::vector<std::string>& arguments);
int RunEvaluate(const std::vector<std::string>& arguments);
int RunAttackVerb(const std::vector<std::string>& arguments);
int RunAblate(const std::vector<std::string>& arguments);
int RunProbe(const std::vector<std::string>& arguments);
int RunExport(const std::vector<std::string>& arguments);
int RunImport(const std::vector<std::string>& arguments);
int RunBench(const std::vector<std::string>& arguments);
int RunGrade(const std::vector<std::string>& arguments);
int RunInspect(const std::vector<std::string>& arguments);
int RunSimulate(const std::vector<std::string>& arguments);
int RunTrust(const std::vector<std::string>& arguments);
int RunAverage(const std::vector<std::string>& arguments);
int RunAdapt(const std::vector<std::string>& arguments);
int RunSign(const std::vector<std::string>& arguments);
int RunVerify(const std::vector<std::string>& arguments);
int RunDoctor(const std::vector<std::string>& arguments);

}  // namespace hepar
