// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorded_results.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "elements/severity_json.h"
#include "models/error.h"
#include "models/file_io.h"

namespace hepar {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
constexpr std::size_t kMaxLine = 1 << 16;
constexpr std::size_t kMaxClasses = 64;
constexpr double kMaxSeconds = 1e9;  // 30 years.

// A line as it was read.
struct Line {
  std::uint64_t sequence = 0;
  std::string stream;
  std::optional<RecordedResult> result;  // None: its frame had no time.
};

[[noreturn]] void Malformed(const std::string& what) { throw std::invalid_argument(what); }

GstClockTime TimeOf(const Json& seconds, const char* name) {
  const auto value = seconds.get<double>();
  if (!(value >= 0.0 && value <= kMaxSeconds)) Malformed(std::string(name) + " is out of range");
  return static_cast<GstClockTime>(std::llround(value * GST_SECOND));
}

double ShareOf(const Json& value, const char* name) {
  const auto share = value.get<double>();
  if (!(share >= 0.0 && share <= 1.0)) Malformed(std::string(name) + " is outside 0..1");
  return share;
}

std::vector<double> SharesOf(const Json& values, std::size_t count, const char* name) {
  if (!values.is_array() || values.size() != count) {
    Malformed(std::string(name) + " has not one number for each class");
  }
  std::vector<double> shares;
  for (const Json& value : values) shares.push_back(ShareOf(value, name));
  return shares;
}

std::optional<double> ScoreOf(const Json& value, const char* name) {
  if (value.is_null()) return std::nullopt;
  const auto score = value.get<double>();
  if (!std::isfinite(score)) Malformed(std::string(name) + " is not finite");
  return score;
}

GstHeparState StateOf(const std::string& name) {
  for (const auto state : {GstHeparState::kGraded, GstHeparState::kUncertain,
                           GstHeparState::kUnfamiliar, GstHeparState::kNotLiver}) {
    if (gst_hepar_state_name(state) == name) return state;
  }
  Malformed("unknown state '" + name + "'");
}

GstHeparSeverity SeverityOf(const Json& line) {
  GstHeparSeverity severity;
  severity.state = StateOf(line.at("state").get<std::string>());
  severity.label = line.at("label").get<std::string>();
  severity.class_names = line.at("classes").get<std::vector<std::string>>();
  const std::size_t classes = severity.class_names.size();
  if (classes == 0 || classes > kMaxClasses) Malformed("classes has no name, or too many");
  const Json& grade = line.at("grade");
  if (!grade.is_null()) {
    const auto value = grade.get<std::int64_t>();
    if (value < 0 || value >= static_cast<std::int64_t>(classes)) {
      Malformed("grade is none of the classes");
    }
    severity.grade = static_cast<int>(value);
  }
  severity.probabilities = SharesOf(line.at("probabilities"), classes, "probabilities");
  severity.raw_probabilities = SharesOf(line.at("raw_probabilities"), classes, "raw_probabilities");
  severity.confidence = ShareOf(line.at("confidence"), "confidence");
  severity.trust = ShareOf(line.at("trust"), "trust");
  severity.domain_score = ScoreOf(line.at("domain_score"), "domain_score");
  severity.familiarity_score = ScoreOf(line.at("familiarity_score"), "familiarity_score");
  severity.model_name = line.at("model").at("name").get<std::string>();
  severity.model_id = line.at("model").at("id").get<std::string>();
  severity.fresh = line.at("fresh").get<bool>();
  severity.age = TimeOf(line.at("age"), "age");
  severity.inference_time = TimeOf(line.at("inference_time"), "inference_time");
  return severity;
}

// Refuses nesting deeper than the schema's: parsing alone must not exhaust the stack.
bool IsShallow(int depth, Json::parse_event_t, Json&) {
  if (depth > 4) Malformed("nested too deep");
  return true;
}

Line LineOf(std::string_view text) {
  const Json line = Json::parse(text, IsShallow);
  if (!line.is_object()) Malformed("no JSON object");
  if (line.value("schema", "") != kResultSchema) {
    Malformed(std::string("its schema is not ") + kResultSchema);
  }
  Line read;
  read.sequence = line.at("sequence").get<std::uint64_t>();
  read.stream = line.value("stream", "");
  RecordedResult result;
  result.severity = SeverityOf(line);
  if (!line.at("stream_time").is_null()) {
    result.graded_time = TimeOf(line.at("stream_time"), "stream_time");
    result.frame_time = result.graded_time + result.severity.age;
    read.result = std::move(result);
  }
  return read;
}

using Run = std::vector<RecordedResult>;

// The run that is asked for; throws if there are not as many.
Run* Choose(std::vector<Run>* runs, int number, const std::string& path) {
  const auto count = static_cast<int>(runs->size());
  const int index = number < 0 ? count + number : number;
  if (index < 0 || index >= count) {
    throw Error(ErrorKind::kInvalid, path + ": run " + std::to_string(number) +
                                         " is not there; the file holds the results of " +
                                         std::to_string(count) + " runs, and -1 is the last");
  }
  return &(*runs)[index];
}

}  // namespace

RecordedResults::RecordedResults(const std::string& path, const RecordedSelection& selection) {
  const std::string content = ReadFile(path, kMaxBytes);
  std::vector<Run> runs;
  std::optional<std::uint64_t> previous;
  std::string stream;
  int number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view text(content.data() + begin, end - begin);
    ++number;
    begin = end + 1;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Line line;
    try {
      if (text.size() > kMaxLine) Malformed("longer than 64 KiB");
      line = LineOf(text);
    } catch (const std::exception& error) {
      if (end == content.size()) {
        cut_off_ = true;
        break;
      }
      throw Error(ErrorKind::kDamaged, path + ", line " + std::to_string(number) +
                                           " is no result of heparpublish (" + error.what() +
                                           "); give a file that heparpublish wrote");
    }
    if (!selection.stream.empty() && line.stream != selection.stream) continue;
    if (!runs.empty() && line.stream != stream) {
      throw Error(ErrorKind::kInvalid, path + " holds the results of several streams, such as '" +
                                           stream + "' and '" + line.stream +
                                           "'; choose one by stream-id");
    }
    stream = line.stream;
    // Each run counts from 0.
    if (!previous || line.sequence <= *previous) runs.emplace_back();
    previous = line.sequence;
    if (line.result) runs.back().push_back(*std::move(line.result));
  }
  if (runs.empty()) {
    throw Error(ErrorKind::kInvalid,
                path + ": no result" +
                    (selection.stream.empty() ? std::string()
                                              : " of the stream '" + selection.stream + "'") +
                    "; record them with heparpublish location=file:" + path);
  }
  results_ = std::move(*Choose(&runs, selection.run, path));
  if (results_.empty()) {
    throw Error(ErrorKind::kInvalid,
                path + ": none of the results has a stream time, so they belong to no frame");
  }
  std::stable_sort(
      results_.begin(), results_.end(),
      [](const RecordedResult& a, const RecordedResult& b) { return a.frame_time < b.frame_time; });
}

const RecordedResult* RecordedResults::At(GstClockTime time) const {
  const auto later = std::upper_bound(
      results_.begin(), results_.end(), time + kRounding,
      [](GstClockTime at, const RecordedResult& result) { return at < result.frame_time; });
  return later == results_.begin() ? nullptr : &*std::prev(later);
}

}  // namespace hepar
