// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <utility>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

std::string CorruptionTable(const std::string& key, const std::string& title,
                            const ordered_json& corrupted) {
  const ordered_json& kinds = corrupted.at("kinds");
  std::vector<std::string> names = {title, "clean"};
  const std::size_t strengths = kinds.front().at("levels").size();
  for (std::size_t i = 1; i <= strengths; ++i) names.push_back(std::to_string(i));
  for (const char* name : {"mean", "kept, frames", "kept, patients"}) names.emplace_back(name);
  const auto number = [&key](const ordered_json* object, const char* level) {
    return PercentText(NumberOf(Find(object, level), key));
  };
  const std::string clean = number(Find(&corrupted, "clean"), "frame");
  std::string rows;
  for (const auto& kind : kinds) {
    std::string line = Head(TextOf(&kind, "name")) + Cell(clean);
    for (const auto& level : kind.at("levels")) line += Cell(number(&level, "frame"));
    line += Cell(number(Find(&kind, "mean"), "frame"));
    for (const char* level : {"frame", "patient"}) {
      line += Cell(number(Find(&kind, "relative"), level));
    }
    rows += Tag("tr", line) + "\n";
  }
  std::string all = Head("all") + Cell(clean);
  for (std::size_t i = 0; i < strengths; ++i) all += Cell("");
  all += Cell(number(Find(&corrupted, "mean"), "frame"));
  for (const char* level : {"frame", "patient"}) {
    all += Cell(number(Find(&corrupted, "relative"), level));
  }
  return Table(HeadRow(names), Tag("tbody", rows) + Tag("tbody", Tag("tr", all)));
}

std::string StrengthTable(const ordered_json& kinds) {
  std::string rows;
  for (const auto& kind : kinds) {
    std::string line = Head(TextOf(&kind, "name"));
    for (const auto& level : kind.at("levels")) {
      line += Cell(NumberText(NumberOf(&level, "size"), 3));
    }
    rows += Tag("tr", line + Tag("td style=\"text-align: left\"",
                                 EscapeMarkup(TextOf(&kind, "unit") + "; of the " +
                                              TextOf(&kind, "place")))) +
            "\n";
  }
  std::vector<std::string> names = {"size at strength"};
  for (std::size_t i = 1; i <= kinds.front().at("levels").size(); ++i) {
    names.push_back(std::to_string(i));
  }
  names.emplace_back("");
  return Table(HeadRow(names), Tag("tbody", rows));
}

std::string ViewRow(const std::string& name, const ordered_json* set, const std::string& groups) {
  if (set == nullptr) return "";
  const auto n = [set](const std::string& key) { return Fixed(NumberOf(set, key), 0); };
  return Tag("tr",
             Head(name) + Cell(n("flagged") + " of " + n("frames")) +
                 Cell(WithInterval(NumberOf(set, "share"), IntervalOf(set, "interval"), true)) +
                 Cell(n(groups + "_flagged") + " of " + n(groups))) +
         "\n";
}

}  // namespace

std::string CorruptionsSection(SectionContext& c) {
  const ordered_json* corrupted = Find(c.figures(), "corruptions");
  const ordered_json* kinds = Find(corrupted, "kinds");
  if (kinds == nullptr || kinds->empty()) return "";
  const ordered_json* clean = Find(Find(corrupted, "clean"), "frame");
  LineChart chart;
  chart.x_name = "strength (0: clean)";
  chart.percent = true;
  chart.low = 0.0;
  chart.high = 1.0;
  chart.height = 340;
  for (int strength = 0; strength <= static_cast<int>(kinds->front().at("levels").size());
       ++strength) {
    chart.x.push_back(strength);
  }
  std::string charts;
  for (const auto& [key, title] :
       {std::pair("accuracy", "Accuracy"), std::pair("auc_moderate", "AUC, at least moderate")}) {
    LineChart one = chart;
    one.y_name = std::string(title) + ", %";
    for (const auto& kind : *kinds) {
      ChartSeries series;
      series.name = TextOf(&kind, "name");
      series.values.push_back(NumberOf(clean, key));
      for (const auto& level : kind.at("levels")) {
        series.values.push_back(NumberOf(Find(&level, "frame"), key));
      }
      one.series.push_back(std::move(series));
    }
    charts += c.AddFigure(std::string(title) + " by strength", "By frame.", one);
  }
  return Charts(charts) + CorruptionTable("accuracy", "accuracy, %", *corrupted) +
         CorruptionTable("auc_moderate", "AUC, at least moderate, %", *corrupted) +
         Note(
             "By frame. Mean: over the strengths. Kept: that mean over the clean figure, for "
             "frames and patients. Changes within the sector are made to the prepared picture; "
             "JPEG and overlays to the whole frame, before the sector is looked for. Sizes of "
             "the strengths are in the table below.") +
         StrengthTable(*kinds);
}

std::string OtherViewsSection(SectionContext& c) {
  const ordered_json* domain = Find(c.figures(), "domain");
  if (domain == nullptr) return "";
  const ordered_json* other = Find(domain, "other");
  const ordered_json* exact = Find(domain, "at_false_flags");
  const std::string at = " at " + PercentText(NumberOf(exact, "rate")) + " %";
  std::string text =
      Table(HeadRow({"", "frames flagged", "%", "patients or clips"}),
            Tag("tbody", ViewRow("liver frames", Find(domain, "liver"), "patients") +
                             ViewRow("other views", other, "clips") +
                             ViewRow("liver frames" + at, Find(exact, "liver"), "patients") +
                             ViewRow("other views" + at, Find(exact, "other"), "clips")));
  if (other != nullptr) {
    std::string rows;
    for (const auto& clip : other->at("by_clip")) {
      rows += Tag("tr", Head(TextOf(&clip, "name")) +
                            Cell(Fixed(NumberOf(&clip, "flagged"), 0) + " of " +
                                 Fixed(NumberOf(&clip, "frames"), 0)) +
                            Cell(Fixed(NumberOf(&clip, "median_score"), 2))) +
              "\n";
    }
    text += Table(HeadRow({"clip", "frames flagged", "median score"}), Tag("tbody", rows));
  }
  return text +
         Note(
             "Flagged: the out-of-domain score is above the limit, so that the picture gets no "
             "grade. Scores are over the limit of the model that gave them; with several models "
             "each scores all other views. Rows with a share in their name are at the limit that "
             "flags this share of the liver frames. A patient or clip counts when more than half "
             "of its frames do. Intervals by resampling patients or clips.");
}

}  // namespace hepar
