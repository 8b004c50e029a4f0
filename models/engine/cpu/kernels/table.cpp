// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels/table.h"

#define HEPAR_TEXT(x) #x
#define HEPAR_TEXT_OF(x) HEPAR_TEXT(x)

namespace hepar::cpu::HEPAR_ISA {

const Kernels& Table() {
  static const Kernels kTable = {
      HEPAR_TEXT_OF(HEPAR_ISA), HEPAR_LANES,     Winograd, Attention,       MaxPoolBlocked,
      AdaptivePoolBlocked,      UpsampleBlocked, AddMaps,  MultiplyBlocked, ChannelReduceBlocked,
      PointwiseToPlanar,        ToBlocked,       ToPlanar, UpsamplePlanar,  ScaleShiftPlanar};
  return kTable;
}

}  // namespace hepar::cpu::HEPAR_ISA
