// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/common_options.h"

#include <filesystem>

namespace hepar {

void AddModelOption(OptionTable* table, std::string* path, const std::string& what) {
  table->Path("model", path, "FILE", "The model bundle");
  table->Required(what);
}

void AddTrustedKeysOption(OptionTable* table, std::string* path, const std::string& help) {
  table->Path("trusted-keys", path, "PATH",
              help + ": a PEM file of public keys, or a folder with files *.pub");
}

void AddPermissionOptions(OptionTable* table, ModelPermission* permission) {
  table->Switch("allow-code", &permission->allow_code,
                "Run the program in a TorchScript classifier, with all of your permissions; only "
                "for files from a source that you trust");
  table->List("model-sha256", &permission->sha256, "HEX",
              "Open only model files with this SHA-256, and run the code in them; repeatable");
  AddTrustedKeysOption(table, &permission->trusted_keys,
                       "Open only models that one of these keys has signed (see 'hepar sign')");
}

void AddDataOption(OptionTable* table, ScanOptions* scans, const std::string& what) {
  table->Path("data", &scans->path, "PATH", "Labeled scans, as for 'hepar train'");
  table->Required(what);
}

void AddFoldOptions(OptionTable* table, ScanOptions* scans, const std::string& help) {
  table->Path("folds", &scans->folds, "FILE", "CSV file with the columns patient_id and fold");
  table->Integer("fold", &scans->fold, -1, 1000, help);
}

void AddPartOption(OptionTable* table, std::string* part, const std::string& verb) {
  table->Choice("part", part, {"all", "train", "validation", "test"},
                verb + " one part of the data, by the split that the model was trained with");
}

void AddSourceOptions(OptionTable* table, SourceOptions* source) {
  table->Integer("frames-per-video", &source->frames_per_video, 0, 1000000,
                 "Frames taken from a video or DICOM cine, evenly spaced; 0: all");
  table->Integer("frame-step", &source->frame_step, 1, 1000000,
                 "Consider only every n-th frame of a video or cine");
}

void AddDeviceOptions(OptionTable* table, DeviceOptions* device) {
  table->Text("device", &device->name, "NAME", "auto, cpu, cuda or cuda:N");
  table->Integer("threads", &device->threads, 1, 256, "Threads of one operator");
}

void AddDecouplerOptions(OptionTable* table, std::string* size, std::string* widths) {
  table->Choice("size", size, DecouplerSizes(), "Size of the decouplers");
  table->Text(
      "widths", widths, "C,C,C,C,M,M,M,M",
      "Widths of the stages and of their blocks, in place of those of the size; multiples of 16, "
      "or 8, fill the vector registers of processors",
      [](const std::string& text) {
        if (!text.empty()) WithWidths(DecouplerShape(), text);
      });
}

void AddTrustOptions(OptionTable* table, TrustOptions* options) {
  table->Number("unfamiliar-share", &options->unfamiliar_share, 0, 0.5,
                "Share of pictures of unseen patients on the model's own scanners that may be "
                "flagged as unfamiliar");
  table->Number("unfamiliar-confidence", &options->unfamiliar_confidence, 0.25, 0.9,
                "Target of the mean confidence on livers of unfamiliar scanners: the expected "
                "share of correct grades");
  table->Number("abstain-share", &options->abstain_share, 0, 0.9,
                "Share of answers to unseen patients, the least confident, that become "
                "\"uncertain\", unless they are more likely right than wrong; 0: none");
}

std::string LastPart(const std::string& path) {
  const std::filesystem::path name(path);
  return (name.has_filename() ? name : name.parent_path()).filename().string();
}

void SetDecouplers(const std::string& size, const std::string& widths, Architecture* architecture) {
  architecture->size = size;
  architecture->decoupler = DecouplerShapeOf(size);
  if (widths.empty()) return;
  architecture->size = "custom";
  architecture->decoupler = WithWidths(architecture->decoupler, widths);
}

}  // namespace hepar
