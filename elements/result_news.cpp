// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/result_news.h"

namespace hepar {

bool ResultNews::IsNew(const GstHeparSeverity& severity,
                       const std::optional<GstClockTime>& graded) {
  const bool carried =
      !severity.fresh && seen_ &&
      (graded && seen_->graded ? *graded == *seen_->graded
                               : severity.inference_time == seen_->inference_time &&
                                     severity.raw_probabilities == seen_->raw_probabilities);
  if (!carried) seen_ = Seen{graded, severity.inference_time, severity.raw_probabilities};
  return !carried;
}

bool ResultNews::IsChange(const GstHeparSeverity& severity) {
  auto state = std::make_pair(severity.label, severity.state);
  if (state_ == state) return false;
  state_ = std::move(state);
  return true;
}

}  // namespace hepar
