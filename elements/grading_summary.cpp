// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/grading_summary.h"

#include "elements/value_array.h"

namespace hepar {
namespace {

constexpr char kName[] = "hepar-summary";

}  // namespace

void GradingSummary::Begin(const FrameCounts& counts) {
  *this = GradingSummary();
  begin_ = counts;
  begin_.skipped += counts.pending();  // Their results come too late for any summary.
}

void GradingSummary::ResizeFor(std::size_t classes) {
  if (probability_sums_.size() == classes) return;
  probability_sums_.assign(classes, 0.0);
  graded_ = 0;
  seconds_.assign(classes, 0.0);
}

void GradingSummary::AddResult(const GstHeparSeverity& severity) {
  last_ = severity;
  if (severity.state == GstHeparState::kNotLiver) return;
  const std::vector<double>& probabilities = severity.raw_probabilities;
  ResizeFor(probabilities.size());
  for (std::size_t i = 0; i < probabilities.size(); ++i) probability_sums_[i] += probabilities[i];
  ++graded_;
}

void GradingSummary::AddSeconds(const GstHeparSeverity& severity, double seconds) {
  last_ = severity;
  switch (severity.state) {
    case GstHeparState::kGraded:
      ResizeFor(severity.probabilities.size());
      seconds_[static_cast<std::size_t>(severity.grade)] += seconds;
      break;
    case GstHeparState::kUncertain:
      uncertain_seconds_ += seconds;
      break;
    case GstHeparState::kUnfamiliar:
      unfamiliar_seconds_ += seconds;
      break;
    case GstHeparState::kNotLiver:
      not_liver_seconds_ += seconds;
      break;
  }
}

FrameCounts GradingSummary::Since(const FrameCounts& counts) const {
  FrameCounts since;
  since.frames = counts.frames - begin_.frames;
  since.graded = counts.graded - begin_.graded;
  since.skipped = counts.skipped - begin_.skipped;
  since.errors = counts.errors - begin_.errors;
  return since;
}

GstStructure* GradingSummary::ToStructure(const FrameCounts& counts) const {
  GstStructure* structure =
      gst_hepar_severity_to_structure(last_.value_or(GstHeparSeverity()), kName);
  gst_structure_remove_fields(structure, "fresh", "age", "inference-time", nullptr);
  if (!last_) {
    gst_structure_set(structure, "label", G_TYPE_STRING, "not graded", "state", G_TYPE_STRING,
                      "not-graded", nullptr);
    gst_structure_remove_fields(structure, "probabilities", "raw-probabilities", "class-names",
                                nullptr);
  }
  const FrameCounts since = Since(counts);
  gst_structure_set(structure, "frames", G_TYPE_UINT64, since.frames, "graded", G_TYPE_UINT64,
                    since.graded, "skipped", G_TYPE_UINT64, since.skipped, "errors", G_TYPE_UINT64,
                    since.errors, "uncertain-seconds", G_TYPE_DOUBLE, uncertain_seconds_,
                    "unfamiliar-seconds", G_TYPE_DOUBLE, unfamiliar_seconds_, "not-liver-seconds",
                    G_TYPE_DOUBLE, not_liver_seconds_, nullptr);
  if (graded_ > 0) {
    std::vector<double> mean = probability_sums_;
    for (double& value : mean) value /= static_cast<double>(graded_);
    SetArray(structure, "mean-probabilities", mean);
  }
  if (!seconds_.empty()) SetArray(structure, "seconds", seconds_);
  return structure;
}

}  // namespace hepar
