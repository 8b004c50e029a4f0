// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-hepardecouple
 * @title: hepardecouple
 * @short_description: Splits liver ultrasound into specific and common features
 * @see_also: heparcolorspace, heparclassify, heparoverlay
 *
 * Provides the results of the two decoupling networks: features specific to the grade (Feat1),
 * features common to all grades (Feat2), the auxiliary prediction and the reconstruction. The
 * networks run once per frame, when an element downstream first asks for a result, so heparclassify
 * chooses the thread. With `eager` they run here. The video passes through unchanged. For research
 * use only.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc ! hepardecouple model=liver.hepar eager=true !
 *     heparoverlay view=specific ! videoconvert ! autovideosink
 * ]| Shows the features that are specific to the grade, without grading.
 *
 * Since: 0.1
 */

#include "elements/gsthepardecouple.h"

#include <atomic>

GST_DEBUG_CATEGORY_STATIC(gst_hepar_decouple_debug);
#define GST_CAT_DEFAULT gst_hepar_decouple_debug

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparDecouplePrivate {
  std::atomic<bool> eager{false};
};

struct _GstHeparDecouple {
  GstHeparInference parent;
  GstHeparDecouplePrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparDecouple, gst_hepar_decouple, GST_TYPE_HEPAR_INFERENCE,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_decouple_debug, "hepardecouple", 0,
                                                "Feature decoupling"))
GST_ELEMENT_REGISTER_DEFINE(hepardecouple, "hepardecouple", GST_RANK_NONE, GST_TYPE_HEPAR_DECOUPLE)

enum { PROP_EAGER = 1 };

static void gst_hepar_decouple_set_property(GObject* object, guint id, const GValue* value,
                                            GParamSpec* pspec) noexcept {
  switch (id) {
    case PROP_EAGER:
      GST_HEPAR_DECOUPLE(object)->priv->eager = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void gst_hepar_decouple_get_property(GObject* object, guint id, GValue* value,
                                            GParamSpec* pspec) noexcept {
  switch (id) {
    case PROP_EAGER:
      g_value_set_boolean(value, GST_HEPAR_DECOUPLE(object)->priv->eager);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static bool gst_hepar_decouple_runs_network(GstHeparInference* inference) noexcept {
  return GST_HEPAR_DECOUPLE(inference)->priv->eager;
}

static GstFlowReturn gst_hepar_decouple_process(GstHeparInference* inference, GstBuffer* buffer,
                                                hepar::LazyFrame* picture) {
  const auto frame = gst_hepar_inference_get_frame(inference, buffer, picture);
  picture->Unmap();
  if (frame != nullptr && GST_HEPAR_DECOUPLE(inference)->priv->eager) frame->Decouple();
  return GST_FLOW_OK;
}

static void gst_hepar_decouple_finalize(GObject* object) noexcept {
  delete GST_HEPAR_DECOUPLE(object)->priv;
  G_OBJECT_CLASS(gst_hepar_decouple_parent_class)->finalize(object);
}

static void gst_hepar_decouple_init(GstHeparDecouple* self) {
  self->priv = new GstHeparDecouplePrivate;
}

static void gst_hepar_decouple_class_init(GstHeparDecoupleClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* inference_class = GST_HEPAR_INFERENCE_CLASS(klass);

  object_class->set_property = gst_hepar_decouple_set_property;
  object_class->get_property = gst_hepar_decouple_get_property;
  object_class->finalize = gst_hepar_decouple_finalize;

  /**
   * GstHeparDecouple:eager:
   *
   * Run the networks here, for each frame and on the streaming thread, and not when an element
   * downstream first asks for their results.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_EAGER,
      g_param_spec_boolean("eager", "Eager",
                           "Run the networks here, and not when downstream asks for their results",
                           FALSE,
                           static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                    GST_PARAM_MUTABLE_PLAYING)));

  gst_element_class_set_static_metadata(
      element_class, "Liver ultrasound decoupler", "Filter/Analyzer/Video",
      "Splits liver ultrasound into specific and common features", "The gst-hepar Authors");

  inference_class->process = gst_hepar_decouple_process;
  inference_class->runs_network = gst_hepar_decouple_runs_network;
}
