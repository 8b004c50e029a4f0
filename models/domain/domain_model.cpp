// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/domain/domain_model.h"

#include <array>
#include <cmath>
#include <cstddef>

#include "models/error.h"

namespace hepar {

double DomainModel::Score(const PictureDescriptor& descriptor,
                          const std::vector<double>& triangle) const {
  constexpr std::size_t d = kDescriptorSize;
  if (mean.size() != d || scale.size() != d || triangle.size() != TriangleSize(d)) {
    throw Error(ErrorKind::kInvalid,
                "the out-of-domain score is not one of " + std::to_string(d) + " numbers");
  }
  // Forward substitution; the squares of its results add up to the distance.
  std::array<double, d> y;
  double square = 0.0;
  const double* row = triangle.data();
  for (std::size_t i = 0; i < d; ++i) {
    double rest = (descriptor[i] - mean[i]) / scale[i];
    for (std::size_t k = 0; k < i; ++k) rest -= row[k] * y[k];
    y[i] = rest / row[i];
    square += y[i] * y[i];
    row += i + 1;
  }
  return std::sqrt(square / d);
}

}  // namespace hepar
