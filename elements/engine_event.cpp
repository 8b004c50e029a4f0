// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/engine_event.h"

namespace hepar {
namespace {

constexpr char kName[] = "hepar-engine";
constexpr char kField[] = "engine";

gpointer Copy(gpointer boxed) { return new EngineRef(*static_cast<EngineRef*>(boxed)); }
void Free(gpointer boxed) { delete static_cast<EngineRef*>(boxed); }

GType EngineRefType() {
  static const GType type = g_boxed_type_register_static("GstHeparEngineRef", Copy, Free);
  return type;
}

}  // namespace

GstEvent* NewEngineEvent(const EngineRef& engine) {
  return gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
                              gst_structure_new(kName, kField, EngineRefType(), &engine, nullptr));
}

EngineRef ParseEngineEvent(GstEvent* event) {
  if (!gst_event_has_name(event, kName)) return nullptr;
  const GValue* value = gst_structure_get_value(gst_event_get_structure(event), kField);
  if (value == nullptr || !G_VALUE_HOLDS(value, EngineRefType())) return nullptr;
  return *static_cast<const EngineRef*>(g_value_get_boxed(value));
}

}  // namespace hepar
