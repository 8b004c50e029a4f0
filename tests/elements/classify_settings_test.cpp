// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/classify_settings.h"

#include <gst/gst.h>
#include <gtest/gtest.h>

#include <chrono>

namespace hepar {
namespace {

TEST(ClassifySettingsTest, EachPropertyReadsBackWhatWasSet) {
  ClassifySettings settings;
  g_auto(GValue) uint = G_VALUE_INIT;
  g_value_init(&uint, G_TYPE_UINT);
  for (const guint id : {ClassifySettings::kInterval, ClassifySettings::kBatch,
                         ClassifySettings::kBatchDeadline, ClassifySettings::kThreads}) {
    g_value_set_uint(&uint, 7 + id);
    EXPECT_TRUE(settings.SetProperty(id, &uint));
    g_value_set_uint(&uint, 0);
    EXPECT_TRUE(settings.GetProperty(id, &uint));
    EXPECT_EQ(g_value_get_uint(&uint), 7 + id);
  }
  EXPECT_EQ(settings.batch.deadline,
            std::chrono::milliseconds(7 + ClassifySettings::kBatchDeadline));

  g_auto(GValue) number = G_VALUE_INIT;
  g_value_init(&number, G_TYPE_DOUBLE);
  for (const guint id : {ClassifySettings::kSmoothing, ClassifySettings::kMinConfidence}) {
    g_value_set_double(&number, 0.125 * id);
    EXPECT_TRUE(settings.SetProperty(id, &number));
    g_value_set_double(&number, 0.0);
    EXPECT_TRUE(settings.GetProperty(id, &number));
    EXPECT_EQ(g_value_get_double(&number), 0.125 * id);
  }
  EXPECT_EQ(settings.decision.seconds, 0.125 * ClassifySettings::kSmoothing);

  g_auto(GValue) flag = G_VALUE_INIT;
  g_value_init(&flag, G_TYPE_BOOLEAN);
  g_value_set_boolean(&flag, FALSE);
  EXPECT_TRUE(settings.SetProperty(ClassifySettings::kCheckView, &flag));
  g_value_set_boolean(&flag, TRUE);
  EXPECT_TRUE(settings.SetProperty(ClassifySettings::kPostStats, &flag));
  EXPECT_TRUE(settings.post_stats);
  EXPECT_TRUE(settings.GetProperty(ClassifySettings::kCheckView, &flag));
  EXPECT_FALSE(g_value_get_boolean(&flag));

  g_auto(GValue) mode = G_VALUE_INIT;
  g_value_init(&mode, gst_hepar_mode_get_type());
  g_value_set_enum(&mode, GST_HEPAR_MODE_NEWEST);
  EXPECT_TRUE(settings.SetProperty(ClassifySettings::kMode, &mode));
  EXPECT_EQ(settings.mode, GST_HEPAR_MODE_NEWEST);

  g_auto(GValue) unfamiliar = G_VALUE_INIT;
  g_value_init(&unfamiliar, gst_hepar_unfamiliar_get_type());
  g_value_set_enum(&unfamiliar, GST_HEPAR_UNFAMILIAR_WITHHOLD);
  EXPECT_TRUE(settings.SetProperty(ClassifySettings::kUnfamiliar, &unfamiliar));
  EXPECT_TRUE(settings.decision.withhold_unfamiliar);
  g_value_set_enum(&unfamiliar, GST_HEPAR_UNFAMILIAR_GRADE);
  EXPECT_TRUE(settings.GetProperty(ClassifySettings::kUnfamiliar, &unfamiliar));
  EXPECT_EQ(g_value_get_enum(&unfamiliar), GST_HEPAR_UNFAMILIAR_WITHHOLD);
}

TEST(ClassifySettingsTest, TheStatisticsAreNoSetting) {
  g_auto(GValue) value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_STRUCTURE);
  EXPECT_FALSE(ClassifySettings().GetProperty(ClassifySettings::kStats, &value));
  EXPECT_FALSE(ClassifySettings().SetProperty(ClassifySettings::kStats, &value));
}

}  // namespace
}  // namespace hepar
