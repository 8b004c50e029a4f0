// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cpu/kernels/table.h"

#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {

const Kernels& Table() {
  static const Kernels kTable = {HEPAR_NAME,
                                 kLanes,
                                 kPair,
                                 Winograd,
                                 Pointwise,
                                 PlanarConvolution,
                                 Depthwise,
                                 Attention,
                                 MaxPoolBlocked,
                                 AdaptivePoolBlocked,
                                 GlobalPool,
                                 UpsampleBlocked,
                                 AddMaps,
                                 MultiplyByChannel,
                                 MultiplyByPixel,
                                 ChannelReduceBlocked,
                                 PointwiseToPlanar,
                                 ToBlocked,
                                 ToPlanar,
                                 ChannelReducePlanar,
                                 UpsamplePlanar,
                                 ScaleShiftPlanar,
                                 ResampleAdjoint,
                                 ResampleAdjointPlanar,
                                 Fold,
                                 FoldPlanar,
                                 MaxPoolAdjoint,
                                 AttentionAdjoint,
                                 FinishGradient,
                                 SigmoidAdjoint,
                                 GlobalMaxAdjoint,
                                 ChannelReduceAdjoint,
                                 ProductByChannel,
                                 ProductByPixel};
  return kTable;
}

}  // namespace hepar::cpu::HEPAR_ISA
