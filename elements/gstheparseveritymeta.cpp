// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/gstheparseveritymeta.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "elements/value_array.h"
#include "models/named_values.h"

namespace {

constexpr hepar::NamedValue<GstHeparState> kStates[] = {{"graded", GstHeparState::kGraded},
                                                        {"uncertain", GstHeparState::kUncertain},
                                                        {"unfamiliar", GstHeparState::kUnfamiliar},
                                                        {"not-liver", GstHeparState::kNotLiver}};

// The grade stays valid under every transformation: a scan that is scaled, cropped or converted
// shows the same liver.
gboolean TransformSeverity(GstBuffer* to, GstCustomMeta* meta, GstBuffer*, GQuark, gpointer,
                           gpointer) noexcept {
  if (gst_buffer_get_custom_meta(to, GST_HEPAR_SEVERITY_META_NAME) != nullptr) return TRUE;
  GstCustomMeta* copy = gst_buffer_add_custom_meta(to, GST_HEPAR_SEVERITY_META_NAME);
  if (copy == nullptr) return FALSE;
  GstStructure* fields = gst_custom_meta_get_structure(copy);
  gst_structure_foreach(
      gst_custom_meta_get_structure(meta),
      [](GQuark field, const GValue* value, gpointer target) -> gboolean {
        gst_structure_id_set_value(static_cast<GstStructure*>(target), field, value);
        return TRUE;
      },
      fields);
  return TRUE;
}

void SetOptional(GstStructure* structure, const char* field, const std::optional<double>& value) {
  if (value) {
    gst_structure_set(structure, field, G_TYPE_DOUBLE, *value, nullptr);
  } else {
    gst_structure_remove_field(structure, field);
  }
}

void SetFields(GstStructure* structure, const GstHeparSeverity& severity) {
  gst_structure_set(
      structure, "label", G_TYPE_STRING, severity.label.c_str(), "grade", G_TYPE_INT,
      severity.grade, "state", G_TYPE_STRING, gst_hepar_state_name(severity.state).c_str(),
      "confidence", G_TYPE_DOUBLE, severity.confidence, "trust", G_TYPE_DOUBLE, severity.trust,
      "model-name", G_TYPE_STRING, severity.model_name.c_str(), "model-id", G_TYPE_STRING,
      severity.model_id.c_str(), "fresh", G_TYPE_BOOLEAN, severity.fresh, "age", G_TYPE_UINT64,
      severity.age, "inference-time", G_TYPE_UINT64, severity.inference_time, nullptr);
  SetOptional(structure, "domain-score", severity.domain_score);
  SetOptional(structure, "familiarity-score", severity.familiarity_score);
  hepar::SetArray(structure, "probabilities", severity.probabilities);
  hepar::SetArray(structure, "raw-probabilities", severity.raw_probabilities);
  hepar::SetArray(structure, "class-names", severity.class_names);
}

// Returns false for an unknown state.
bool GetState(const GstStructure* structure, int grade, GstHeparState* state) {
  const char* name = gst_structure_get_string(structure, "state");
  if (name == nullptr) {
    *state = grade < 0 ? GstHeparState::kUncertain : GstHeparState::kGraded;
    return !gst_structure_has_field(structure, "state");
  }
  for (const auto& entry : kStates) {
    if (std::strcmp(entry.name, name) != 0) continue;
    *state = entry.value;
    return true;
  }
  return false;
}

bool GetString(const GstStructure* structure, const char* field, std::string* text) {
  const char* value = gst_structure_get_string(structure, field);
  if (value == nullptr) return false;
  *text = value;
  return true;
}

const GValue* GetArray(const GstStructure* structure, const char* field) {
  const GValue* array = gst_structure_get_value(structure, field);
  return array != nullptr && GST_VALUE_HOLDS_ARRAY(array) ? array : nullptr;
}

bool GetArray(const GstStructure* structure, const char* field, std::vector<double>* numbers) {
  const GValue* array = GetArray(structure, field);
  if (array == nullptr) return false;
  for (guint i = 0; i < gst_value_array_get_size(array); ++i) {
    const GValue* value = gst_value_array_get_value(array, i);
    if (!G_VALUE_HOLDS_DOUBLE(value)) return false;
    numbers->push_back(g_value_get_double(value));
  }
  return true;
}

bool GetArray(const GstStructure* structure, const char* field, std::vector<std::string>* texts) {
  const GValue* array = GetArray(structure, field);
  if (array == nullptr) return false;
  for (guint i = 0; i < gst_value_array_get_size(array); ++i) {
    const GValue* value = gst_value_array_get_value(array, i);
    if (!G_VALUE_HOLDS_STRING(value) || g_value_get_string(value) == nullptr) return false;
    texts->emplace_back(g_value_get_string(value));
  }
  return true;
}

}  // namespace

std::string gst_hepar_state_name(GstHeparState state) { return hepar::NameOf(kStates, state); }

void gst_hepar_severity_meta_register() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Another copy of this code in the process (an application that links it) may have done so.
    if (gst_meta_get_info(GST_HEPAR_SEVERITY_META_NAME) != nullptr) return;
    const char* tags[] = {nullptr};
    gst_meta_register_custom(GST_HEPAR_SEVERITY_META_NAME, tags, TransformSeverity, nullptr,
                             nullptr);
  });
}

void gst_buffer_set_hepar_severity(GstBuffer* buffer, const GstHeparSeverity& severity) {
  g_return_if_fail(gst_buffer_is_writable(buffer));
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, GST_HEPAR_SEVERITY_META_NAME);
  if (meta == nullptr) meta = gst_buffer_add_custom_meta(buffer, GST_HEPAR_SEVERITY_META_NAME);
  g_return_if_fail(meta != nullptr);
  SetFields(gst_custom_meta_get_structure(meta), severity);
}

bool gst_buffer_get_hepar_severity(GstBuffer* buffer, GstHeparSeverity* severity) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, GST_HEPAR_SEVERITY_META_NAME);
  if (meta == nullptr) return false;
  const GstStructure* structure = gst_custom_meta_get_structure(meta);

  GstHeparSeverity read;
  gboolean fresh = FALSE;
  guint64 age = 0;
  guint64 inference_time = 0;
  if (!GetString(structure, "label", &read.label) ||
      !gst_structure_get_int(structure, "grade", &read.grade) ||
      !GetState(structure, read.grade, &read.state) ||
      !GetArray(structure, "probabilities", &read.probabilities) ||
      !GetArray(structure, "raw-probabilities", &read.raw_probabilities) ||
      !GetArray(structure, "class-names", &read.class_names) ||
      !gst_structure_get_double(structure, "confidence", &read.confidence) ||
      !gst_structure_get_double(structure, "trust", &read.trust) ||
      !GetString(structure, "model-name", &read.model_name) ||
      !GetString(structure, "model-id", &read.model_id) ||
      !gst_structure_get_boolean(structure, "fresh", &fresh) ||
      !gst_structure_get_uint64(structure, "age", &age) ||
      !gst_structure_get_uint64(structure, "inference-time", &inference_time)) {
    return false;
  }
  read.fresh = fresh;
  read.age = age;
  read.inference_time = inference_time;
  double score = 0.0;
  if (gst_structure_get_double(structure, "domain-score", &score)) read.domain_score = score;
  if (gst_structure_get_double(structure, "familiarity-score", &score)) {
    read.familiarity_score = score;
  }
  *severity = std::move(read);
  return true;
}

GstStructure* gst_hepar_severity_to_structure(const GstHeparSeverity& severity, const char* name) {
  GstStructure* structure = gst_structure_new_empty(name);
  SetFields(structure, severity);
  return structure;
}
