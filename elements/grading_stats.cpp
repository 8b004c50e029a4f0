// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/grading_stats.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace hepar {

void GradingStats::Start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  started_ = true;
  counts_ = FrameCounts();
}

bool GradingStats::started() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return started_;
}

void GradingStats::AddFrame(gint64 now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  arrivals_[counts_.frames % arrivals_.size()] = now;
  ++counts_.frames;
}

void GradingStats::AddGraded(double inference_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  inference_ms_[counts_.graded % inference_ms_.size()] = inference_ms;
  ++counts_.graded;
}

void GradingStats::AddSkipped() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.skipped;
}

void GradingStats::AddError() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.errors;
}

FrameCounts GradingStats::Count(guint64 dropped) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  FrameCounts counts = counts_;
  counts.skipped += dropped;
  return counts;
}

GstStructure* GradingStats::ToStructure(guint64 dropped) const {
  const FrameCounts counts = Count(dropped);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = std::min<guint64>(counts_.graded, inference_ms_.size());
  std::vector<double> ms(inference_ms_.begin(),
                         inference_ms_.begin() + static_cast<std::ptrdiff_t>(known));
  std::sort(ms.begin(), ms.end());
  const auto percentile = [&ms](std::size_t percent) {
    return ms.empty() ? 0.0 : ms[(ms.size() - 1) * percent / 100];
  };
  const double mean =
      ms.empty() ? 0.0
                 : std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
  return gst_structure_new("hepar-stats", "frames", G_TYPE_UINT64, counts.frames, "graded",
                           G_TYPE_UINT64, counts.graded, "skipped", G_TYPE_UINT64, counts.skipped,
                           "errors", G_TYPE_UINT64, counts.errors, "inference-mean", G_TYPE_DOUBLE,
                           mean, "inference-p50", G_TYPE_DOUBLE, percentile(50), "inference-p99",
                           G_TYPE_DOUBLE, percentile(99), "inference-max", G_TYPE_DOUBLE,
                           percentile(100), "fps", G_TYPE_DOUBLE, FramesPerSecond(), nullptr);
}

// Called with the mutex held.
double GradingStats::FramesPerSecond() const {
  const guint64 frames = counts_.frames;
  if (frames < 2) return 0.0;
  const gint64 newest = arrivals_[(frames - 1) % arrivals_.size()];
  const guint64 count = std::min<guint64>(frames, arrivals_.size());
  const gint64 oldest = arrivals_[(frames - count) % arrivals_.size()];
  return newest == oldest ? 0.0
                          : static_cast<double>(count - 1) * G_TIME_SPAN_SECOND /
                                static_cast<double>(newest - oldest);
}

}  // namespace hepar
