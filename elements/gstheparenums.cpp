// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparenums.h"

#include "models/engine/engine.h"

GType gst_hepar_on_error_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_HEPAR_ON_ERROR_WARN, "Post a warning and let the frame pass", "warn"},
        {GST_HEPAR_ON_ERROR_ERROR, "Post an error and stop", "error"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparOnError", values);
  }();
  return type;
}

GType gst_hepar_precision_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {static_cast<gint>(hepar::Precision::kFp32), "32-bit floating point", "fp32"},
        {static_cast<gint>(hepar::Precision::kBf16), "16-bit brain floating point", "bf16"},
        {static_cast<gint>(hepar::Precision::kFp16), "16-bit floating point", "fp16"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparPrecision", values);
  }();
  return type;
}

GType gst_hepar_mode_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_HEPAR_MODE_AUTO, "newest if upstream is live, else sync", "auto"},
        {GST_HEPAR_MODE_SYNC, "Grade each frame before it goes on", "sync"},
        {GST_HEPAR_MODE_NEWEST, "Never hold a frame; grade the newest frame on a worker thread",
         "newest"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparMode", values);
  }();
  return type;
}

GType gst_hepar_unfamiliar_get_type() {
  static const GType type = [] {
    static const GEnumValue values[] = {
        {GST_HEPAR_UNFAMILIAR_GRADE, "Give a grade, with wider probabilities", "grade"},
        {GST_HEPAR_UNFAMILIAR_WITHHOLD, "Give no grade", "withhold"},
        {0, nullptr, nullptr},
    };
    return g_enum_register_static("GstHeparUnfamiliar", values);
  }();
  return type;
}
