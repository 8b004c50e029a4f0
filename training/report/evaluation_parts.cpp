// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_parts.h"

#include <cmath>
#include <limits>

#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Interval IntervalOf(const ordered_json* object, const std::string& key) {
  const ordered_json* ends = Find(object, key);
  if (ends == nullptr || !ends->is_array() || ends->size() != 2 || !(*ends)[0].is_number() ||
      !(*ends)[1].is_number()) {
    return {kNan, kNan};
  }
  return {(*ends)[0], (*ends)[1]};
}

LineChart SquareOfShares(const std::string& x_name, const std::string& y_name) {
  LineChart chart;
  chart.x_name = x_name;
  chart.y_name = y_name;
  chart.percent = chart.x_percent = true;
  chart.low = 0.0;
  chart.high = 1.0;
  chart.x_range = {0.0, 1.0};
  chart.height = 430;
  return chart;
}

std::string ValueText(double value, bool percent) {
  if (std::isnan(value)) return "–";
  return percent ? PercentText(value) : Fixed(value, 3);
}

std::string WithInterval(double value, const Interval& interval, bool percent) {
  std::string text = ValueText(value, percent);
  if (std::isnan(value) || std::isnan(interval.low)) return text;
  return text + " <small>" +
         (percent ? PercentText(interval)
                  : Fixed(interval.low, 3) + "–" + Fixed(interval.high, 3)) +
         "</small>";
}

std::string Cell(const std::string& markup) { return Tag("td", markup); }
std::string Head(const std::string& text) { return Tag("th", EscapeMarkup(text)); }

std::string HeadRow(const std::vector<std::string>& names) {
  std::string row = "<tr>";
  for (const std::string& name : names) row += Head(name);
  return Tag("thead", row + "</tr>") + "\n";
}

std::string Table(const std::string& head, const std::string& bodies, const std::string& css) {
  return "<div class=\"wide\"><table" + (css.empty() ? "" : " class=\"" + css + "\"") + ">\n" +
         head + bodies + "</table></div>\n";
}

std::string Section(const std::string& title, const std::string& content) {
  return content.empty() ? "" : Tag("h2", EscapeMarkup(title)) + "\n" + content;
}

std::string Note(const std::string& text) {
  return Tag("p class=\"note\"", EscapeMarkup(text)) + "\n";
}

std::string Charts(const std::string& figures) {
  return figures.empty() ? "" : "<div class=\"charts\">\n" + figures + "</div>\n";
}

const ordered_json* SectionContext::LevelOf(const Level& level) const {
  return Find(figures(), level.key);
}

ordered_json SectionContext::Child(const std::string& key) const {
  const ordered_json* child = Find(figures(), key);
  return child == nullptr ? ordered_json::object() : *child;
}

std::string SectionContext::AddFigure(const std::string& title, const std::string& caption,
                                      LineChart chart) {
  if (!HasValues(chart)) return "";
  chart.description = title + ": " + caption;
  return Figure(++count_, title, caption, LineChartSvg(chart));
}

}  // namespace hepar
