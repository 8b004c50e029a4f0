/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads the results of the GStreamer elements in C or C++: from the bus and from buffers. There is
 * no library to link: the elements give plain GstStructures, and these functions read them. They
 * compile as C99 and C++11, with GStreamer 1.22 or later.
 *
 *   pkg-config --cflags --libs gst-hepar-1.0
 *
 * Stable as docs/compatibility.md says: fields may be added, and functions of this header; none
 * changes its meaning within a major version.
 */
#ifndef HEPAR_SEVERITY_H
#define HEPAR_SEVERITY_H

#include <gst/gst.h>
#include <string.h>

G_BEGIN_DECLS

/* Name of the GstCustomMeta on each buffer. */
#define HEPAR_SEVERITY_META "HeparSeverityMeta"

/* Names of the element messages on the bus (docs/elements.md). */
#define HEPAR_MESSAGE_SEVERITY "hepar-severity"
#define HEPAR_MESSAGE_STATS "hepar-stats"
#define HEPAR_MESSAGE_SUMMARY "hepar-summary"
#define HEPAR_MESSAGE_MODEL_CHANGED "hepar-model-changed"

/* Most classes that a HeparSeverity holds. The models of this version have four. */
#define HEPAR_MAX_CLASSES 16

typedef enum {
  HEPAR_STATE_GRADED,     /* There is a grade. */
  HEPAR_STATE_UNCERTAIN,  /* Too little confidence for a grade. */
  HEPAR_STATE_UNFAMILIAR, /* A liver view of an unfamiliar scanner, with or without a grade. */
  HEPAR_STATE_NOT_LIVER   /* Not a liver view. */
} HeparState;

/* Strings belong to the structure that was read, and live as long as it does. */
typedef struct {
  const gchar* label; /* Class name of the grade, or why there is none. */
  gint grade;         /* 0 normal .. 3 severe, or -1 if there is none. */
  HeparState state;
  guint n_classes;
  gdouble probabilities[HEPAR_MAX_CLASSES]; /* Smoothed over time; sum 1. */
  const gchar* class_names[HEPAR_MAX_CLASSES];
  gdouble confidence;        /* Largest of the probabilities. */
  gdouble trust;             /* 0 .. 1; 0 if all classes are equally likely. */
  gdouble domain_score;      /* Above 1: not a liver view. -1 if the model has no such score. */
  gdouble familiarity_score; /* Above 1: an unfamiliar scanner. -1 if there is no such score. */
  gboolean fresh;            /* Whether this very frame was graded. */
  GstClockTime age;          /* Stream time since the frame that was graded. */
  const gchar* model_name;
  const gchar* model_id; /* SHA-256 (hex) of the parameters. */
} HeparSeverity;

/* Reads the fields of a meta or of a hepar-severity message. Returns FALSE, and leaves `severity`
 * undefined, if a required field is missing or malformed. */
static inline gboolean hepar_severity_from_structure(const GstStructure* structure,
                                                     HeparSeverity* severity) {
  static const gchar* const states[] = {"graded", "uncertain", "unfamiliar", "not-liver"};
  const gchar* state;
  const GValue *numbers, *names;
  guint i;
  if (structure == NULL) return FALSE;
  memset(severity, 0, sizeof(*severity));
  severity->label = gst_structure_get_string(structure, "label");
  severity->model_name = gst_structure_get_string(structure, "model-name");
  severity->model_id = gst_structure_get_string(structure, "model-id");
  state = gst_structure_get_string(structure, "state");
  numbers = gst_structure_get_value(structure, "probabilities");
  names = gst_structure_get_value(structure, "class-names");
  if (severity->label == NULL || state == NULL || numbers == NULL || names == NULL ||
      !GST_VALUE_HOLDS_ARRAY(numbers) || !GST_VALUE_HOLDS_ARRAY(names) ||
      !gst_structure_get_int(structure, "grade", &severity->grade) ||
      !gst_structure_get_double(structure, "confidence", &severity->confidence) ||
      !gst_structure_get_double(structure, "trust", &severity->trust)) {
    return FALSE;
  }
  for (i = 0; i < G_N_ELEMENTS(states) && strcmp(state, states[i]) != 0; ++i) {
  }
  if (i == G_N_ELEMENTS(states)) return FALSE;
  severity->state = (HeparState)i;

  severity->n_classes = gst_value_array_get_size(numbers);
  if (severity->n_classes > HEPAR_MAX_CLASSES ||
      severity->n_classes != gst_value_array_get_size(names)) {
    return FALSE;
  }
  for (i = 0; i < severity->n_classes; ++i) {
    const GValue* number = gst_value_array_get_value(numbers, i);
    const GValue* name = gst_value_array_get_value(names, i);
    if (!G_VALUE_HOLDS_DOUBLE(number) || !G_VALUE_HOLDS_STRING(name)) return FALSE;
    severity->probabilities[i] = g_value_get_double(number);
    severity->class_names[i] = g_value_get_string(name);
  }
  if (!gst_structure_get_double(structure, "domain-score", &severity->domain_score)) {
    severity->domain_score = -1.0;
  }
  if (!gst_structure_get_double(structure, "familiarity-score", &severity->familiarity_score)) {
    severity->familiarity_score = -1.0;
  }
  gst_structure_get_boolean(structure, "fresh", &severity->fresh);
  gst_structure_get_uint64(structure, "age", &severity->age);
  return TRUE;
}

/* Reads the severity of a buffer. Returns FALSE if it has none. */
static inline gboolean hepar_severity_from_buffer(GstBuffer* buffer, HeparSeverity* severity) {
  /* Before the plugin is loaded nobody has registered the meta, and no buffer has it. */
  GstCustomMeta* meta = gst_meta_get_info(HEPAR_SEVERITY_META) != NULL
                            ? gst_buffer_get_custom_meta(buffer, HEPAR_SEVERITY_META)
                            : NULL;
  return meta != NULL &&
         hepar_severity_from_structure(gst_custom_meta_get_structure(meta), severity);
}

/* Reads a message of the bus. Returns FALSE if it is not a hepar-severity message. */
static inline gboolean hepar_severity_from_message(GstMessage* message, HeparSeverity* severity) {
  return GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT &&
         gst_message_has_name(message, HEPAR_MESSAGE_SEVERITY) &&
         hepar_severity_from_structure(gst_message_get_structure(message), severity);
}

G_END_DECLS

#endif /* HEPAR_SEVERITY_H */
