// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/cli/common_options.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/data/split.h"
#include "training/evaluation/bootstrap.h"
#include "training/evaluation/choice.h"
#include "training/scoring/corruptions.h"

namespace hepar {

// The options of `hepar evaluate`.
struct EvaluateOptions {
  std::vector<std::string> models, compare, corruptions;
  ScanOptions scans;
  std::string part = "all", choose_on, subgroups, ood;
  ModelPermission permission;
  std::vector<std::string> external, external_fatty;  // NAME=PATH each.
  std::string unfamiliar = "grade";
  DeviceOptions device;
  std::string precision = "fp32";
  BootstrapOptions bootstrap;  // Its seed is that of the corruptions too.
  ThresholdRule rule;
  double false_flags = 0.05;
  int gallery = 12;
  std::string csv, html;
  Output output;

  bool withhold_unfamiliar() const { return unfamiliar == "withhold"; }
};

// The table bound to `options`, which must outlive it.
OptionTable MakeEvaluateOptionTable(EvaluateOptions* options);

// Throws Error(kInvalid), naming the flags, for combinations that contradict each other.
void CheckEvaluateOptions(const EvaluateOptions& options);

// Throws Error(kInvalid) unless there is one model, or one for each fold.
void CheckModelCount(const std::vector<std::string>& models, const Folds& folds);

// The corruptions that --corruptions names, each once.
std::vector<Corruption> CorruptionsOf(const EvaluateOptions& options);

}  // namespace hepar
