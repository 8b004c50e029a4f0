// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>
#include <vector>

// The result for a frame: a grade, too little confidence for a grade, a liver view of an unfamiliar
// scanner or setting (with or without a grade), or an out-of-distribution view (no liver view).
enum class GstHeparState { kGraded, kUncertain, kUnfamiliar, kNotLiver };

// The name of a state, as the field `state` has it.
std::string gst_hepar_state_name(GstHeparState state);

// The severity of one frame, attached to its buffer as the GstCustomMeta "HeparSeverityMeta". C,
// C++ and Python read it as a GstStructure without this header. Fields:
//
//   label             string   class name of `grade`, "uncertain", "unfamiliar" or "not a liver
//                              view"
//   grade             int      0..K-1, or -1 if there is no grade
//   state             string   "graded", "uncertain", "unfamiliar" (a liver view of an unfamiliar
//                              scanner or setting, with or without a grade) or "not-liver"
//   probabilities     array of double, smoothed over time, one per class, sum 1
//   raw-probabilities array of double, of the frame that was graded, not smoothed. Where the
//                              scanner is unfamiliar, both are pooled with equal probabilities
//   class-names       array of string
//   confidence        double   smoothed probability of the leading class, 0..1
//   trust             double   1 - entropy / ln K of `probabilities`; 0 if not a liver view
//   domain-score      double   smoothed out-of-distribution score, divided by the model's limit:
//                              above 1 the view is not a liver view. Only if the model has one
//   familiarity-score double   smoothed familiarity score, divided by the model's limit: above 1
//                              the scanner or setting is unfamiliar. Only if the model has one
//   model-name        string
//   model-id          string   SHA-256 (hex) of the parameters
//   fresh             boolean  TRUE: this frame was graded; FALSE: carried over
//   age               uint64   ns of stream time since the graded frame (0 when fresh)
//   inference-time    uint64   ns that the graded frame took
//
// The meta has no tags, so it survives conversion, scaling and cropping.
struct GstHeparSeverity {
  std::string label;
  int grade = -1;
  GstHeparState state = GstHeparState::kUncertain;
  std::vector<double> probabilities;
  std::vector<double> raw_probabilities;
  std::vector<std::string> class_names;
  double confidence = 0.0;
  double trust = 0.0;
  std::optional<double> domain_score, familiarity_score;
  std::string model_name;
  std::string model_id;
  bool fresh = false;
  GstClockTime age = 0;
  GstClockTime inference_time = 0;
};

#define GST_HEPAR_SEVERITY_META_NAME "HeparSeverityMeta"

// Registers the meta. plugin_init calls it; more calls do no harm.
void gst_hepar_severity_meta_register();

// Attaches `severity` to a writable buffer and replaces the one it may have.
void gst_buffer_set_hepar_severity(GstBuffer* buffer, const GstHeparSeverity& severity);

// Reads the severity. Returns false if the buffer has none, or if a field is missing or malformed.
// A meta without `state` counts as graded if its grade is not negative.
bool gst_buffer_get_hepar_severity(GstBuffer* buffer, GstHeparSeverity* severity);

// The same fields as a structure of the given name (for bus messages). Caller owns it.
GstStructure* gst_hepar_severity_to_structure(const GstHeparSeverity& severity, const char* name);
