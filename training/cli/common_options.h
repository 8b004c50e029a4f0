// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Options that several verbs have, so that each has one name, range and help. What an option is
// bound to must outlive the table.
#pragma once

#include <string>

#include "models/nets/architecture.h"
#include "models/permission.h"
#include "training/cli/options.h"
#include "training/data/picture_source.h"
#include "training/trust/trust_options.h"

namespace hepar {

// The labeled scans that a verb reads.
struct ScanOptions {
  std::string path, folds;
  int fold = -1;
  SourceOptions source;
};

// The device and the threads of LibTorch's operators.
struct DeviceOptions {
  std::string name = "auto";
  int threads = 1;
};

// --model; `what` says what it is for: "the model bundle to evaluate". Required.
void AddModelOption(OptionTable* table, std::string* path, const std::string& what);
// --allow-code, --model-sha256 and --trusted-keys, for verbs that open model files.
void AddPermissionOptions(OptionTable* table, ModelPermission* permission);
// --trusted-keys alone; `help` says what they are for.
void AddTrustedKeysOption(OptionTable* table, std::string* path, const std::string& help);
// --data, required; `what` says what it is for.
void AddDataOption(OptionTable* table, ScanOptions* scans, const std::string& what);
// --folds and --fold; `help` says what --fold does.
void AddFoldOptions(OptionTable* table, ScanOptions* scans, const std::string& help);
// --part: "all", "train", "validation" or "test".
void AddPartOption(OptionTable* table, std::string* part, const std::string& verb);
// --frames-per-video and --frame-step, which select the frames of recordings.
void AddSourceOptions(OptionTable* table, SourceOptions* source);
// --device and --threads.
void AddDeviceOptions(OptionTable* table, DeviceOptions* device);
// --seed; `what` says what is random.
template <typename T>
void AddSeedOption(OptionTable* table, T* seed, const std::string& what) {
  table->Integer("seed", seed, 0, 2147483647, "Seed of " + what);
}
// --size and --widths.
void AddDecouplerOptions(OptionTable* table, std::string* size, std::string* widths);
// --unfamiliar-share, --unfamiliar-confidence and --abstain-share.
void AddTrustOptions(OptionTable* table, TrustOptions* options);

// The folder or file that a path names, without the folders above it.
std::string LastPart(const std::string& path);

// Gives `architecture` the decouplers that --size and --widths name; widths may be empty. Throws
// Error(kInvalid) as DecouplerShapeOf() and WithWidths() do.
void SetDecouplers(const std::string& size, const std::string& widths, Architecture* architecture);

}  // namespace hepar
