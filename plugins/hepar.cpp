// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:plugin-hepar
 * @title: hepar
 * @short_description: Grades fatty liver on live ultrasound; for research use only
 */

#include "elements/gstheparbin.h"
#include "elements/gstheparclassify.h"
#include "elements/gstheparcolorspace.h"
#include "elements/gsthepardecouple.h"
#include "elements/gstheparoverlay.h"
#include "elements/gstheparseveritymeta.h"
#include "elements/gstheparsimsrc.h"

static gboolean plugin_init(GstPlugin* plugin) {
  gst_hepar_severity_meta_register();
  return GST_ELEMENT_REGISTER(heparsimsrc, plugin) &&
         GST_ELEMENT_REGISTER(heparcolorspace, plugin) &&
         GST_ELEMENT_REGISTER(hepardecouple, plugin) &&
         GST_ELEMENT_REGISTER(heparclassify, plugin) &&
         GST_ELEMENT_REGISTER(heparoverlay, plugin) && GST_ELEMENT_REGISTER(heparbin, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, hepar,
                  "Grades fatty liver on live ultrasound; for research use only", plugin_init,
                  VERSION, "LGPL", PACKAGE, "Unknown package origin")
