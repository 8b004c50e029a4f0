// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/inference_settings.h"

#include <gst/gst.h>
#include <gtest/gtest.h>

namespace hepar {
namespace {

TEST(InferenceSettingsTest, EachPropertyReadsBackWhatWasSet) {
  InferenceSettings settings;
  g_auto(GValue) text = G_VALUE_INIT;
  g_value_init(&text, G_TYPE_STRING);
  g_value_set_string(&text, "liver.hepar");
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kModel, &text));
  g_value_set_string(&text, "cuda:1");
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kDevice, &text));
  EXPECT_EQ(settings.engine.model, "liver.hepar");
  EXPECT_TRUE(settings.GetProperty(InferenceSettings::kDevice, &text));
  EXPECT_STREQ(g_value_get_string(&text), "cuda:1");

  g_value_set_string(&text, "/etc/hepar/keys");
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kTrustedKeys, &text));
  EXPECT_EQ(settings.engine.permission.trusted_keys, "/etc/hepar/keys");
  g_value_set_string(&text, "");
  EXPECT_TRUE(settings.GetProperty(InferenceSettings::kTrustedKeys, &text));
  EXPECT_STREQ(g_value_get_string(&text), "/etc/hepar/keys");

  g_auto(GValue) precision = G_VALUE_INIT;
  g_value_init(&precision, gst_hepar_precision_get_type());
  g_value_set_enum(&precision, static_cast<gint>(Precision::kBf16));
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kPrecision, &precision));
  EXPECT_EQ(settings.engine.precision, Precision::kBf16);

  g_auto(GValue) on_error = G_VALUE_INIT;
  g_value_init(&on_error, gst_hepar_on_error_get_type());
  g_value_set_enum(&on_error, GST_HEPAR_ON_ERROR_ERROR);
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kOnError, &on_error));
  EXPECT_EQ(settings.on_error, GST_HEPAR_ON_ERROR_ERROR);
}

TEST(InferenceSettingsTest, UnsetTextsAreTheDefaults) {
  InferenceSettings settings;
  settings.engine.model = "liver.hepar";
  settings.engine.device = "cpu";
  g_auto(GValue) text = G_VALUE_INIT;
  g_value_init(&text, G_TYPE_STRING);
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kModel, &text));
  EXPECT_TRUE(settings.SetProperty(InferenceSettings::kDevice, &text));
  EXPECT_EQ(settings.engine.device, EngineConfig().device);
  EXPECT_TRUE(settings.GetProperty(InferenceSettings::kModel, &text));
  EXPECT_EQ(g_value_get_string(&text), nullptr);
}

TEST(InferenceSettingsTest, TheDeviceInUseIsNoSetting) {
  g_auto(GValue) text = G_VALUE_INIT;
  g_value_init(&text, G_TYPE_STRING);
  EXPECT_FALSE(InferenceSettings().GetProperty(InferenceSettings::kActualDevice, &text));
}

}  // namespace
}  // namespace hepar
