// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/extra_data.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <set>
#include <string>

#include "models/error.h"
#include "models/sha256.h"

namespace hepar {
namespace {

// `indices`, again and again, `count` in all.
std::vector<int> Cycled(const std::vector<int>& indices, std::size_t count) {
  std::vector<int> cycled;
  for (std::size_t i = 0; i < count; ++i) cycled.push_back(indices[i % indices.size()]);
  return cycled;
}

}  // namespace

Dataset Joined(const Dataset& data, const Dataset& extra) {
  if (extra.class_names != data.class_names) {
    throw Error(ErrorKind::kMismatch, "the extra data has other classes than the data");
  }
  std::set<std::string> patients;
  for (const Sample& sample : data.samples) patients.insert(sample.patient);
  Dataset joined = data;
  for (const Sample& sample : extra.samples) {
    if (patients.count(sample.patient) > 0) {
      throw Error(ErrorKind::kMismatch, "patient '" + sample.patient +
                                            "' is in the data and in the extra data; a patient of "
                                            "a held-out part would train");
    }
    joined.samples.push_back(sample);
  }
  Sha256 digest;
  digest.Add(data.digest.data(), data.digest.size());
  digest.Add(extra.digest.data(), extra.digest.size());
  joined.digest = digest.Hex();
  return joined;
}

std::vector<int> Mixed(const std::vector<int>& part, int extra_begin, int extra_count,
                       double share) {
  if (!(share > 0.0 && share < 1.0) || part.empty() || extra_count < 1) {
    throw Error(ErrorKind::kInvalid,
                "a mixture needs samples of both kinds and a share above 0 and below 1");
  }
  std::vector<int> extra(static_cast<std::size_t>(extra_count));
  std::iota(extra.begin(), extra.end(), extra_begin);
  const double odds = share / (1.0 - share);  // Extra samples for one of the part.
  const auto wanted =
      static_cast<std::size_t>(std::llround(static_cast<double>(part.size()) * odds));
  std::vector<int> mixed;
  if (wanted >= extra.size()) {
    mixed = part;
    extra = Cycled(extra, wanted);
  } else {
    mixed = Cycled(
        part, static_cast<std::size_t>(std::llround(static_cast<double>(extra.size()) / odds)));
  }
  mixed.insert(mixed.end(), extra.begin(), extra.end());
  return mixed;
}

}  // namespace hepar
