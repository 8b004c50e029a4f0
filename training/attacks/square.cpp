// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/attacks/square.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "models/error.h"
#include "training/attacks/attack_losses.h"
#include "training/attacks/budget.h"
#include "training/attacks/picture_gradient.h"
#include "training/attacks/sample_random.h"

namespace hepar {
namespace {

// The first squares cover this share of the picture.
constexpr double kFirstShare = 0.8;

torch::Tensor Margins(const LogitsOf& logits_of, const torch::Tensor& pictures,
                      const torch::Tensor& labels) {
  const auto logits = logits_of(pictures);
  CheckNumbers(logits, "answer");
  return MarginLosses(logits, labels);
}

// (B, 1, H, W) bool: a square of this side at a random place for each sample.
torch::Tensor RandomSquares(const torch::Tensor& pictures, std::int64_t side,
                            SampleRandom& random) {
  const auto inside = [&](std::int64_t extent) {
    const auto first = random.Below(extent - side + 1).unsqueeze(1);
    const auto place = torch::arange(extent, torch::kInt64);
    return (place >= first).logical_and(place < first + side).to(pictures.device());
  };
  const auto rows = inside(pictures.size(2)), columns = inside(pictures.size(3));
  return rows.unsqueeze(2).logical_and(columns.unsqueeze(1)).unsqueeze(1);
}

}  // namespace

torch::Tensor Square(const LogitsOf& logits_of, const AttackInput& input,
                     const SquareOptions& options) {
  CheckAttackInput(input);
  if (options.queries < 1) {
    throw Error(ErrorKind::kInvalid,
                "square: expected at least 1 query; got " + std::to_string(options.queries));
  }
  torch::NoGradGuard no_grad;
  const Budget budget(input.pictures, input.epsilon);
  SampleRandom random(input.seeds);
  const auto& pictures = budget.pictures();
  const auto channels = pictures.size(1), height = pictures.size(2), width = pictures.size(3);
  const auto toward = [&](const torch::Tensor& signs) {
    return budget.Clip(signs * budget.epsilon() + pictures);
  };

  auto x = toward(random.Signs(pictures, channels, 1, width));
  auto margins = Margins(logits_of, x, input.labels);
  for (int query = 1; query < options.queries; ++query) {
    const auto open = margins <= 0;
    if (!open.any().item<bool>()) break;
    const int side =
        SquareSide(query, options.queries, static_cast<int>(height), static_cast<int>(width));
    const auto square = RandomSquares(pictures, side, random);
    const auto signs = random.Signs(pictures, channels, 1, 1);
    auto candidate = torch::where(square, toward(signs), x);
    const auto changed = PerPicture((candidate != x).flatten(1).any(1));
    candidate = torch::where(changed, candidate, torch::where(square, toward(-signs), x));

    const auto tried = Margins(logits_of, candidate, input.labels);
    const auto better = open.logical_and(tried > margins);
    x = torch::where(PerPicture(better), candidate, x);
    margins = torch::where(better, tried, margins);
  }
  return x;
}

int SquareSide(int query, int queries, int height, int width) {
  // The paper's table is for 10000 queries: the share halves after each of these.
  constexpr int kHalvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};
  const double stretched = 10000.0 * query / queries;
  double share = kFirstShare;
  for (const int halving : kHalvings) {
    if (stretched > halving) share /= 2;
  }
  const int side = static_cast<int>(std::lround(std::sqrt(share * height * width)));
  return std::clamp(side, 1, std::min(height, width));
}

}  // namespace hepar
