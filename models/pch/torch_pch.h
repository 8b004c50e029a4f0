// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Precompiled once for all targets. Tensors and the modules that the networks are made of; no more,
// since each file instantiates anew what templates of a precompiled header leave open, which with
// the whole of torch/torch.h takes longer than the file itself.
#include <torch/autograd.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>
#include <torch/utils.h>
