// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Writes docs/element-reference.md: what the plugin itself says of its elements.
//
//   element-reference PLUGIN.so > docs/element-reference.md
//
// Properties of GStreamer's base classes are named but not described: they differ by version.
#include <gst/gst.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

// A cell of a table.
std::string Cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '\\') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

std::string Number(const char* format, double number) {
  g_autofree char* text = g_strdup_printf(format, number);
  return text;
}

std::string DefaultOf(GParamSpec* property) {
  const GValue* value = g_param_spec_get_default_value(property);
  if (G_VALUE_HOLDS_STRING(value)) {
    const char* text = g_value_get_string(value);
    return text && *text ? "`" + std::string(text) + "`" : "";
  }
  if (G_VALUE_HOLDS_ENUM(value)) {
    const auto* type = G_PARAM_SPEC_ENUM(property)->enum_class;
    const GEnumValue* entry =
        g_enum_get_value(const_cast<GEnumClass*>(type), g_value_get_enum(value));
    return entry ? "`" + std::string(entry->value_nick) + "`" : "";
  }
  if (G_VALUE_HOLDS_DOUBLE(value)) return Number("`%g`", g_value_get_double(value));
  if (G_VALUE_HOLDS_BOOLEAN(value)) return g_value_get_boolean(value) ? "`true`" : "`false`";
  if (G_VALUE_HOLDS_BOXED(value) || G_VALUE_HOLDS_OBJECT(value)) return "";
  g_autofree char* text = gst_value_serialize(value);
  return text ? "`" + std::string(text) + "`" : "";
}

// The values that it may have, or its type.
std::string ValuesOf(GParamSpec* property) {
  if (G_IS_PARAM_SPEC_ENUM(property)) {
    const GEnumClass* type = G_PARAM_SPEC_ENUM(property)->enum_class;
    std::string values;
    for (guint i = 0; i < type->n_values; ++i) {
      values += std::string(i ? ", `" : "`") + type->values[i].value_nick + "`";
    }
    return values;
  }
  if (G_IS_PARAM_SPEC_INT(property)) {
    const auto* range = G_PARAM_SPEC_INT(property);
    return std::to_string(range->minimum) + " .. " + std::to_string(range->maximum);
  }
  if (G_IS_PARAM_SPEC_UINT(property)) {
    const auto* range = G_PARAM_SPEC_UINT(property);
    return std::to_string(range->minimum) + " .. " + std::to_string(range->maximum);
  }
  if (G_IS_PARAM_SPEC_UINT64(property)) {
    const auto* range = G_PARAM_SPEC_UINT64(property);
    return std::to_string(range->minimum) + " .. " + std::to_string(range->maximum);
  }
  if (G_IS_PARAM_SPEC_DOUBLE(property)) {
    const auto* range = G_PARAM_SPEC_DOUBLE(property);
    return Number("%g .. ", range->minimum) + Number("%g", range->maximum);
  }
  if (G_IS_PARAM_SPEC_BOOLEAN(property)) return "`true`, `false`";
  if (G_IS_PARAM_SPEC_STRING(property)) return "string";
  return g_type_name(property->value_type);
}

// When it may be set.
std::string AccessOf(GParamSpec* property) {
  if (!(property->flags & G_PARAM_WRITABLE)) return "read only";
  if (property->flags & GST_PARAM_MUTABLE_PLAYING) return "any time";
  if (property->flags & GST_PARAM_MUTABLE_PAUSED) return "until playing";
  if (property->flags & GST_PARAM_MUTABLE_READY) return "until paused";
  return "before data flows";
}

bool IsOurs(GType type) { return g_str_has_prefix(g_type_name(type), "GstHepar"); }

void PrintPads(GstElementFactory* factory) {
  for (const GList* item = gst_element_factory_get_static_pad_templates(factory); item;
       item = item->next) {
    auto* pad = static_cast<GstStaticPadTemplate*>(item->data);
    g_autoptr(GstCaps) caps = gst_static_caps_get(&pad->static_caps);
    std::printf("Pad `%s` (%s):\n\n```text\n", pad->name_template,
                pad->direction == GST_PAD_SRC ? "source" : "sink");
    if (gst_caps_is_any(caps)) std::printf("ANY\n");
    for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
      g_autofree char* structure = gst_structure_to_string(gst_caps_get_structure(caps, i));
      std::printf("%s\n", structure);
    }
    std::printf("```\n\n");
  }
}

void PrintProperties(GstElement* element) {
  guint count = 0;
  g_autofree GParamSpec** found =
      g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
  std::vector<GParamSpec*> properties(found, found + count);
  std::sort(properties.begin(), properties.end(), [](const GParamSpec* a, const GParamSpec* b) {
    return std::strcmp(a->name, b->name) < 0;
  });
  std::printf("| property | values | default | set | |\n|---|---|---|---|---|\n");
  for (GParamSpec* property : properties) {
    if (!IsOurs(property->owner_type)) continue;
    const char* blurb = g_param_spec_get_blurb(property);
    std::printf("| `%s` | %s | %s | %s | %s |\n", property->name, Cell(ValuesOf(property)).c_str(),
                Cell(DefaultOf(property)).c_str(), AccessOf(property).c_str(),
                Cell(blurb ? blurb : "").c_str());
  }
  GType base = G_OBJECT_TYPE(element);
  while (IsOurs(base)) base = g_type_parent(base);
  std::printf("\nAnd those of `%s`.\n\n", g_type_name(base));
}

void PrintSignals(GType type) {
  for (; IsOurs(type); type = g_type_parent(type)) {
    guint count = 0;
    g_autofree guint* ids = g_signal_list_ids(type, &count);
    for (guint i = 0; i < count; ++i) std::printf("Signal `%s`.\n\n", g_signal_name(ids[i]));
  }
}

void PrintElement(GstElementFactory* factory) {
  g_autoptr(GstElement) element = gst_element_factory_create(factory, nullptr);
  if (!element) return;
  gst_object_ref_sink(element);
  const auto metadata = [factory](const char* key) {
    const char* text = gst_element_factory_get_metadata(factory, key);
    return text ? text : "";
  };
  std::printf("## %s\n\n%s. %s.\n\nClass: %s\n\n", GST_OBJECT_NAME(factory),
              metadata(GST_ELEMENT_METADATA_LONGNAME), metadata(GST_ELEMENT_METADATA_DESCRIPTION),
              metadata(GST_ELEMENT_METADATA_KLASS));
  PrintPads(factory);
  PrintProperties(element);
  PrintSignals(G_OBJECT_TYPE(element));
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: element-reference PLUGIN.so\n");
    return 2;
  }
  g_autoptr(GError) error = nullptr;
  g_autoptr(GstPlugin) plugin = gst_plugin_load_file(argv[1], &error);
  if (!plugin) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error->message);
    return 1;
  }
  GList* features =
      gst_registry_get_feature_list_by_plugin(gst_registry_get(), gst_plugin_get_name(plugin));
  features = g_list_sort(features, [](gconstpointer a, gconstpointer b) -> gint {
    return std::strcmp(GST_OBJECT_NAME(a), GST_OBJECT_NAME(b));
  });
  std::printf(
      "# Element reference\n\n"
      "The plugin's own description of its elements, properties and pads, by\n"
      "`plugins/element_reference.cpp`. A test compares this page with the plugin. How the\n"
      "elements work together: [elements.md](elements.md).\n\n");
  for (const GList* item = features; item; item = item->next) {
    if (GST_IS_ELEMENT_FACTORY(item->data)) PrintElement(GST_ELEMENT_FACTORY(item->data));
  }
  gst_plugin_feature_list_free(features);
  return 0;
}
