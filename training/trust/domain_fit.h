// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "models/domain/domain_model.h"

namespace hepar {

// Pictures of the domain, each with the patient that it is of.
struct DescribedPictures {
  std::vector<PictureDescriptor> descriptors;
  std::vector<std::string> patients;
};

// The Gaussian of these pictures; each patient weighs the same, however many pictures are of it.
// The correlations are shrunk toward none, as they are of few patients: L L^T = (1 - s) C + s I
// with s = `shrinkage`, 0..1, and C the correlation matrix. Throws Error(kInvalid) for parts of
// unlike length or without a picture.
DomainModel FitDomain(const DescribedPictures& pictures, double shrinkage);

// The correlations of the descriptor are typical of a scanner: a distance that keeps them separates
// scanners, one that shrinks them separates organs.
inline constexpr double kViewShrinkage = 0.3;     // Of DomainModel::factor.
inline constexpr double kScannerShrinkage = 0.1;  // Of Familiarity::factor.

// The score of each picture by a model that is fitted to pictures of other patients: to those of
// all others or, of more than 100 patients, of 99 in 100. Throws Error(kMismatch) for less than
// three patients.
std::vector<double> LeavePatientOutScores(const DescribedPictures& pictures, double shrinkage);

// The score that the share `rate` (0..1) of the pictures is above, where each patient weighs the
// same. `scores` must not be empty.
double UpperQuantile(const std::vector<double>& scores, const std::vector<std::string>& patients,
                     double rate);

}  // namespace hepar
