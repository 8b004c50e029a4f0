// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparcolorspace
 * @title: heparcolorspace
 * @short_description: Prepares ultrasound video for the liver grading network
 * @see_also: hepardecouple, heparclassify, heparbin
 *
 * Finds the ultrasound sector in each frame, masks everything outside it (burned-in text, scales,
 * ECG traces), resizes it to the model's input and converts it to the planes that the model
 * selects. The video itself passes through unchanged. The prepared frame is attached to the buffer
 * as a handle, from which elements downstream also take the model. For research use only.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc ! heparcolorspace model=liver.hepar sector=full ! heparclassify !
 *     heparoverlay ! videoconvert ! autovideosink
 * ]| Grades simulated scans, with the whole frame as the ultrasound image.
 *
 * Since: 0.1
 */

#include "elements/gstheparcolorspace.h"

#include <string>

GST_DEBUG_CATEGORY_STATIC(gst_hepar_colorspace_debug);
#define GST_CAT_DEFAULT gst_hepar_colorspace_debug

struct _GstHeparColorspace {
  GstHeparInference parent;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparColorspace, gst_hepar_colorspace, GST_TYPE_HEPAR_INFERENCE,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_colorspace_debug, "heparcolorspace", 0,
                                                "Preparation of ultrasound frames"))
GST_ELEMENT_REGISTER_DEFINE(heparcolorspace, "heparcolorspace", GST_RANK_NONE,
                            GST_TYPE_HEPAR_COLORSPACE)

enum { PROP_SECTOR = 1 };

static void gst_hepar_colorspace_set_property(GObject* object, guint id, const GValue* value,
                                              GParamSpec* pspec) noexcept {
  switch (id) {
    case PROP_SECTOR: {
      const char* sector = g_value_get_string(value);
      gst_hepar_inference_set_sector(GST_HEPAR_INFERENCE(object), sector ? sector : "");
      break;
    }
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_colorspace_get_property(GObject* object, guint id, GValue* value,
                                              GParamSpec* pspec) noexcept {
  switch (id) {
    case PROP_SECTOR: {
      const std::string sector = gst_hepar_inference_get_sector(GST_HEPAR_INFERENCE(object));
      g_value_set_string(value, sector.empty() ? nullptr : sector.c_str());
      break;
    }
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static GstFlowReturn gst_hepar_colorspace_process(GstHeparInference* self, GstBuffer* buffer,
                                                  hepar::LazyFrame* picture) {
  gst_hepar_inference_prepare(self, buffer, picture);
  return GST_FLOW_OK;
}

static void gst_hepar_colorspace_init(GstHeparColorspace*) {}

static void gst_hepar_colorspace_class_init(GstHeparColorspaceClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);

  object_class->set_property = gst_hepar_colorspace_set_property;
  object_class->get_property = gst_hepar_colorspace_get_property;

  /**
   * GstHeparColorspace:sector:
   *
   * The position of the ultrasound image: `auto` finds it, `full` is the whole frame, `x,y,w,h` is
   * a rectangle in pixels. If unset, the rule that the model was trained with applies.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SECTOR,
      g_param_spec_string("sector", "Sector",
                          "Position of the ultrasound image: auto, full or x,y,w,h; unset uses "
                          "the model's rule",
                          nullptr,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));

  gst_element_class_set_static_metadata(
      element_class, "Liver ultrasound color space", "Filter/Analyzer/Video",
      "Prepares ultrasound video for the liver grading network", "The gst-hepar Authors");

  GST_HEPAR_INFERENCE_CLASS(klass)->process = gst_hepar_colorspace_process;
}
