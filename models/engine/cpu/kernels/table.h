// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/shared.h"

namespace hepar::cpu::HEPAR_ISA {

void Winograd(const WinogradArgs& args);
void Pointwise(const PointwiseArgs& args);
void PlanarConvolution(const PlanarConvolutionArgs& args);
void Depthwise(const DepthwiseArgs& args);
void Attention(const AttentionArgs& args);

void MaxPoolBlocked(const void* source, const Extent& in, int blocks, const MaxPool& op,
                    const Extent& out, void* destination);
void AdaptivePoolBlocked(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                         const Extent& out, void* destination);
void GlobalPool(const void* source, const Extent& in, int blocks, AdaptivePool::Kind kind,
                float* y);
void UpsampleBlocked(const void* source, const Extent& in, int blocks, const Interpolation& rows,
                     const Interpolation& columns, const Extent& out, void* destination);
void UpsamplePlanar(const float* x, const Extent& in, int channels, const Interpolation& rows,
                    const Interpolation& columns, const Extent& out, Activation activation,
                    float* workspace, float* y);

void AddMaps(const void* x, const void* y, std::size_t count, Activation activation, void* z);
void MultiplyByChannel(const void* x, const void* y, int blocks, std::size_t pixels, void* z);
void MultiplyByPixel(const void* x, const float* y, int blocks, std::size_t pixels, void* z);
void ChannelReduceBlocked(const void* x, const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, float* y);
void ChannelReducePlanar(const float* x, int channels, std::size_t pixels, ChannelReduce::Kind kind,
                         float* y);
void PointwiseToPlanar(const void* x, int blocks, std::size_t pixels, const float* weight,
                       const float* bias, int outputs, Activation activation, float* y);
void ToBlocked(const float* planar, int channels, std::size_t pixels, void* blocked);
void ToPlanar(const void* blocked, const int* lane_of, int channels, std::size_t pixels,
              float* planar);
void ScaleShiftPlanar(const float* x, float scale, float shift, std::size_t count,
                      Activation activation, float* y);

void ResampleAdjoint(const ResampleAdjointArgs& args);
void ResampleAdjointPlanar(const ResampleAdjointArgs& args);
void Fold(const FoldArgs& args);
void FoldPlanar(const FoldArgs& args);
void MaxPoolAdjoint(const MaxPoolAdjointArgs& args);
void AttentionAdjoint(const AttentionAdjointArgs& args);
void FinishGradient(const void* x, const void* residual, const void* gate, std::size_t count,
                    bool planar, void* y);
void SigmoidAdjoint(const void* g, const void* y, std::size_t count, bool planar, void* z);
void GlobalMaxAdjoint(const void* g, const void* x, int blocks, std::size_t pixels, void* y);
void ChannelReduceAdjoint(const float* g, const void* x, const float* reduced,
                          const int* used_lanes, int blocks, std::size_t pixels,
                          ChannelReduce::Kind kind, void* y);
void ProductByChannel(const void* g, const void* x, int blocks, std::size_t pixels, void* y);
void ProductByPixel(const void* g, const void* x, int blocks, std::size_t pixels, float* y);

const Kernels& Table();

}  // namespace hepar::cpu::HEPAR_ISA
