// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Checks that hold for every element of the plugin.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

constexpr char kPlugin[] = "hepar";

std::vector<std::string> Elements() {
  GList* features = gst_registry_get_feature_list_by_plugin(gst_registry_get(), kPlugin);
  std::vector<std::string> names;
  for (GList* f = features; f; f = f->next) {
    if (GST_IS_ELEMENT_FACTORY(f->data)) names.emplace_back(GST_OBJECT_NAME(f->data));
  }
  gst_plugin_feature_list_free(features);
  return names;
}

TEST(PluginTest, HasTheElementsOfTheChain) {
  const std::vector<std::string> names = Elements();
  for (const char* name : {"heparsimsrc", "heparcolorspace", "hepardecouple", "heparclassify",
                           "heparoverlay", "heparpublish", "heparreplay", "heparbin"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(PluginTest, EveryElementSurvivesEveryStateChange) {
  for (const std::string& name : Elements()) {
    SCOPED_TRACE(name);
    g_autoptr(GstElement) element = gst_element_factory_make(name.c_str(), nullptr);
    ASSERT_NE(element, nullptr);
    gst_object_ref_sink(element);

    // Starting may fail, as some elements need a model. It must not crash, hang or leak.
    for (GstState state :
         {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_READY,
          GST_STATE_NULL, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL}) {
      gst_element_set_state(element, state);
    }
  }
}

TEST(PluginTest, EveryElementSaysWhatItIs) {
  for (const std::string& name : Elements()) {
    SCOPED_TRACE(name);
    g_autoptr(GstElementFactory) factory = gst_element_factory_find(name.c_str());
    for (const char* key : {GST_ELEMENT_METADATA_LONGNAME, GST_ELEMENT_METADATA_KLASS,
                            GST_ELEMENT_METADATA_DESCRIPTION, GST_ELEMENT_METADATA_AUTHOR}) {
      const char* text = gst_element_factory_get_metadata(factory, key);
      EXPECT_TRUE(text && *text) << key;
    }
  }
}

TEST(PluginTest, EveryPropertySaysWhatItIsAndStartsAtItsDefault) {
  for (const std::string& name : Elements()) {
    g_autoptr(GstElement) element = gst_element_factory_make(name.c_str(), nullptr);
    gst_object_ref_sink(element);

    guint count = 0;
    g_autofree GParamSpec** specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
    for (guint i = 0; i < count; ++i) {
      GParamSpec* spec = specs[i];
      if (!g_str_has_prefix(g_type_name(spec->owner_type), "GstHepar")) continue;
      SCOPED_TRACE(name + " " + spec->name);

      const char* blurb = g_param_spec_get_blurb(spec);
      EXPECT_TRUE(blurb && *blurb);
      const auto flags = static_cast<guint>(spec->flags);
      const guint mutability =
          flags & (GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PAUSED | GST_PARAM_MUTABLE_PLAYING);
      EXPECT_EQ((flags & G_PARAM_WRITABLE) != 0, mutability != 0) << "says when it may change";
      if (flags & G_PARAM_READABLE) {
        g_auto(GValue) value = G_VALUE_INIT;
        g_object_get_property(G_OBJECT(element), spec->name, &value);
        EXPECT_TRUE(g_param_value_defaults(spec, &value));
      }
    }
  }
}

}  // namespace
