// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/state_report.h"

#include <cmath>
#include <functional>

#include "models/error.h"
#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr double kSure = 0.9;

struct NamedState {
  const char* key;
  const char* name;
  std::function<bool(FrameState)> holds;
};

const std::vector<NamedState>& States() {
  static const std::vector<NamedState> kStates = {
      {"graded", "graded", [](FrameState s) { return s == FrameState::kGraded; }},
      {"uncertain", "uncertain", [](FrameState s) { return s == FrameState::kUncertain; }},
      {"unfamiliar", "unfamiliar", [](FrameState s) { return s == FrameState::kUnfamiliar; }},
      {"not_liver", "not a liver view", [](FrameState s) { return s == FrameState::kNotLiver; }},
      {"liver", "all liver views", [](FrameState s) { return s != FrameState::kNotLiver; }},
      {"all", "all", [](FrameState) { return true; }}};
  return kStates;
}

ordered_json Share(double part, double whole) {
  return whole > 0.0 ? ordered_json(part / whole) : ordered_json();
}

}  // namespace

ordered_json StatesToJson(const Predictions& frames, const std::vector<FrameState>& given,
                          TruthKind truth, bool withhold_unfamiliar) {
  const std::size_t count = frames.probabilities.size();
  const std::vector<FrameState> states =
      given.empty() ? std::vector<FrameState>(count, FrameState::kGraded) : given;
  if (states.size() != count || frames.labels.size() != count) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(states.size()) + " states for " +
                                         std::to_string(count) + " frames");
  }
  const auto right = [&](std::size_t n) {
    const int answer = AnswerOf(frames.probabilities[n]);
    return truth == TruthKind::kGrades ? answer == frames.labels[n]
                                       : (answer > 0) == (frames.labels[n] > 0);
  };
  ordered_json json = {{"withhold_unfamiliar", withhold_unfamiliar}};
  for (const NamedState& state : States()) {
    double of_state = 0.0, confidence = 0.0, hits = 0.0;
    for (std::size_t n = 0; n < count; ++n) {
      if (!state.holds(states[n])) continue;
      of_state += 1.0;
      confidence += frames.probabilities[n][AnswerOf(frames.probabilities[n])];
      hits += truth != TruthKind::kNone && right(n) ? 1.0 : 0.0;
    }
    json[state.key] = {{"frames", static_cast<int>(of_state)},
                       {"share", Share(of_state, static_cast<double>(count))},
                       {"mean_confidence", Share(confidence, of_state)}};
    if (truth != TruthKind::kNone) json[state.key]["accuracy"] = Share(hits, of_state);
  }
  if (truth == TruthKind::kNone) return json;
  int fatty = 0, called = 0;
  for (std::size_t n = 0; n < count; ++n) {
    const bool answered = states[n] == FrameState::kGraded ||
                          (states[n] == FrameState::kUnfamiliar && !withhold_unfamiliar);
    if (frames.labels[n] == 0 || !answered) continue;
    ++fatty;
    called += frames.probabilities[n][0] > kSure ? 1 : 0;
  }
  json["sure_normal"] = {
      {"above", kSure}, {"fatty", fatty}, {"called", called}, {"share", Share(called, fatty)}};
  return json;
}

std::string StatesText(const ordered_json& states) {
  std::vector<std::vector<std::string>> rows = {
      {"state", "frames", "%", "mean confidence %", "accuracy %"}};
  for (const NamedState& state : States()) {
    const ordered_json* one = Find(&states, state.key);
    rows.push_back({state.name, Fixed(NumberOf(one, "frames"), 0), Percent(NumberOf(one, "share")),
                    Percent(NumberOf(one, "mean_confidence")), Percent(NumberOf(one, "accuracy"))});
  }
  std::string text = FormatTable(rows);
  if (const ordered_json* sure = Find(&states, "sure_normal")) {
    text += "Of " + Fixed(NumberOf(sure, "fatty"), 0) + " graded frames of fatty livers, " +
            Fixed(NumberOf(sure, "called"), 0) + " are graded normal with a probability above " +
            Fixed(NumberOf(sure, "above"), 1) + ".\n";
  }
  return text;
}

}  // namespace hepar
