// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nets/architecture.h"

#include <sstream>

#include "models/error.h"
#include "models/named_values.h"

namespace hepar {
namespace {

constexpr NamedValue<ColorPlanes> kColorPlanes[] = {{"y", ColorPlanes::kY},
                                                    {"ycbcr", ColorPlanes::kYcbcr},
                                                    {"rgb", ColorPlanes::kRgb},
                                                    {"hsv_v", ColorPlanes::kHsvV},
                                                    {"lab_l", ColorPlanes::kLabL}};

constexpr NamedValue<DecouplerSet> kSets[] = {{"both", DecouplerSet::kBoth},
                                              {"specific", DecouplerSet::kSpecific},
                                              {"common", DecouplerSet::kCommon},
                                              {"none", DecouplerSet::kNone}};

constexpr NamedValue<DecouplerSkips> kSkips[] = {{"all", DecouplerSkips::kAll},
                                                 {"no_top", DecouplerSkips::kNoTop},
                                                 {"none", DecouplerSkips::kNone}};

constexpr NamedValue<DecouplerShape> kShapes[] = {
    {"nano", {{8, 16, 24, 32}, {8, 8, 12, 16}, 2}},
    {"live", {{16, 16, 32, 64}, {8, 16, 16, 32}, 2}},
    {"paper", {{32, 64, 128, 256}, {16, 32, 64, 128}, 1}},
};

}  // namespace

std::vector<std::string> DecouplerSizes() {
  std::vector<std::string> sizes;
  for (const auto& shape : kShapes) sizes.emplace_back(shape.name);
  return sizes;
}

DecouplerShape DecouplerShapeOf(const std::string& size) {
  return ValueOf(kShapes, size, "model size");
}

DecouplerShape WithWidths(DecouplerShape shape, const std::string& list) {
  std::istringstream in(list);
  int count = 0;
  for (int* widths : {shape.widths.data(), shape.inner.data()}) {
    for (int i = 0; i < 4; ++i, ++count) {
      char comma = ',';
      const bool is_read = (count == 0 || in >> comma) && in >> widths[i];
      if (!is_read || comma != ',' || widths[i] < 4 || widths[i] > 1024 || widths[i] % 4 != 0) {
        throw Error(ErrorKind::kInvalid, "widths '" + list +
                                             "': expected eight multiples of 4, 4 to 1024, such as "
                                             "16,16,32,64,8,16,16,32");
      }
    }
  }
  if (in >> std::ws; !in.eof()) {
    throw Error(ErrorKind::kInvalid, "widths '" + list + "': expected eight values, got more");
  }
  return shape;
}

bool HasSpecific(DecouplerSet set) {
  return set == DecouplerSet::kBoth || set == DecouplerSet::kSpecific;
}

bool HasCommon(DecouplerSet set) {
  return set == DecouplerSet::kBoth || set == DecouplerSet::kCommon;
}

int PlaneCount(ColorPlanes planes) {
  return planes == ColorPlanes::kYcbcr || planes == ColorPlanes::kRgb ? 3 : 1;
}

std::string ToString(ColorPlanes planes) { return NameOf(kColorPlanes, planes); }

ColorPlanes ParseColorPlanes(const std::string& name) {
  return ValueOf(kColorPlanes, name, "color planes");
}

std::string ToString(DecouplerSet set) { return NameOf(kSets, set); }

DecouplerSet ParseDecouplerSet(const std::string& name) {
  return ValueOf(kSets, name, "decouplers");
}

std::string ToString(DecouplerSkips skips) { return NameOf(kSkips, skips); }

DecouplerSkips ParseDecouplerSkips(const std::string& name) {
  return ValueOf(kSkips, name, "skip connections");
}

}  // namespace hepar
