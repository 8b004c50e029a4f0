// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/evaluation_sections.h"

#include <limits>

#include "training/report/checklist.h"
#include "training/report/html_parts.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {

using nlohmann::ordered_json;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string PictureMarkup(const std::string& alternative, const std::string& uri) {
  return "<img alt=\"" + EscapeMarkup(alternative) + "\" src=\"" + EscapeMarkup(uri) + "\"/>\n";
}

std::string SaliencyNote(const EvaluationReport& report) {
  if (!report.saliency.empty()) {
    return Note(
        "At the right the same picture with its saliency map: the parts that spoke for the wrong "
        "answer, to first order, from violet (a little) to yellow (most). The map tells what the "
        "network used, not whether that is a sign of disease; dark parts cannot light up.");
  }
  if (report.no_saliency.empty()) return "";
  return Note("There are no saliency maps for this model: " + report.no_saliency + ".");
}

}  // namespace

std::string GallerySection(SectionContext& c) {
  const ordered_json* failures = Find(c.figures(), "failures");
  if (failures == nullptr) return "";
  if (failures->empty()) return Note("No answer was wrong.");
  std::string cards;
  for (std::size_t i = 0; i < failures->size(); ++i) {
    const ordered_json& failure = (*failures)[i];
    std::string shares;
    if (const ordered_json* probabilities = Find(&failure, "probabilities")) {
      for (const auto& [name, value] : probabilities->items()) {
        shares += (shares.empty() ? "" : " · ") + name + " " +
                  PercentText(value.is_number() ? value.get<double>() : kNan);
      }
    }
    const std::string patient = TextOf(&failure, "patient_id");
    const std::string what = TextOf(&failure, "truth") + ", called " + TextOf(&failure, "answer");
    std::string card;
    if (i < c.report().pictures.size()) {
      card += PictureMarkup("frame of patient " + patient + ": " + what, c.report().pictures[i]);
    }
    if (i < c.report().saliency.size()) {
      card = Tag("div class=\"pair\"",
                 card + PictureMarkup("what spoke for " + TextOf(&failure, "answer"),
                                      c.report().saliency[i]));
    }
    cards +=
        Tag("figure", card + Tag("figcaption",
                                 Tag("b", EscapeMarkup(what)) + EscapeMarkup("patient " + patient) +
                                     Tag("span class=\"shares\"", EscapeMarkup(shares + " %")))) +
        "\n";
  }
  return "<div class=\"gallery\">\n" + cards + "</div>\n" +
         Note(
             "Those farthest from the truth come first, and of equal distance the most "
             "confident; two of a patient at most. The pictures are what the network sees.") +
         SaliencyNote(c.report());
}

std::string ModelCardSection(SectionContext& c) {
  const ordered_json* models = Find(c.figures(), "models");
  if (models == nullptr || models->empty()) return "";
  std::string text;
  if (models->size() > 1) {
    std::string rows;
    for (const auto& model : *models) {
      rows += Tag("tr", Head(TextOf(&model, "name")) + Cell(Fixed(NumberOf(&model, "fold"), 0)) +
                            Cell("<small>" + EscapeMarkup(TextOf(&model, "id")) + "</small>")) +
              "\n";
    }
    text += Table(HeadRow({"model", "scored on fold", "id"}), Tag("tbody", rows)) +
            Note("Below: the first of them.");
  }
  const ordered_json& model = models->front();
  ordered_json card = ordered_json::object();
  for (const auto& [name, value] : model.items()) {
    if (name == "architecture" || name == "input") {
      for (const auto& [part, content] : value.items()) card[name + "." + part] = content;
    } else if (!value.is_null() && name != "training_options" && name != "metrics" &&
               name != "fold") {
      card[name] = value;
    }
  }
  text += OptionTables(card, 2);
  if (const ordered_json* cost = Find(c.figures(), "cost")) {
    text += Note("Median " + NumberText(NumberOf(cost, "median_inference_ms"), 3) +
                 " ms of inference for a frame on " + TextOf(cost, "device") + " in " +
                 TextOf(cost, "precision") + ", " + Fixed(NumberOf(cost, "threads"), 0) +
                 " thread(s), on this machine.");
  }
  if (const ordered_json* trained = Find(&model, "training_options")) {
    const std::string options = OptionTables(*trained);
    if (!options.empty()) text += "<h3>How it was trained</h3>\n" + options;
  }
  return text;
}

std::string ChecklistTableSection(SectionContext& c) {
  std::string rows, section, bodies;
  for (const ChecklistItem& item : Checklist(*c.figures())) {
    if (item.section != section && !rows.empty()) {
      bodies += Tag("tbody", rows);
      rows.clear();
    }
    section = item.section;
    rows += Tag("tr", Head(item.section) + Cell(EscapeMarkup(item.question)) +
                          (item.answer.empty() ? Tag("td class=\"open\"", "for the authors")
                                               : Cell(EscapeMarkup(item.answer))) +
                          Cell("<small>" + EscapeMarkup(item.guidelines) + "</small>")) +
            "\n";
  }
  bodies += Tag("tbody", rows);
  return Table(HeadRow({"", "question", "answer", "asked by"}), bodies, "text") +
         Note(
             "What CLAIM (2024), STARD-AI (2025) and TRIPOD+AI (2024) ask, in short and in our "
             "words; their own forms decide.");
}

}  // namespace hepar
