// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/ablation/summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "models/error.h"
#include "training/ablation/paper_tables.h"
#include "training/ablation/seed_figures.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr const char* kLevels[] = {"frame", "patient"};
// The change that the tables report for a variant.
constexpr const char* kChanged[] = {"accuracy",     "balanced_accuracy", "best_worst", "auc_mild",
                                    "auc_moderate", "auc_severe",        "qwk"};

ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

double Value(const ordered_json& number) {
  return number.is_number() ? number.get<double>() : std::nan("");
}

ordered_json FigureToJson(const SeedFigures& figures, double EvaluationFigures::*member) {
  return {{"mean", Number(figures.mean.*member)},
          {"sd", Number(figures.deviation.*member)},
          {"low", Number(figures.intervals.low.*member)},
          {"high", Number(figures.intervals.high.*member)}};
}

ordered_json LevelToJson(const SeedFigures& figures, const std::vector<std::string>& class_names) {
  ordered_json level = {{"cases", figures.mean.cases}};
  for (const NamedFigure& figure : kNamedFigures) {
    level[figure.key] = FigureToJson(figures, figure.member);
  }
  ordered_json classes = ordered_json::object();
  for (std::size_t k = 0; k < class_names.size(); ++k) {
    classes[class_names[k]] = {{"cases", figures.mean.per_class_cases[k]},
                               {"mean", Number(figures.mean.per_class[k])},
                               {"sd", Number(figures.deviation.per_class[k])},
                               {"low", Number(figures.intervals.low.per_class[k])},
                               {"high", Number(figures.intervals.high.per_class[k])}};
  }
  level["per_class"] = classes;
  return level;
}

ordered_json ChangesToJson(const SeedFigures& figures, const SeedFigures& base) {
  ordered_json changes = ordered_json::object();
  for (const NamedFigure& figure : kNamedFigures) {
    if (std::find(std::begin(kChanged), std::end(kChanged), std::string(figure.key)) ==
        std::end(kChanged)) {
      continue;
    }
    const SeedDifference change = Difference(figures, base, figure.member);
    changes[figure.key] = {{"difference", Number(change.difference)},
                           {"low", Number(change.interval.low)},
                           {"high", Number(change.interval.high)},
                           {"p", Number(change.p_value)}};
  }
  return changes;
}

ordered_json AttacksToJson(const AblationRow& row) {
  ordered_json attacks = ordered_json::array();
  for (std::size_t i = 0; i < row.seeds[0].attacks.size(); ++i) {
    ordered_json by_seed = ordered_json::array();
    double sum = 0.0;
    for (const AblationSeed& seed : row.seeds) {
      sum += seed.attacks[i].accuracy;
      by_seed.push_back(seed.attacks[i].accuracy);
    }
    attacks.push_back({{"attack", row.seeds[0].attacks[i].attack},
                       {"accuracy", sum / static_cast<double>(row.seeds.size())},
                       {"by_seed", by_seed}});
  }
  return attacks;
}

ordered_json PaperToJson(const PaperRow& row) {
  return {{"mild", row.mild},     {"moderate", row.moderate},      {"severe", row.severe},
          {"normal", row.normal}, {"best_worst", row.BestWorst()}, {"average", row.average}};
}

std::vector<Predictions> Level(const AblationRow& row, bool by_patient) {
  std::vector<Predictions> seeds;
  for (const AblationSeed& seed : row.seeds) {
    seeds.push_back(by_patient ? ByPatient(seed.frames) : seed.frames);
  }
  return seeds;
}

// Markdown ---------------------------------------------------------------------------------------

using Cells = std::vector<std::string>;

std::string Line(const Cells& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string Head(const Cells& cells) { return Line(cells) + Line(Cells(cells.size(), "---")); }

// "76.7 ± 1.2" percent, or without the deviation of a single seed.
std::string Share(const ordered_json& figure) {
  const double mean = Value(figure["mean"]), deviation = Value(figure["sd"]);
  std::string text = Fixed(100 * mean, 1);
  if (std::isfinite(deviation)) text += " ± " + Fixed(100 * deviation, 1);
  return text;
}

// "0.924 (0.81-0.99)": the mean and its interval.
std::string Area(const ordered_json& figure) {
  return Fixed(Value(figure["mean"]), 3) + " (" + Fixed(Value(figure["low"]), 2) + "-" +
         Fixed(Value(figure["high"]), 2) + ")";
}

std::string PaperLikeTable(const ordered_json& summary, const char* level) {
  const std::vector<std::string> names = summary["class_names"];
  Cells head = {"method"};
  for (const std::string& name : names) {
    head.push_back(name + " % (n=" + summary["rows"][0][level]["per_class"][name]["cases"].dump() +
                   ")");
  }
  head.insert(head.end(), {"best-worst %", "average %", "balanced %"});
  std::string text = Head(head);
  for (const ordered_json& row : summary["rows"]) {
    const ordered_json& figures = row[level];
    Cells cells = {row["method"]};
    for (const std::string& name : names) cells.push_back(Share(figures["per_class"][name]));
    for (const char* key : {"best_worst", "accuracy", "balanced_accuracy"}) {
      cells.push_back(Share(figures[key]));
    }
    text += Line(cells);
    if (!row.contains("paper")) continue;
    const ordered_json& paper = row["paper"];
    cells = {"*the paper's " + row["method"].get<std::string>() + "*"};
    for (const std::string& name : names) {
      cells.push_back(paper.contains(name) ? Fixed(Value(paper[name]), 2) : "-");
    }
    cells.push_back(Fixed(Value(paper["best_worst"]), 2));
    cells.push_back(Fixed(Value(paper["average"]), 2));
    cells.emplace_back("-");
    text += Line(cells);
  }
  return text;
}

std::string RankingTable(const ordered_json& summary, const char* level) {
  std::string text =
      Head({"method", "AUC >= mild", "AUC >= moderate", "AUC >= severe", "weighted kappa", "ECE"});
  for (const ordered_json& row : summary["rows"]) {
    const ordered_json& figures = row[level];
    text += Line({row["method"], Area(figures["auc_mild"]), Area(figures["auc_moderate"]),
                  Area(figures["auc_severe"]), Area(figures["qwk"]),
                  Fixed(Value(figures["ece"]["mean"]), 3)});
  }
  return text;
}

std::string ChangesTable(const ordered_json& summary, const char* level) {
  std::string text;
  for (const ordered_json& row : summary["rows"]) {
    if (!row.contains("changes")) continue;
    if (text.empty()) {
      text = Head({"method", "against", "average", "balanced", "best-worst", "AUC >= mild",
                   "AUC >= moderate", "AUC >= severe", "weighted kappa"});
    }
    Cells cells = {row["method"], row["against"]};
    for (const char* key : kChanged) {
      const ordered_json& change = row["changes"][level][key];
      const double by = Value(change["difference"]);
      cells.push_back((by > 0 ? "+" : "") + Fixed(by, 3) + " (" + Fixed(Value(change["low"]), 2) +
                      " to " + Fixed(Value(change["high"]), 2) +
                      ", p=" + Fixed(Value(change["p"]), 3) + ")");
    }
    text += Line(cells);
  }
  return text;
}

std::string NestedText(const ordered_json& summary) {
  if (!summary.contains("nested")) return "";
  const ordered_json& nested = summary["nested"];
  const ordered_json& patient = nested["patient"];
  const std::string criterion = nested["criterion"];
  std::string text =
      Head({"chosen on the other folds", "accuracy %", "balanced %", "AUC >= mild",
            "AUC >= moderate", "AUC >= severe", "weighted kappa"}) +
      Line({"one of " + nested["configurations"].dump(), Share(patient["accuracy"]),
            Share(patient["balanced_accuracy"]), Area(patient["auc_mild"]),
            Area(patient["auc_moderate"]), Area(patient["auc_severe"]), Area(patient["qwk"])});
  text += "\n" + Head({"fold", "chosen", criterion + " there", criterion + " of the fold"});
  int fold = 0;
  for (const ordered_json& choice : nested["folds"]) {
    text += Line({std::to_string(fold++), choice["configuration"],
                  Fixed(Value(choice["criterion"]), 3), Fixed(Value(choice["outside"]), 3)});
  }
  text += "\nBest on all folds, and so the one to use: " + nested["best"].get<std::string>() +
          ", " + criterion + " " + Fixed(Value(nested["flattered"]), 3) +
          " on the patients that it was chosen on. The first line above is the score of such a "
          "choice on other patients.\n";
  if (nested["scheme"] == "cross-fitted") {
    text +=
        "The models of the other folds, which the choice for a fold uses, were trained on that "
        "fold; nested=full trains models without it.\n";
  }
  return text;
}

std::string BaselinesTable(const ordered_json& summary) {
  if (!summary.contains("baselines")) return "";
  const ordered_json& baselines = summary["baselines"];
  std::string text = Head({"measured", "AUC >= mild", "AUC >= moderate", "AUC >= severe"});
  for (const ordered_json& row : baselines["rows"]) {
    Cells cells = {row["title"].get<std::string>() + (row["fitted"] == true ? ", fitted" : "")};
    for (const char* key : {"auc_mild", "auc_moderate", "auc_severe"}) {
      std::string cell = Fixed(Value(row[key]), 3);
      if (row["intervals"].contains(key)) {
        const ordered_json& ends = row["intervals"][key];
        cell += " (" + Fixed(Value(ends[0]), 2) + "-" + Fixed(Value(ends[1]), 2) + ")";
      }
      cells.push_back(cell);
    }
    text += Line(cells);
  }
  text += "\n";
  for (const ordered_json& row : summary["rows"]) {
    if (row["beats_baseline"] == true) continue;
    std::string losses;
    for (const ordered_json& loss : row["not_beaten"]) {
      losses += (losses.empty() ? "" : "; ") + loss["title"].get<std::string>() + ", " +
                loss["grade"].get<std::string>() + " (" + Fixed(Value(loss["baseline"]), 3) +
                " to " + Fixed(Value(loss["model"]), 3) + ")";
    }
    text += "- **" + row["method"].get<std::string>() + " does not beat** " + losses + "\n";
  }
  return text;
}

std::string AttacksTable(const ordered_json& summary) {
  std::string text;
  for (const ordered_json& row : summary["rows"]) {
    if (row["attacks"].empty()) continue;
    if (text.empty()) {
      Cells head = {"method"};
      for (const ordered_json& one : row["attacks"]) head.push_back(one["attack"]);
      text = Head(head);
    }
    Cells cells = {row["method"]};
    for (const ordered_json& one : row["attacks"]) cells.push_back(Percent(Value(one["accuracy"])));
    text += Line(cells);
  }
  return text;
}

}  // namespace

std::string AblationRow::Method() const {
  if (variant == "base") return classifier;
  return classifier + (variant[0] == '+' ? "" : " ") + variant;
}

ordered_json SummaryToJson(const std::vector<AblationRow>& rows,
                           const std::vector<std::string>& class_names,
                           const BootstrapOptions& options) {
  const int classes = static_cast<int>(class_names.size());
  ordered_json list = ordered_json::array();
  std::map<std::string, SeedFigures> base;  // By level, of the classifier at hand.
  std::string of_classifier, of_method;
  for (const AblationRow& row : rows) {
    if (row.seeds.empty()) throw Error(ErrorKind::kInvalid, row.Method() + ": no seed was scored");
    const bool first = row.classifier != of_classifier;
    ordered_json entry = {{"method", row.Method()},
                          {"classifier", row.classifier},
                          {"variant", row.variant},
                          {"seeds", row.seeds.size()}};
    ordered_json changes = ordered_json::object();
    for (const char* level : kLevels) {
      const auto figures = OverSeeds(Level(row, level == std::string("patient")), classes, options);
      entry[level] = LevelToJson(figures, class_names);
      if (first) {
        base[level] = figures;
      } else {
        changes[level] = ChangesToJson(figures, base.at(level));
      }
    }
    if (first) {
      of_classifier = row.classifier;
      of_method = row.Method();
    } else {
      entry["against"] = of_method;
      entry["changes"] = changes;
    }
    entry["attacks"] = AttacksToJson(row);
    if (const auto paper = FindPaperRow(row.Method())) entry["paper"] = PaperToJson(*paper);
    list.push_back(entry);
  }
  return {{"class_names", class_names}, {"resamples", options.resamples}, {"rows", list}};
}

void AddNested(const NestedSelection& nested, const std::string& criterion,
               const std::string& scheme, int configurations, const BootstrapOptions& options,
               ordered_json* summary) {
  const std::vector<std::string> class_names = summary->at("class_names");
  const int classes = static_cast<int>(class_names.size());
  ordered_json folds = ordered_json::array();
  for (const NestedSelection::Choice& choice : nested.folds) {
    folds.push_back({{"configuration", choice.configuration},
                     {"criterion", Number(choice.criterion)},
                     {"outside", Number(choice.outside)}});
  }
  ordered_json& json = (*summary)["nested"];
  json = {{"criterion", criterion}, {"scheme", scheme},    {"configurations", configurations},
          {"folds", folds},         {"best", nested.best}, {"flattered", Number(nested.flattered)}};
  AblationRow row{"nested", "base", {}};
  for (const Predictions& seed : nested.seeds) row.seeds.push_back({seed, {}});
  for (const char* level : kLevels) {
    json[level] = LevelToJson(
        OverSeeds(Level(row, level == std::string("patient")), classes, options), class_names);
  }
}

void AddBaselines(const ordered_json& baselines, ordered_json* summary) {
  (*summary)["baselines"] = baselines;
  for (ordered_json& row : (*summary)["rows"]) {
    row["not_beaten"] = ordered_json::array();
    for (const auto& [key, grade] :
         {std::pair("auc_mild", "mild"), std::pair("auc_moderate", "moderate"),
          std::pair("auc_severe", "severe")}) {
      const double model = Value(row["patient"][key]["mean"]);
      for (const ordered_json& baseline : baselines.at("rows")) {
        const double area = Value(baseline.at(key));
        if (!std::isfinite(area) || !std::isfinite(model) || model > area) continue;
        row["not_beaten"].push_back({{"name", baseline.at("name")},
                                     {"title", baseline.at("title")},
                                     {"grade", grade},
                                     {"baseline", area},
                                     {"model", model}});
      }
    }
    row["beats_baseline"] = row["not_beaten"].empty();
  }
}

std::string SummaryMarkdown(const ordered_json& summary, const std::string& title) {
  std::string text = "# " + title + "\n\nMeans over " + summary["rows"][0]["seeds"].dump() +
                     " seed(s), ± their standard deviation; in brackets the 95 % interval over " +
                     summary["resamples"].dump() +
                     " resamples of patients. The paper's rows come from other, private data, and "
                     "have no interval.\n";
  if (summary.contains("plan")) {
    text += "\n" + summary["plan"]["sentence"].get<std::string>() + "\n";
  }
  const std::string nested = NestedText(summary);
  if (!nested.empty()) {
    text += "\n## Nested cross-validation, by patient\n\n" + nested;
  }
  const std::string baselines = BaselinesTable(summary);
  if (!baselines.empty()) {
    text += "\n## Baselines: simple image measurements, by patient\n\n" + baselines;
  }
  for (const char* level : kLevels) {
    text += std::string("\n## By ") + level + "\n\n" + PaperLikeTable(summary, level) + "\n" +
            RankingTable(summary, level);
    const std::string changes = ChangesTable(summary, level);
    if (!changes.empty()) {
      text += std::string("\nChange against the first variant, by ") + level +
              " (interval and two-sided p-value by resampling patients, not corrected for their "
              "number):\n\n" +
              changes;
    }
  }
  const std::string attacks = AttacksTable(summary);
  if (!attacks.empty()) {
    text += "\n## Under attack\n\nAccuracy % by frame, attacked end to end:\n\n" + attacks;
  }
  return text;
}

}  // namespace hepar
