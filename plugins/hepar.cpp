// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:plugin-hepar
 * @title: hepar
 * @short_description: Grades fatty liver on live ultrasound; for research use only
 */

#include <string>

#include "elements/gstheparbin.h"
#include "elements/gstheparclassify.h"
#ifdef HEPAR_HAVE_DICOM
#include "elements/gstheparcinesrc.h"
#include "elements/gsthepardicomdec.h"
#endif
#include "elements/gstheparcolorspace.h"
#include "elements/gsthepardecouple.h"
#include "elements/gstheparoverlay.h"
#include "elements/gstheparoverlaymeta.h"
#include "elements/gstheparpublish.h"
#include "elements/gstheparreplay.h"
#include "elements/gstheparscanmeta.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/gstheparsimsrc.h"
#include "models/log.h"

GST_DEBUG_CATEGORY_STATIC(hepar_models_debug);

static void log_message(hepar::LogLevel level, const std::string& message) {
  const GstDebugLevel gst_level = level == hepar::LogLevel::kWarning ? GST_LEVEL_WARNING
                                  : level == hepar::LogLevel::kInfo  ? GST_LEVEL_INFO
                                                                     : GST_LEVEL_DEBUG;
  GST_CAT_LEVEL_LOG(hepar_models_debug, gst_level, nullptr, "%s", message.c_str());
}

// Sends what models/ says of devices and backends to a debug category of its own.
static void log_models() {
  GST_DEBUG_CATEGORY_INIT(hepar_models_debug, "heparmodels", 0, "Devices, backends and kernels");
  hepar::SetLogSink(log_message);
}

static gboolean register_dicom([[maybe_unused]] GstPlugin* plugin) {
#ifdef HEPAR_HAVE_DICOM
  return GST_ELEMENT_REGISTER(heparcinesrc, plugin) &&
         GST_ELEMENT_REGISTER(hepardicomdec, plugin) && gst_hepar_dicom_type_find_register(plugin);
#else
  return TRUE;
#endif
}

static gboolean plugin_init(GstPlugin* plugin) {
  log_models();
  gst_hepar_overlay_meta_register();
  gst_hepar_scan_meta_register();
  gst_hepar_severity_meta_register();
  return register_dicom(plugin) && GST_ELEMENT_REGISTER(heparsimsrc, plugin) &&
         GST_ELEMENT_REGISTER(heparcolorspace, plugin) &&
         GST_ELEMENT_REGISTER(hepardecouple, plugin) &&
         GST_ELEMENT_REGISTER(heparclassify, plugin) &&
         GST_ELEMENT_REGISTER(heparoverlay, plugin) && GST_ELEMENT_REGISTER(heparpublish, plugin) &&
         GST_ELEMENT_REGISTER(heparreplay, plugin) && GST_ELEMENT_REGISTER(heparbin, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, hepar,
                  "Grades fatty liver on live ultrasound; for research use only", plugin_init,
                  VERSION, "LGPL", PACKAGE, "Unknown package origin")
