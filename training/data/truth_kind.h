// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// How much of the truth the labels of a data set tell.
enum class TruthKind {
  kGrades,
  kFatty,  // Fatty or not: labels 1 or more and 0.
  kNone,   // Labels mean nothing.
};

}  // namespace hepar
