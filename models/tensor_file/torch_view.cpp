// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/tensor_file/torch_view.h"

#include <torch/utils.h>

#include <sstream>

#include "models/printable.h"

namespace hepar {
namespace {

torch::ScalarType ScalarTypeOf(TensorType type) {
  switch (type) {
    case TensorType::kFloat64:
      return torch::kFloat64;
    case TensorType::kFloat32:
      return torch::kFloat32;
    case TensorType::kFloat16:
      return torch::kFloat16;
    case TensorType::kBFloat16:
      return torch::kBFloat16;
    case TensorType::kInt64:
      return torch::kInt64;
    case TensorType::kInt32:
      return torch::kInt32;
    case TensorType::kInt16:
      return torch::kInt16;
    case TensorType::kInt8:
      return torch::kInt8;
    case TensorType::kUInt8:
      return torch::kUInt8;
    case TensorType::kBool:
      return torch::kBool;
  }
  return torch::kFloat32;
}

std::string ShapeText(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace

torch::Tensor ViewOf(const StoredTensor& stored) {
  return torch::from_blob(const_cast<void*>(stored.data), stored.shape, stored.strides,
                          ScalarTypeOf(stored.type));
}

void CopyChecked(const torch::Tensor& from, const std::string& name, const std::string& origin,
                 const torch::Tensor& target, bool allow_infinite) {
  const torch::NoGradGuard no_grad;
  const auto wrong = [&](ErrorKind kind, const std::string& what) {
    return Error(kind, origin + ": tensor '" + Printable(name) + "' " + what);
  };
  if (from.sizes() != target.sizes()) {
    throw wrong(ErrorKind::kMismatch, "has the shape " + ShapeText(from.sizes()) + ", expected " +
                                          ShapeText(target.sizes()));
  }
  if (from.is_floating_point() != target.is_floating_point()) {
    throw wrong(ErrorKind::kMismatch, std::string("holds numbers of the type ") +
                                          c10::toString(from.scalar_type()) + ", expected " +
                                          c10::toString(target.scalar_type()));
  }
  if (from.is_floating_point()) {
    const torch::Tensor sound = allow_infinite ? from.isnan().logical_not() : from.isfinite();
    if (!sound.all().item<bool>()) {
      throw wrong(ErrorKind::kDamaged, "holds numbers that are not finite");
    }
  }
  target.detach().copy_(from);
}

}  // namespace hepar
