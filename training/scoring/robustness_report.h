// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace hepar {

// The accuracy of a model under one attack with one budget, always measured on the whole model.
struct RobustnessRow {
  std::string attack;             // "clean", an attack with its options, or "worst case".
  double epsilon = 0.0;           // Budget of the maximum norm, in units of pictures in [0,1].
  std::string source, source_id;  // Name and id of the model whose gradients made the pictures;
                                  // empty where they are the model's own.
  bool eight_bit = false;         // Rounded to the 8-bit levels that a video source delivers.
  bool holds_features = false;    // Made with the features of the clean pictures held fixed.
  std::vector<int> counts, hits;  // Pictures, and those classified correctly, by class.
  int attacked = 0;               // Pictures that were attacked for this row.
  double seconds = 0.0;           // Time that generating and scoring the pictures took; 0 for a row
                                  // whose pictures were generated for another row.

  void Add(int label, bool right);  // `label` must be a class of `counts` and `hits`.
  int Pictures() const;
  int Hits() const;
};

struct RobustnessReport {
  struct LeftOut {
    std::string attack, reason;
  };
  std::vector<std::string> class_names;
  // Hits of a row are hits on the clean picture and under every attack above it of this budget, and
  // of smaller budgets too. Otherwise each row has the hits under its own attack.
  bool cumulative = false;
  int patients = 0;  // Patients that the pictures are from.
  std::vector<RobustnessRow> rows;
  std::vector<LeftOut> left_out;  // Attacks that the model does not support.
};

}  // namespace hepar
