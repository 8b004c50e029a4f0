// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hepar {

// What one attack with one budget leaves of a model, always measured on the whole model.
struct RobustnessRow {
  std::string attack;             // "clean", an attack with its options, or "worst case".
  double epsilon = 0.0;           // Budget of the maximum norm, in units of pictures in [0,1].
  std::string source, source_id;  // Name and id of the model whose gradients made the pictures;
                                  // empty where they are the model's own.
  bool eight_bit = false;         // Shown as a source of 8 bits would deliver them.
  bool holds_features = false;    // Made with the features of the clean pictures held.
  std::vector<int> counts, hits;  // Pictures, and those that were right, of each class.
  double seconds = 0.0;           // That making and showing the pictures took; 0 for a row of what
                                  // was made for another.

  void Add(int label, bool right);  // Of a class that counts and hits have.
  int Pictures() const;
  int Hits() const;
};

struct RobustnessReport {
  struct LeftOut {
    std::string attack, reason;
  };
  std::vector<std::string> class_names;
  int patients = 0;  // That the pictures are of.
  std::vector<RobustnessRow> rows;
  std::vector<LeftOut> left_out;  // Attacks that the model does not allow.
};

// As text: accuracy in percent, pooled with its Wilson interval and by class, and under the table a
// line for each kind of row that says what it does not show.
std::string RobustnessTable(const RobustnessReport& report);

// {"pictures", "patients", "per_class_pictures", "results": [row, ...], "left_out": [...]}. A row:
// "attack", "epsilon", "pictures", "hits", "accuracy", "wilson" [low, high], "per_class",
// "eight_bit", "gradients" ("end2end", "image" for held features), "weak", "source" and "source_id"
// (null for the model's own), "seconds". What is not a number is null.
nlohmann::ordered_json RobustnessToJson(const RobustnessReport& report);

}  // namespace hepar
