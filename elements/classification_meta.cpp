// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/classification_meta.h"

#include <gst/analytics/analytics.h>

#include <algorithm>
#include <vector>

namespace hepar {

void AddClassification(GstBuffer* buffer, const GstHeparSeverity& severity) {
  std::vector<GQuark> classes;
  std::vector<gfloat> levels;
  if (severity.grade >= 0) {
    const std::size_t count = std::min(severity.class_names.size(), severity.probabilities.size());
    for (std::size_t i = 0; i < count; ++i) {
      classes.push_back(g_quark_from_string(severity.class_names[i].c_str()));
      levels.push_back(static_cast<gfloat>(severity.probabilities[i]));
    }
  } else {
    classes.push_back(g_quark_from_string(severity.label.c_str()));
    levels.push_back(1.0F);
  }
  if (classes.empty()) return;
  // Another element may have added results of its own.
  GstAnalyticsRelationMeta* meta = gst_buffer_get_analytics_relation_meta(buffer);
  if (meta == nullptr) meta = gst_buffer_add_analytics_relation_meta(buffer);
  g_return_if_fail(meta != nullptr);
  GstAnalyticsClsMtd classification;
  gst_analytics_relation_meta_add_cls_mtd(meta, classes.size(), levels.data(), classes.data(),
                                          &classification);
}

}  // namespace hepar
