// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/precision.h"

#include "models/named_values.h"

namespace hepar {
namespace {

constexpr NamedValue<Precision> kPrecisions[] = {
    {"fp32", Precision::kFp32}, {"bf16", Precision::kBf16}, {"fp16", Precision::kFp16}};

}  // namespace

std::string ToString(Precision precision) { return NameOf(kPrecisions, precision); }

Precision ParsePrecision(const std::string& name) {
  return ValueOf(kPrecisions, name, "precision");
}

}  // namespace hepar
