// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/severity_panel.h"

#include <algorithm>
#include <cmath>

namespace hepar {
namespace {

int ToPercent(double share) {
  return std::isfinite(share) ? static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 100))
                              : 0;
}

// Rounded up, so that no age and no time is shown as none.
int ToTenths(GstClockTime time, GstClockTime unit) {
  const GstClockTime tenth = unit / 10;
  return static_cast<int>(std::min<GstClockTime>(time / tenth + (time % tenth != 0), 9999999));
}

}  // namespace

PanelContent PanelContentOf(const GstHeparSeverity& severity) {
  PanelContent content;
  const int classes = static_cast<int>(severity.probabilities.size());
  const bool graded = severity.grade >= 0 && severity.grade < classes;
  content.state = severity.state == GstHeparState::kUnfamiliar ? PanelContent::State::kUnfamiliar
                  : graded                                     ? PanelContent::State::kGraded
                  : severity.state == GstHeparState::kNotLiver ? PanelContent::State::kNotLiver
                                                               : PanelContent::State::kUncertain;
  content.grade = graded ? severity.grade : -1;
  content.label = severity.label;
  content.class_names = severity.class_names;
  for (const double probability : severity.probabilities) {
    content.percents.push_back(ToPercent(probability));
  }
  content.trust_percent = ToPercent(severity.trust);
  content.inference_tenths = ToTenths(severity.inference_time, GST_MSECOND);
  content.fresh = severity.fresh;
  content.age_tenths = severity.fresh ? 0 : ToTenths(severity.age, GST_SECOND);
  return content;
}

double LevelOf(const std::vector<double>& probabilities) {
  double level = 0.0;
  for (std::size_t i = 1; i < probabilities.size(); ++i) {
    level +=
        probabilities[i] * static_cast<double>(i) / static_cast<double>(probabilities.size() - 1);
  }
  return std::isfinite(level) ? level : 0.0;
}

}  // namespace hepar
