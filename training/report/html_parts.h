// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Building blocks of the reports of `hepar train` and `hepar evaluate`.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "training/evaluation/metrics.h"
#include "training/evaluation/statistics.h"

namespace hepar {

// "<name>content</name>"; attributes may follow `name`.
std::string Tag(const std::string& name, const std::string& content);

// A child that may not be there; null where it is not.
const nlohmann::ordered_json* Find(const nlohmann::ordered_json* object, const std::string& key);
// NaN for a missing member and for null, which NaN becomes in a file.
double NumberOf(const nlohmann::ordered_json* object, const std::string& key);
// "" for a missing member.
std::string TextOf(const nlohmann::ordered_json* object, const std::string& key);

// "81.2" for 0.812, "–" for NaN.
std::string PercentText(double fraction);
// "70.3–92.8" for (0.703, 0.928).
std::string PercentText(const Interval& interval);
// With an upper-case first letter.
std::string Capitalized(std::string text);

// The member "confusion_matrix" of a level's figures, if it has one. Throws Error(kInvalid) for one
// that does not fit `classes`.
std::optional<ConfusionMatrix> MatrixOf(const nlohmann::ordered_json* level, int classes);
std::string MatrixTable(const ConfusionMatrix& matrix, const std::vector<std::string>& class_names,
                        const std::string& caption);

// A large figure with its name below.
std::string Tile(const std::string& value, const std::string& name);

// A <figure> of a chart.
std::string Figure(int number, const std::string& title, const std::string& caption,
                   const std::string& svg);

// An object's members as tables of name and value side by side; "" for none.
std::string OptionTables(const nlohmann::ordered_json& options, int columns = 3);

// The page: needs nothing beside itself, runs no script, is well-formed XML. `title` and `footer`
// are plain text, `head` and `main` markup.
std::string Page(const std::string& title, const std::string& head, const std::string& main,
                 const std::string& footer);
// The heading of a page, with the notice that no report goes without.
std::string PageHead(const std::string& title, const std::string& subtitle,
                     const std::string& tiles);

}  // namespace hepar
