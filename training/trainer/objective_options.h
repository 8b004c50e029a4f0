// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What configures the objectives, without LibTorch's headers.
#pragma once

#include <vector>

#include "models/named_values.h"
#include "training/trainer/class_schedule.h"

namespace hepar {

// The high-pass filter of the edge loss.
enum class EdgeFilter {
  kLaplacian,  // 3x3 [0 1 0; 1 -4 1; 0 1 0], replicated borders: the operator that the paper names.
  kPyramid,    // x - G(up(down(G x))) with the 5-tap [.05 .25 .4 .25 .05] and up-sampling by zeros
               // and a factor of 4: one level of a Laplacian pyramid (Burt and Adelson 1983), as in
               // the works that the paper takes the loss from.
};
inline constexpr NamedValue<EdgeFilter> kEdgeFilters[] = {{"laplacian", EdgeFilter::kLaplacian},
                                                          {"pyramid", EdgeFilter::kPyramid}};

// What IC1's logits predict.
enum class AuxiliaryTarget {
  kOneHot,   // "Is it grade k?", for each of the K grades.
  kOrdinal,  // "Is it at least grade k?", for k = 1..K-1; the first of the K logits is not used.
};
inline constexpr NamedValue<AuxiliaryTarget> kAuxiliaryTargets[] = {
    {"one-hot", AuxiliaryTarget::kOneHot}, {"ordinal", AuxiliaryTarget::kOrdinal}};

struct JointObjectiveOptions {
  double lambda1 = 1.0;  // Weight of L_c, reconstruction (IC2).
  double lambda2 = 1.0;  // Weight of L_s, auxiliary prediction (IC1).
  double lambda3 = 1.0;  // Weight of the severity loss.
  double xi = 1e-3;      // Smoothing of the edge loss at zero.
  EdgeFilter edge_filter = EdgeFilter::kLaplacian;
  AuxiliaryTarget auxiliary_target = AuxiliaryTarget::kOneHot;
  double label_smoothing = 0.0;
  // Standard deviation of the cut points between grades, in grades, that scans with a percentage of
  // fat are graded by; 0: their target is one grade.
  double soft_grades = 0.0;
  // Weights of the classes in the severity loss, of mean 1 over the training part; empty: none.
  std::vector<double> class_weights;
  bool detach_features = false;  // The severity loss does not train the decouplers.
};

struct AdversarialOptions {
  // What an attack on the training pictures reaches.
  enum class Scope {
    kImage,     // The classifier's view of the picture; Feat1 and Feat2 stay those of the clean one
                // (figure 2 of the paper: perturbed images are concatenated with the features).
    kEndToEnd,  // Everything: features are computed from the attacked picture.
  };
  // Whose accuracy moves the budgets of the classes.
  enum class Accuracy {
    kRobust,       // On the attacked training pictures, in evaluation mode (algorithm 1).
    kRobustTrain,  // The same in training mode, dropout and batch statistics included.
    kClean,        // On the clean training pictures, in evaluation mode.
    kValidation,   // On the attacked validation part.
  };

  JointObjectiveOptions joint;  // lambda3 weights L_at.
  ClassScheduleOptions schedule;
  Scope scope = Scope::kImage;
  Accuracy accuracy = Accuracy::kRobust;
  int steps = 10;          // Of the inner maximization.
  double step_size = 0.0;  // Units of the [0,1] input; 0: a quarter of each picture's budget.
  bool luma_only = false;  // The attack moves the gray level, the same for R, G and B.
  // The net that the training attack sees computes in bfloat16, which CPUs with AVX512-BF16 do
  // about twice as fast; the losses do not. The attack only uses the signs of the gradient.
  bool bf16_attack = false;
  bool detach_clean = false;  // The divergence does not train the clean branch.
};
inline constexpr NamedValue<AdversarialOptions::Scope> kAttackScopes[] = {
    {"image", AdversarialOptions::Scope::kImage},
    {"end2end", AdversarialOptions::Scope::kEndToEnd}};
inline constexpr NamedValue<AdversarialOptions::Accuracy> kAccuracySources[] = {
    {"robust", AdversarialOptions::Accuracy::kRobust},
    {"robust-train-mode", AdversarialOptions::Accuracy::kRobustTrain},
    {"clean", AdversarialOptions::Accuracy::kClean},
    {"validation", AdversarialOptions::Accuracy::kValidation}};

}  // namespace hepar
