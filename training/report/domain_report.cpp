// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/domain_report.h"

#include <cmath>
#include <vector>

#include "training/report/html_parts.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

ordered_json ToJson(const Interval& interval) {
  return ordered_json::array({interval.low, interval.high});
}

ordered_json ShareToJson(const DomainScores& scores, double limit, const char* groups,
                         const BootstrapOptions& bootstrap) {
  const FlaggedShare share = ShareFlagged(scores, limit, bootstrap);
  const std::string name = groups;
  return {{"frames", share.frames},
          {"flagged", share.flagged},
          {"share", share.share},
          {"interval", ToJson(share.interval)},
          {name, share.groups},
          {name + "_flagged", share.groups_flagged},
          {name + "_wilson", ToJson(share.groups_wilson)}};
}

ordered_json OtherToJson(const DomainScores& scores, double limit,
                         const BootstrapOptions& bootstrap) {
  ordered_json json = ShareToJson(scores, limit, "clips", bootstrap);
  json["by_clip"] = ordered_json::array();
  for (const GroupShare& clip : ShareByGroup(scores, limit)) {
    json["by_clip"].push_back({{"name", clip.name},
                               {"frames", clip.frames},
                               {"flagged", clip.flagged},
                               {"median_score", clip.median}});
  }
  return json;
}

std::string IntervalText(const ordered_json* object, const std::string& key) {
  const ordered_json* ends = Find(object, key);
  if (ends == nullptr || !(*ends)[0].is_number()) return "-";
  return Percent((*ends)[0]) + " to " + Percent((*ends)[1]);
}

void AddRow(const std::string& name, const ordered_json* set, const std::string& groups,
            Rows* rows) {
  if (set == nullptr) return;
  const auto count = [set](const std::string& key) { return Fixed(NumberOf(set, key.c_str()), 0); };
  rows->push_back({name, count("flagged") + " of " + count("frames"),
                   Percent(NumberOf(set, "share")), IntervalText(set, "interval"),
                   count(groups + "_flagged") + " of " + count(groups),
                   IntervalText(set, groups + "_wilson")});
}

}  // namespace

ordered_json DomainToJson(const DomainScores& liver, const DomainScores& other, double rate,
                          const BootstrapOptions& bootstrap) {
  ordered_json json = {{"liver", ShareToJson(liver, 1.0, "patients", bootstrap)}};
  if (other.over_limit.empty()) return json;
  json["other"] = OtherToJson(other, 1.0, bootstrap);
  json["auc"] = DomainAuc(liver, other);
  const double limit = LimitOfFalseFlags(liver, rate);
  json["at_false_flags"] = {{"rate", rate},
                            {"limit", limit},
                            {"liver", ShareToJson(liver, limit, "patients", bootstrap)},
                            {"other", OtherToJson(other, limit, bootstrap)}};
  return json;
}

std::string DomainText(const ordered_json& domain) {
  Rows rows = {{"no liver view", "frames flagged", "%", "95 %", "patients, clips", "95 %, %"}};
  AddRow("liver frames", Find(&domain, "liver"), "patients", &rows);
  const ordered_json* other = Find(&domain, "other");
  if (other == nullptr) return FormatTable(rows);
  AddRow("other views", other, "clips", &rows);
  const ordered_json* exact = Find(&domain, "at_false_flags");
  const std::string at = " at " + Percent(NumberOf(exact, "rate")) + " %";
  AddRow("liver frames" + at, Find(exact, "liver"), "patients", &rows);
  AddRow("other views" + at, Find(exact, "other"), "clips", &rows);

  Rows clips = {{"clip", "frames flagged", "median score"}};
  for (const auto& clip : other->at("by_clip")) {
    clips.push_back(
        {TextOf(&clip, "name"),
         Fixed(NumberOf(&clip, "flagged"), 0) + " of " + Fixed(NumberOf(&clip, "frames"), 0),
         Fixed(NumberOf(&clip, "median_score"), 2)});
  }
  return FormatTable(rows) + FormatTable(clips) + "AUC " + Fixed(NumberOf(&domain, "auc"), 4) +
         ". The first two lines are at the models' own limits (score 1); the last two at the limit "
         "that flags the stated share of these liver frames.\n";
}

}  // namespace hepar
