// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

#include "models/domain/picture_descriptor.h"

namespace hepar {

// What the pictures of a model's own domain look like: a Gaussian of their descriptors, as a bundle
// keeps it. With z = (descriptor - mean) / scale the covariance of z is L L^T.
struct DomainModel {
  std::vector<double> mean;   // d values, one for each number of the descriptor.
  std::vector<double> scale;  // d standard deviations, above 0.
  std::vector<double>
      factor;  // d (d + 1) / 2: the lower triangle of L, row by row; diagonal above 0.

  // Mahalanobis distance of a descriptor from the mean, over sqrt(d), so that it is about 1 for a
  // picture of the domain whatever d is: |L^-1 z| / sqrt(d). Throws Error(kInvalid) unless all
  // parts are of the descriptor's size.
  double Score(const PictureDescriptor& descriptor) const { return Score(descriptor, factor); }
  // The same with another triangle in the place of `factor`.
  double Score(const PictureDescriptor& descriptor, const std::vector<double>& triangle) const;

  friend bool operator==(const DomainModel& a, const DomainModel& b) {
    return a.mean == b.mean && a.scale == b.scale && a.factor == b.factor;
  }
};

// How many numbers the lower triangle of a d x d matrix has.
constexpr int TriangleSize(int d) { return d * (d + 1) / 2; }

}  // namespace hepar
