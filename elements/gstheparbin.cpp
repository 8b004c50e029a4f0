// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * SECTION:element-heparbin
 * @title: heparbin
 * @short_description: Grades fatty liver on ultrasound video and shows the result
 * @see_also: heparcolorspace, hepardecouple, heparclassify, heparoverlay
 *
 * The whole chain as one element: heparcolorspace, hepardecouple, heparclassify, heparoverlay. It
 * has the properties of heparcolorspace, heparclassify and heparoverlay, which are described there.
 * `model` is set on heparcolorspace, from which the other elements take it. Messages and results on
 * buffers are those of the elements inside, which are called `colorspace`, `decouple`, `classify`
 * and `overlay`. Element messages also have the field `bin`, the name of this element, and
 * `stream-id` if that property is set. For research use only.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 heparsimsrc ! heparbin model=liver.hepar ! videoconvert ! autovideosink
 * ]| Shows simulated scans with their severity.
 *
 * Since: 0.1
 */

#include "elements/gstheparbin.h"

#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "elements/gstheparclassify.h"
#include "elements/gstheparcolorspace.h"
#include "elements/gsthepardecouple.h"
#include "elements/gstheparoverlay.h"
#include "elements/video_view.h"

GST_DEBUG_CATEGORY_STATIC(gst_hepar_bin_debug);
#define GST_CAT_DEFAULT gst_hepar_bin_debug

namespace {

enum Child { kColorspace, kDecouple, kClassify, kOverlay, kChildren };

// A property of one of the children, which the bin has under the same name.
struct Proxy {
  const char* name;
  Child child;
};

// Set on all inference elements, since a frame may fail in any of them.
constexpr char kOnError[] = "on-error";

// Written by class_init; the property id is the index plus PROP_FIRST_PROXY.
std::vector<Proxy> proxies;

// The same property for another class. Null for types that no child has.
GParamSpec* CloneSpec(GParamSpec* spec) {
  const char* name = g_param_spec_get_name(spec);
  const char* nick = g_param_spec_get_nick(spec);
  const char* blurb = g_param_spec_get_blurb(spec);
  const GParamFlags flags = spec->flags;
  if (G_IS_PARAM_SPEC_STRING(spec)) {
    return g_param_spec_string(name, nick, blurb, G_PARAM_SPEC_STRING(spec)->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) {
    return g_param_spec_boolean(name, nick, blurb, G_PARAM_SPEC_BOOLEAN(spec)->default_value,
                                flags);
  }
  if (G_IS_PARAM_SPEC_UINT(spec)) {
    const GParamSpecUInt* from = G_PARAM_SPEC_UINT(spec);
    return g_param_spec_uint(name, nick, blurb, from->minimum, from->maximum, from->default_value,
                             flags);
  }
  if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
    const GParamSpecDouble* from = G_PARAM_SPEC_DOUBLE(spec);
    return g_param_spec_double(name, nick, blurb, from->minimum, from->maximum, from->default_value,
                               flags);
  }
  if (G_IS_PARAM_SPEC_ENUM(spec)) {
    return g_param_spec_enum(name, nick, blurb, spec->value_type,
                             G_PARAM_SPEC_ENUM(spec)->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_BOXED(spec)) {
    return g_param_spec_boxed(name, nick, blurb, spec->value_type, flags);
  }
  return nullptr;
}

bool IsOurs(const GParamSpec* spec) {
  return g_str_has_prefix(g_type_name(spec->owner_type), "GstHepar");
}

}  // namespace

// GObject hands out zeroed memory and runs no constructors, so members that need one live here.
struct GstHeparBinPrivate {
  std::array<GstElement*, kChildren> children = {};  // The bin's.
  GstPad* src = nullptr;                             // The element's.
  std::atomic<bool> show_overlay{true};
};

struct _GstHeparBin {
  GstBin parent;
  GstHeparBinPrivate* priv;
};

G_DEFINE_TYPE_WITH_CODE(GstHeparBin, gst_hepar_bin, GST_TYPE_BIN,
                        GST_DEBUG_CATEGORY_INIT(gst_hepar_bin_debug, "heparbin", 0,
                                                "Complete liver grading chain"))
GST_ELEMENT_REGISTER_DEFINE(heparbin, "heparbin", GST_RANK_NONE, GST_TYPE_HEPAR_BIN)

enum { PROP_SHOW_OVERLAY = 1, PROP_FIRST_PROXY };

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(HEPAR_VIDEO_CAPS));

static void gst_hepar_bin_set_property(GObject* object, guint id, const GValue* value,
                                       GParamSpec* pspec) noexcept {
  GstHeparBinPrivate* priv = GST_HEPAR_BIN(object)->priv;
  if (id == PROP_SHOW_OVERLAY) {
    priv->show_overlay = g_value_get_boolean(value);
    return;
  }
  if (id < PROP_FIRST_PROXY || id - PROP_FIRST_PROXY >= proxies.size()) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    return;
  }
  const Proxy& proxy = proxies[id - PROP_FIRST_PROXY];
  if (std::strcmp(proxy.name, kOnError) == 0) {
    for (const Child child : {kColorspace, kDecouple, kClassify}) {
      g_object_set_property(G_OBJECT(priv->children[child]), proxy.name, value);
    }
    return;
  }
  g_object_set_property(G_OBJECT(priv->children[proxy.child]), proxy.name, value);
}

static void gst_hepar_bin_get_property(GObject* object, guint id, GValue* value,
                                       GParamSpec* pspec) noexcept {
  GstHeparBinPrivate* priv = GST_HEPAR_BIN(object)->priv;
  if (id == PROP_SHOW_OVERLAY) {
    g_value_set_boolean(value, priv->show_overlay);
    return;
  }
  if (id < PROP_FIRST_PROXY || id - PROP_FIRST_PROXY >= proxies.size()) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    return;
  }
  const Proxy& proxy = proxies[id - PROP_FIRST_PROXY];
  g_object_get_property(G_OBJECT(priv->children[proxy.child]), proxy.name, value);
}

// Links the overlay downstream of the classifier, or leaves it out.
static void gst_hepar_bin_link_overlay(GstHeparBin* self) {
  GstHeparBinPrivate* priv = self->priv;
  GstElement* classify = priv->children[kClassify];
  GstElement* overlay = priv->children[kOverlay];
  gst_ghost_pad_set_target(GST_GHOST_PAD(priv->src), nullptr);
  gst_element_unlink(classify, overlay);
  if (priv->show_overlay) gst_element_link(classify, overlay);
  g_autoptr(GstPad) target =
      gst_element_get_static_pad(priv->show_overlay ? overlay : classify, "src");
  gst_ghost_pad_set_target(GST_GHOST_PAD(priv->src), target);
}

static GstStateChangeReturn gst_hepar_bin_change_state(GstElement* element,
                                                       GstStateChange transition) noexcept {
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    gst_hepar_bin_link_overlay(GST_HEPAR_BIN(element));
  }
  return GST_ELEMENT_CLASS(gst_hepar_bin_parent_class)->change_state(element, transition);
}

// In an application with several of these bins the elements inside have the same names, so their
// messages say which bin they come from.
static void gst_hepar_bin_handle_message(GstBin* bin, GstMessage* message) noexcept {
  const GstStructure* structure = gst_message_get_structure(message);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT && structure != nullptr &&
      g_str_has_prefix(gst_structure_get_name(structure), "hepar-")) {
    g_autofree gchar* name = gst_object_get_name(GST_OBJECT(bin));
    g_autofree gchar* stream_id = nullptr;
    g_object_get(GST_HEPAR_BIN(bin)->priv->children[kClassify], GST_HEPAR_STREAM_ID, &stream_id,
                 nullptr);
    message = gst_message_make_writable(message);
    GstStructure* fields = gst_message_writable_structure(message);
    gst_structure_set(fields, "bin", G_TYPE_STRING, name, nullptr);
    if (stream_id != nullptr) {
      gst_structure_set(fields, GST_HEPAR_STREAM_ID, G_TYPE_STRING, stream_id, nullptr);
    }
  }
  GST_BIN_CLASS(gst_hepar_bin_parent_class)->handle_message(bin, message);
}

static void gst_hepar_bin_finalize(GObject* object) noexcept {
  delete GST_HEPAR_BIN(object)->priv;
  G_OBJECT_CLASS(gst_hepar_bin_parent_class)->finalize(object);
}

static void gst_hepar_bin_init(GstHeparBin* self) {
  self->priv = new GstHeparBinPrivate;
  auto& children = self->priv->children;
  const auto make = [](GType type, const char* name) {
    return GST_ELEMENT(g_object_new(type, "name", name, nullptr));
  };
  children[kColorspace] = make(GST_TYPE_HEPAR_COLORSPACE, "colorspace");
  children[kDecouple] = make(GST_TYPE_HEPAR_DECOUPLE, "decouple");
  children[kClassify] = make(GST_TYPE_HEPAR_CLASSIFY, "classify");
  children[kOverlay] = make(GST_TYPE_HEPAR_OVERLAY, "overlay");
  for (GstElement* child : children) gst_bin_add(GST_BIN(self), child);
  gst_element_link_many(children[kColorspace], children[kDecouple], children[kClassify],
                        children[kOverlay], nullptr);

  g_autoptr(GstPadTemplate) sink = gst_static_pad_template_get(&sink_template);
  g_autoptr(GstPadTemplate) src = gst_static_pad_template_get(&src_template);
  g_autoptr(GstPad) first = gst_element_get_static_pad(children[kColorspace], "sink");
  g_autoptr(GstPad) last = gst_element_get_static_pad(children[kOverlay], "src");
  self->priv->src = gst_ghost_pad_new_from_template("src", last, src);
  gst_element_add_pad(GST_ELEMENT(self), gst_ghost_pad_new_from_template("sink", first, sink));
  gst_element_add_pad(GST_ELEMENT(self), self->priv->src);
}

static void gst_hepar_bin_install_proxies(GObjectClass* object_class, GType type, Child child) {
  auto* child_class = G_OBJECT_CLASS(g_type_class_ref(type));
  guint count = 0;
  g_autofree GParamSpec** specs = g_object_class_list_properties(child_class, &count);
  for (guint i = 0; i < count; ++i) {
    const char* name = g_param_spec_get_name(specs[i]);
    if (!IsOurs(specs[i]) || g_object_class_find_property(object_class, name) != nullptr) continue;
    GParamSpec* clone = CloneSpec(specs[i]);
    if (clone == nullptr) {
      g_critical("heparbin cannot proxy the property %s of type %s", name,
                 g_type_name(specs[i]->value_type));
      continue;
    }
    proxies.push_back({g_param_spec_get_name(clone), child});
    g_object_class_install_property(
        object_class, PROP_FIRST_PROXY + static_cast<guint>(proxies.size()) - 1, clone);
  }
  g_type_class_unref(child_class);
}

static void gst_hepar_bin_class_init(GstHeparBinClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);

  object_class->set_property = gst_hepar_bin_set_property;
  object_class->get_property = gst_hepar_bin_get_property;
  object_class->finalize = gst_hepar_bin_finalize;
  element_class->change_state = GST_DEBUG_FUNCPTR(gst_hepar_bin_change_state);
  GST_BIN_CLASS(klass)->handle_message = GST_DEBUG_FUNCPTR(gst_hepar_bin_handle_message);

  /**
   * GstHeparBin:show-overlay:
   *
   * Whether to draw the result into the picture. If not, the video passes through unchanged, and
   * the result is on the buffers and on the bus only.
   *
   * Since: 0.1
   */
  g_object_class_install_property(
      object_class, PROP_SHOW_OVERLAY,
      g_param_spec_boolean("show-overlay", "Show overlay",
                           "Whether to draw the result into the picture", TRUE,
                           static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                    GST_PARAM_MUTABLE_READY)));
  gst_hepar_bin_install_proxies(object_class, GST_TYPE_HEPAR_COLORSPACE, kColorspace);
  gst_hepar_bin_install_proxies(object_class, GST_TYPE_HEPAR_CLASSIFY, kClassify);
  gst_hepar_bin_install_proxies(object_class, GST_TYPE_HEPAR_OVERLAY, kOverlay);

  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Liver ultrasound grading", "Filter/Analyzer/Effect/Video",
      "Grades fatty liver on ultrasound video and shows the result", "The gst-hepar Authors");
}
