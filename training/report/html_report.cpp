// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/html_report.h"

#include <algorithm>

#include "training/report/epochs_section.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/part_section.h"
#include "training/report/svg_chart.h"
#include "training/report/table.h"

namespace hepar {
namespace {

constexpr const char* kParts[] = {"validation", "test"};

std::string FiguresSection(const std::vector<PartSection>& parts) {
  std::string figures, matrices;
  for (const PartSection& part : parts) {
    figures += part.Figures();
    matrices += part.Matrices();
  }
  std::string text;
  if (!figures.empty()) {
    text += "<h2>Final figures</h2>\n" + figures +
            "<p class=\"note\">Figures are of the weights of the kept epoch. Average accuracy is "
            "pooled over the cases; balanced accuracy is the mean of the classes’ accuracies "
            "(recalls), best − worst their range. A patient is graded by the mean of the "
            "probabilities of the frames. Small figures are 95 % Wilson intervals; frames have "
            "none, as "
            "frames of one patient are not independent. Chance: answers drawn at random from the "
            "shares of the classes.</p>\n";
  }
  if (!matrices.empty()) {
    text += "<h2>Confusion matrices</h2>\n<div class=\"matrices\">\n" + matrices +
            "</div>\n<p class=\"note\">Counts, and their shares of the row: of the cases that are "
            "of that class.</p>\n";
  }
  return text;
}

std::string Header(const TrainingReport& report, const std::vector<PartSection>& parts) {
  double seconds = 0.0, memory = 0.0;
  for (const EpochRecord& record : report.history) {
    seconds += record.seconds;
    memory = std::max(memory, record.peak_memory_mib);
  }
  const std::string epochs = std::to_string(report.history.size());
  std::string cost;
  if (seconds > 0.0) {
    cost = "; " + NumberText(seconds / report.history.size(), 3) + "\u00a0s each, peak memory " +
           Fixed(memory, 0) + "\u00a0MiB";
  }
  std::string tiles = report.kept_epoch > 0 ? Tile(std::to_string(report.kept_epoch),
                                                   "epoch kept, of " + epochs + cost)
                                            : Tile(epochs, "epochs" + cost);
  if (!parts.empty()) tiles += parts.back().Tiles();
  return PageHead(report.title, report.subtitle, tiles);
}

}  // namespace

std::string TrainingReportHtml(const TrainingReport& report) {
  // The part that is held out longest comes last, and its figures head the page.
  std::vector<PartSection> parts;
  for (const char* name : kParts) {
    PartSection part(report, name);
    if (part.is_there()) parts.push_back(part);
  }
  const std::string options = OptionTables(report.options);
  return Page(report.title, Header(report, parts),
              EpochsSection(report) + FiguresSection(parts) +
                  (options.empty() ? "" : "<h2>Options</h2>\n" + options),
              "Written by hepar train (gst-hepar).");
}

}  // namespace hepar
