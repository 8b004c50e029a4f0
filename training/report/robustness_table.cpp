// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/robustness_table.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "training/evaluation/statistics.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

double Share(int hits, int cases) {
  return cases > 0 ? static_cast<double>(hits) / cases : std::numeric_limits<double>::quiet_NaN();
}

std::string NameOf(const RobustnessRow& row) {
  std::string name = row.attack;
  if (!row.source.empty()) name += " from " + row.source;
  if (row.holds_features) name += " (weak)";
  if (row.eight_bit) name += ", 8 bit";
  if (row.epsilon > 0) name += ", " + Fixed(row.epsilon * 255, 2) + "/255";
  return name;
}

template <typename Predicate>
bool Any(const RobustnessReport& report, const Predicate& predicate) {
  return std::any_of(report.rows.begin(), report.rows.end(), predicate);
}

// One line for each kind of row that there is.
std::string Legend(const RobustnessReport& report) {
  std::string text =
      "95 %: Wilson, as if each picture were of another patient; too narrow where a patient "
      "has several.\n";
  if (report.cumulative) {
    text +=
        "each row: correct on the clean picture and under its attack and those above it, of this "
        "and of smaller budgets. attacked: pictures that were still correct, and got the attack. "
        "--rows separate gives each attack every picture.\n";
  }
  if (Any(report, [](const auto& row) { return row.attack == "worst case"; })) {
    text +=
        "worst case: correct on the clean picture and under every attack of this and of smaller "
        "budgets; an upper bound, since another attack can only lower it.\n";
  }
  if (Any(report, [](const auto& row) { return row.holds_features; })) {
    text +=
        "weak: generated with the features of the clean picture held fixed, scored on the whole "
        "model. An "
        "attacker does not hold them fixed, so this is no evidence of robustness.\n";
  }
  if (Any(report, [](const auto& row) { return !row.source.empty(); })) {
    text +=
        "from NAME: transferred from that model. It shows what an attacker without this model "
        "achieves, and nothing about one with it.\n";
  }
  if (Any(report, [](const auto& row) { return row.eight_bit; })) {
    text +=
        "8 bit: the same pictures, rounded to 1/255 within the budget after the attack; an attack "
        "that "
        "chooses among these levels may find more.\n";
  }
  for (const auto& [attack, reason] : report.left_out) {
    text += "left out: " + attack + ": " + reason + ".\n";
  }
  return text;
}

}  // namespace

std::string RobustnessTable(const RobustnessReport& report) {
  std::vector<std::vector<std::string>> table = {{"accuracy %", "all", "95 %"}};
  if (report.cumulative) table[0].emplace_back("attacked");
  for (const auto& name : report.class_names) table[0].push_back(name);
  for (const RobustnessRow& row : report.rows) {
    const Interval interval = WilsonInterval(row.Hits(), row.Pictures());
    table.push_back({NameOf(row), Percent(Share(row.Hits(), row.Pictures())),
                     Fixed(100 * interval.low, 1) + "-" + Fixed(100 * interval.high, 1)});
    if (report.cumulative) table.back().push_back(std::to_string(row.attacked));
    for (std::size_t k = 0; k < report.class_names.size(); ++k) {
      table.back().push_back(Percent(Share(row.hits[k], row.counts[k])));
    }
  }
  std::string classes;
  for (std::size_t k = 0; k < report.class_names.size() && !report.rows.empty(); ++k) {
    classes += (k == 0 ? "" : ", ") + report.class_names[k] + " " +
               std::to_string(report.rows[0].counts[k]);
  }
  const int pictures = report.rows.empty() ? 0 : report.rows[0].Pictures();
  return std::to_string(pictures) + " pictures of " + std::to_string(report.patients) +
         " patients (" + classes + ")\n" + FormatTable(table) + Legend(report);
}

ordered_json RobustnessToJson(const RobustnessReport& report) {
  ordered_json results = ordered_json::array();
  ordered_json cases = ordered_json::object(), left_out = ordered_json::array();
  for (const RobustnessRow& row : report.rows) {
    ordered_json per_class = ordered_json::object();
    for (std::size_t k = 0; k < report.class_names.size(); ++k) {
      per_class[report.class_names[k]] = Share(row.hits[k], row.counts[k]);
      cases[report.class_names[k]] = row.counts[k];
    }
    const Interval interval = WilsonInterval(row.Hits(), row.Pictures());
    const bool own = row.source.empty();
    results.push_back({{"attack", row.attack},
                       {"epsilon", row.epsilon},
                       {"pictures", row.Pictures()},
                       {"hits", row.Hits()},
                       {"accuracy", Share(row.Hits(), row.Pictures())},
                       {"wilson", {interval.low, interval.high}},
                       {"per_class", per_class},
                       {"eight_bit", row.eight_bit},
                       {"gradients", row.holds_features ? "image" : "end2end"},
                       {"weak", row.holds_features},
                       {"source", own ? ordered_json() : ordered_json(row.source)},
                       {"source_id", own ? ordered_json() : ordered_json(row.source_id)},
                       {"attacked", row.attacked},
                       {"seconds", row.seconds}});
  }
  for (const auto& [attack, reason] : report.left_out) {
    left_out.push_back({{"attack", attack}, {"reason", reason}});
  }
  return {{"pictures", report.rows.empty() ? 0 : report.rows[0].Pictures()},
          {"patients", report.patients},
          {"per_class_pictures", cases},
          {"rows", report.cumulative ? "cumulative" : "separate"},
          {"results", results},
          {"left_out", left_out}};
}

}  // namespace hepar
