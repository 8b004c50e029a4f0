// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_html.h"

#include <cstddef>

#include "training/report/evaluation_sections.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"

namespace hepar {
namespace {

// What the metrics do not include.
std::string Skipped(const SectionContext& context) {
  const nlohmann::ordered_json data = context.Child("data");
  if (!data.contains("skipped") || data["skipped"].empty()) return "";
  std::string text;
  for (const auto& one : data["skipped"]) {
    text += (text.empty() ? "Skipped files: " : ", ") + one.at("count").dump() + " " +
            one.at("reason").get<std::string>();
    std::string names;
    for (const auto& name : one.at("examples")) {
      names += (names.empty() ? "" : ", ") + name.get<std::string>();
    }
    const bool has_more = one.at("count").get<std::size_t>() > one.at("examples").size();
    text += " (" + names + (has_more ? ", ..." : "") + ")";
  }
  return Tag("p class=\"notice\"", EscapeMarkup(text + ".")) + "\n";
}

std::string Warnings(const SectionContext& context) {
  std::string text = Skipped(context);
  for (const auto& warning : context.Child("warnings")) {
    text += Tag("p class=\"notice\"", EscapeMarkup(Capitalized(warning.get<std::string>()) + ".")) +
            "\n";
  }
  return text;
}

}  // namespace

std::string EvaluationReportHtml(const EvaluationReport& report) {
  SectionContext c(report);
  std::string main;
  main += Section("Baselines: simple image measurements", BaselinesSection(c));
  main += Section("Metrics", HeadlineSection(c));
  main += Section("External sets", ExternalSection(c));
  main += Section("States of the frames", StatesSection(c));
  const std::string curves = RocCurvesSection(c);
  main += Section("ROC curves and operating points", curves + OperatingPointsSection(c));
  main += Section("Confusion matrices", MatricesSection(c));
  main += Section("Calibration", CalibrationSection(c));
  main += Section("Abstention", AbstentionSection(c));
  main += Section("Robustness to image corruptions", CorruptionsSection(c));
  main += Section("Non-liver views (out-of-distribution)", OtherViewsSection(c));
  main += Section("Subgroups", SubgroupsSection(c));
  main += Section("Comparison on the same patients", ComparisonSection(c));
  main += Section("Worst mistakes", GallerySection(c));
  main += Section("Model card", ModelCardSection(c));
  main += Section("Reporting checklist", ChecklistTableSection(c));
  main += Section("Options of this evaluation", OptionTables(c.Child("options")));
  return Page(report.title, PageHead(report.title, report.subtitle, TilesSection(c)),
              Warnings(c) + VerdictSection(c) + main, "Written by hepar evaluate (gst-hepar).");
}

}  // namespace hepar
