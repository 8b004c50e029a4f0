// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The sections of the report of `hepar evaluate`: markup, "" where the figures have nothing for
// one.
#pragma once

#include <string>

#include "training/report/evaluation_parts.h"

namespace hepar {

// metrics_section.cpp
std::string TilesSection(SectionContext& c);
std::string HeadlineSection(SectionContext& c);
std::string MatricesSection(SectionContext& c);

// baselines_section.cpp
std::string VerdictSection(SectionContext& c);  // One sentence, for the first page.
std::string BaselinesSection(SectionContext& c);
// The same for any set of scans; "" for null.
std::string BaselineVerdictMarkup(const nlohmann::ordered_json* baselines);
std::string BaselineTable(const nlohmann::ordered_json* baselines);

// external_section.cpp
std::string StatesSection(SectionContext& c);
std::string ExternalSection(SectionContext& c);

// thresholds_section.cpp
std::string RocCurvesSection(SectionContext& c);
std::string OperatingPointsSection(SectionContext& c);

// calibration_section.cpp
std::string CalibrationSection(SectionContext& c);
std::string AbstentionSection(SectionContext& c);

// robustness_section.cpp
std::string CorruptionsSection(SectionContext& c);
std::string OtherViewsSection(SectionContext& c);

// groups_section.cpp
std::string SubgroupsSection(SectionContext& c);
std::string ComparisonSection(SectionContext& c);

// model_section.cpp
std::string GallerySection(SectionContext& c);
std::string ModelCardSection(SectionContext& c);
std::string ChecklistTableSection(SectionContext& c);

}  // namespace hepar
