// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/html_parts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "models/error.h"
#include "training/report/html_style.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

// Share of its row from which a cell is dark enough to need inverted text.
constexpr double kDeepShare = 0.75;

// A value as people write it. All digits are in the JSON that the report is made of.
std::string OptionText(const ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return NumberText(value.get<double>());
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [name, part] : value.items()) {
    text += (text.empty() ? "" : ", ") + (value.is_object() ? name + " " : "") + OptionText(part);
  }
  return text;
}

}  // namespace

std::string Tag(const std::string& name, const std::string& content) {
  return "<" + name + ">" + content + "</" + name.substr(0, name.find(' ')) + ">";
}

const ordered_json* Find(const ordered_json* object, const std::string& key) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &*found;
}

double NumberOf(const ordered_json* object, const std::string& key) {
  const ordered_json* value = Find(object, key);
  return value != nullptr && value->is_number() ? value->get<double>()
                                                : std::numeric_limits<double>::quiet_NaN();
}

std::string TextOf(const ordered_json* object, const std::string& key) {
  const ordered_json* value = Find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

std::string PercentText(double fraction) {
  return std::isnan(fraction) ? "–" : Fixed(100.0 * fraction, 1);
}

std::string PercentText(const Interval& interval) {
  return PercentText(interval.low) + "–" + PercentText(interval.high);
}

std::string Capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
  return text;
}

std::optional<ConfusionMatrix> MatrixOf(const ordered_json* level, int classes) {
  const ordered_json* rows = Find(level, "confusion_matrix");
  if (rows == nullptr) return std::nullopt;
  const auto fits = [classes](const ordered_json& value) {
    return value.is_array() && value.size() == static_cast<std::size_t>(classes);
  };
  const auto counts = [](const ordered_json& value) {
    return value.is_number_integer() && value.get<int>() >= 0;
  };
  if (!fits(*rows) || !std::all_of(rows->begin(), rows->end(), [&](const ordered_json& row) {
        return fits(row) && std::all_of(row.begin(), row.end(), counts);
      })) {
    throw Error(ErrorKind::kInvalid, "confusion_matrix is " + rows->dump() + ", expected " +
                                         std::to_string(classes) + " rows of as many counts");
  }
  ConfusionMatrix matrix(classes);
  for (int truth = 0; truth < classes; ++truth) {
    for (int answer = 0; answer < classes; ++answer) {
      matrix.Add(truth, answer, (*rows)[truth][answer].get<int>());
    }
  }
  return matrix;
}

std::string MatrixTable(const ConfusionMatrix& matrix, const std::vector<std::string>& class_names,
                        const std::string& caption) {
  std::string text = "<table class=\"confusion\">\n" + Tag("caption", EscapeMarkup(caption)) +
                     "\n<thead><tr><th></th><th class=\"answers\" colspan=\"" +
                     std::to_string(matrix.classes()) +
                     "\">answer</th><th></th></tr>\n<tr><th>truth</th>";
  for (const std::string& name : class_names) text += Tag("th", EscapeMarkup(name));
  text += "<th>n</th></tr></thead>\n<tbody>\n";
  for (int truth = 0; truth < matrix.classes(); ++truth) {
    text += "<tr>" + Tag("th", EscapeMarkup(class_names[truth]));
    const int cases = matrix.count(truth);
    for (int answer = 0; answer < matrix.classes(); ++answer) {
      const int count = matrix.at(truth, answer);
      const double share = cases == 0 ? 0.0 : static_cast<double>(count) / cases;
      text += "<td class=\"cell" + std::string(truth == answer ? " right" : "") +
              (share > kDeepShare ? " deep" : "") + "\" style=\"--share: " + Fixed(share, 3) +
              "\"><b>" + std::to_string(count) + "</b><small>" +
              (cases == 0 ? "–" : Fixed(100.0 * share, 1) + " %") + "</small></td>";
    }
    text += Tag("td", std::to_string(cases)) + "</tr>\n";
  }
  return text + "</tbody></table>\n";
}

std::string Tile(const std::string& value, const std::string& name) {
  return "<div class=\"tile\"><b>" + EscapeMarkup(value) + "</b><span>" + EscapeMarkup(name) +
         "</span></div>\n";
}

std::string Figure(int number, const std::string& title, const std::string& caption,
                   const std::string& svg) {
  return "<figure>\n<figcaption><b>Figure " + std::to_string(number) + ". " + EscapeMarkup(title) +
         "</b> " + EscapeMarkup(caption) + "</figcaption>\n" + svg + "</figure>\n";
}

std::string OptionTables(const ordered_json& options, int columns) {
  if (!options.is_object() || options.empty()) return "";
  std::string text = "<div class=\"options\">\n";
  const std::size_t rows = (options.size() + columns - 1) / columns;
  std::size_t row = 0;
  for (const auto& [name, value] : options.items()) {
    if (row % rows == 0)
      text += std::string(row == 0 ? "" : "</tbody></table>\n") + "<table><tbody>\n";
    text += Tag("tr", Tag("th", EscapeMarkup(name)) + Tag("td", EscapeMarkup(OptionText(value)))) +
            "\n";
    ++row;
  }
  return text + "</tbody></table>\n</div>\n";
}

std::string Page(const std::string& title, const std::string& head, const std::string& main,
                 const std::string& footer) {
  return "<!DOCTYPE html>\n"
         "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
         "<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
         Tag("title", EscapeMarkup(title)) + "\n" + Tag("style", kReportStyle) +
         "\n</head>\n<body>\n" + head + "<main>\n" + main + "</main>\n" +
         Tag("footer", EscapeMarkup(footer)) + "\n</body>\n</html>\n";
}

std::string PageHead(const std::string& title, const std::string& subtitle,
                     const std::string& tiles) {
  std::string text = "<header>\n" + Tag("h1", EscapeMarkup(title)) + "\n";
  if (!subtitle.empty()) text += Tag("p class=\"subtitle\"", EscapeMarkup(subtitle)) + "\n";
  return text +
         "<p class=\"notice\">For research use only: no medical device, not for diagnosis.</p>\n"
         "<div class=\"tiles\">\n" +
         tiles + "</div>\n</header>\n";
}

}  // namespace hepar
