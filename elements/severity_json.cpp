// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/severity_json.h"

#include <nlohmann/json.hpp>

namespace hepar {
namespace {

using Json = nlohmann::ordered_json;

Json Seconds(const std::optional<GstClockTime>& time) {
  return time ? Json(static_cast<double>(*time) / GST_SECOND) : Json(nullptr);
}

}  // namespace

std::string SeverityJson(const GstHeparSeverity& severity, const ResultContext& context) {
  Json line;
  line["schema"] = kResultSchema;
  line["sequence"] = context.sequence;
  line["time"] = context.time;
  if (!context.stream.empty()) line["stream"] = context.stream;
  line["stream_time"] = Seconds(context.stream_time);
  line["running_time"] = Seconds(context.running_time);
  line["state"] = gst_hepar_state_name(severity.state);
  line["label"] = severity.label;
  line["grade"] = severity.grade >= 0 ? Json(severity.grade) : Json(nullptr);
  line["confidence"] = severity.confidence;
  line["trust"] = severity.trust;
  line["classes"] = severity.class_names;
  line["probabilities"] = severity.probabilities;
  line["raw_probabilities"] = severity.raw_probabilities;
  line["domain_score"] = severity.domain_score ? Json(*severity.domain_score) : Json(nullptr);
  line["familiarity_score"] =
      severity.familiarity_score ? Json(*severity.familiarity_score) : Json(nullptr);
  line["model"] = {{"name", severity.model_name}, {"id", severity.model_id}};
  line["fresh"] = severity.fresh;
  line["age"] = static_cast<double>(severity.age) / GST_SECOND;
  line["inference_time"] = static_cast<double>(severity.inference_time) / GST_SECOND;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hepar
