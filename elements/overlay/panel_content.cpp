// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/panel_content.h"

namespace hepar {

bool OverlayStyle::operator==(const OverlayStyle& other) const {
  return corner == other.corner && theme == other.theme && panel == other.panel &&
         compact == other.compact && probabilities == other.probabilities && trend == other.trend &&
         trust == other.trust && latency == other.latency;
}

bool PanelContent::operator==(const PanelContent& other) const {
  return state == other.state && label == other.label && grade == other.grade &&
         class_names == other.class_names && percents == other.percents &&
         trust_percent == other.trust_percent && inference_tenths == other.inference_tenths &&
         fresh == other.fresh && age_tenths == other.age_tenths && trend == other.trend;
}

}  // namespace hepar
