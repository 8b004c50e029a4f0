// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/classification_meta.h"

#include <gst/analytics/analytics.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace hepar {
namespace {

using Classes = std::vector<std::pair<std::string, float>>;

// The classifications of a buffer, as a program reads them that knows nothing of this project.
std::vector<Classes> Read(GstBuffer* buffer) {
  std::vector<Classes> all;
  GstAnalyticsRelationMeta* meta = gst_buffer_get_analytics_relation_meta(buffer);
  if (meta == nullptr) return all;
  gpointer state = nullptr;
  GstAnalyticsMtd mtd;
  while (gst_analytics_relation_meta_iterate(meta, &state, gst_analytics_cls_mtd_get_mtd_type(),
                                             &mtd)) {
    Classes classes;
    for (gsize i = 0; i < gst_analytics_cls_mtd_get_length(&mtd); ++i) {
      classes.emplace_back(g_quark_to_string(gst_analytics_cls_mtd_get_quark(&mtd, i)),
                           gst_analytics_cls_mtd_get_level(&mtd, i));
    }
    all.push_back(classes);
  }
  return all;
}

GstHeparSeverity Severity(int grade, const std::string& label) {
  GstHeparSeverity severity;
  severity.grade = grade;
  severity.label = label;
  severity.class_names = {"normal", "mild"};
  severity.probabilities = {0.25, 0.75};
  return severity;
}

TEST(ClassificationMetaTest, AGradeIsAClassificationOfTheFrame) {
  g_autoptr(GstBuffer) buffer = gst_buffer_new();
  AddClassification(buffer, Severity(1, "mild"));
  EXPECT_EQ(Read(buffer), (std::vector<Classes>{{{"normal", 0.25F}, {"mild", 0.75F}}}));
}

TEST(ClassificationMetaTest, WithoutAGradeTheLeadingClassIsNoGrade) {
  g_autoptr(GstBuffer) buffer = gst_buffer_new();
  AddClassification(buffer, Severity(-1, "not a liver view"));
  EXPECT_EQ(Read(buffer), (std::vector<Classes>{{{"not a liver view", 1.0F}}}));
}

TEST(ClassificationMetaTest, WhatOthersAddedStays) {
  g_autoptr(GstBuffer) buffer = gst_buffer_new();
  GstAnalyticsClsMtd other;
  gst_analytics_relation_meta_add_one_cls_mtd(gst_buffer_add_analytics_relation_meta(buffer), 0.5F,
                                              g_quark_from_string("probe"), &other);
  AddClassification(buffer, Severity(0, "normal"));
  const std::vector<Classes> all = Read(buffer);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0], (Classes{{"probe", 0.5F}}));
  EXPECT_EQ(all[1][0].first, "normal");
}

}  // namespace
}  // namespace hepar
