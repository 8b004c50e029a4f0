// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/batches.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "models/error.h"
#include "models/nets/picture_tensor.h"
#include "models/simulator/scan_simulator.h"

namespace hepar {
namespace {

// SplitMix64's finaliser: neighboring inputs give unrelated outputs.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// Distinct streams of one seed.
enum Stream : std::uint64_t { kOrder = 1, kAugmentation = 2, kAttack = 3 };

std::uint64_t SeedFor(std::uint64_t seed, Stream stream, int epoch, int index = 0) {
  return Mix(Mix(Mix(Mix(seed) + stream) + static_cast<std::uint64_t>(epoch)) +
             static_cast<std::uint64_t>(index));
}

// Written out because what std::shuffle does with a generator differs between libraries.
template <typename T>
void Shuffle(std::vector<T>& values, std::uint64_t seed) {
  for (std::size_t i = values.size(); i > 1; --i) {
    seed = Mix(seed);
    std::swap(values[i - 1], values[seed % i]);
  }
}

// As many pictures as `indices`, in which the classes come in turn, those of each class in a random
// order again and again.
std::vector<int> DrawBalanced(const Dataset& dataset, const std::vector<int>& indices,
                              std::uint64_t seed) {
  std::map<int, std::vector<int>> of_class;
  for (int index : indices) of_class[dataset.samples[index].label].push_back(index);
  std::vector<int> drawn;
  for (std::size_t round = 0; drawn.size() < indices.size(); ++round) {
    for (auto& [label, members] : of_class) {
      if (round % members.size() == 0) Shuffle(members, Mix(seed + round) + label);
      if (drawn.size() < indices.size()) drawn.push_back(members[round % members.size()]);
    }
  }
  return drawn;
}

// Rounded percentages and other cut points than the simulator's do not leave the label's grade.
float SeverityOf(const Sample& sample) {
  if (sample.fat < 0.0) return std::numeric_limits<float>::quiet_NaN();
  const double severity = SeverityOfFat(sample.fat);
  return static_cast<float>(std::clamp(severity, sample.label + 0.0, sample.label + 1.0));
}

// `pictures` and `seeds` are those of the samples `indices`.
Batch Collate(const Dataset& dataset, const std::vector<int>& indices,
              const std::vector<cv::Mat>& pictures, const std::vector<std::uint64_t>& seeds) {
  std::vector<torch::Tensor> tensors;
  std::vector<std::int64_t> labels;
  std::vector<float> severities;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    tensors.push_back(PictureToTensor(pictures[i]));
    labels.push_back(dataset.samples[indices[i]].label);
    severities.push_back(SeverityOf(dataset.samples[indices[i]]));
  }
  return {torch::stack(tensors), torch::tensor(labels, torch::kInt64), seeds,
          torch::tensor(severities)};
}

Batch ToDevice(const Batch& batch, torch::Device device) {
  return {batch.pictures.to(device), batch.labels.to(device), batch.seeds,
          batch.severities.to(device)};
}

}  // namespace

Batches::Batches(const PreparedDataset& data, std::vector<int> indices,
                 const BatchesOptions& options, torch::Device device)
    : Batches(data, Parts{{indices}, 0, static_cast<int>(indices.size())}, options, device) {}

Batches::Batches(const PreparedDataset& data, Parts parts, const BatchesOptions& options,
                 torch::Device device)
    : data_(data),
      parts_(std::move(parts)),
      pictures_(parts_.pictures),
      options_(options),
      device_(device) {
  if (pictures_ < 1 || options_.size < 1) {
    throw Error(ErrorKind::kInvalid, "no picture to make batches of");
  }
  for (const auto& part : parts_.indices) {
    if (static_cast<int>(part.size()) >= steps()) continue;
    throw Error(ErrorKind::kInvalid, "one process has " + std::to_string(part.size()) +
                                         " pictures for " + std::to_string(steps()) +
                                         " steps; train with fewer processes or larger batches");
  }
}

Batches::~Batches() {
  if (next_.valid()) next_.wait();
}

int Batches::steps() const {
  const int wanted = (pictures_ + options_.size - 1) / options_.size;
  // A batch of one picture gives batch normalization one value for each channel, whose variance is
  // not finite.
  const int most = options_.size > 1 ? std::max(1, pictures_ / 2) : wanted;
  return std::min(wanted, most);
}

const std::vector<std::vector<Batches::Turn>>& Batches::OrderOf(int epoch) {
  if (epoch == order_epoch_) return order_;
  order_.clear();
  for (std::size_t p = 0; p < parts_.indices.size(); ++p) {
    const auto seed = SeedFor(options_.seed, kOrder, epoch, parts_.first + static_cast<int>(p));
    auto indices = parts_.indices[p];
    if (options_.sampling == Sampling::kBalanced) {
      indices = DrawBalanced(data_.dataset(), indices, seed);
    }
    Shuffle(indices, seed);
    std::map<int, int> seen;
    std::vector<Turn> turns;
    for (int index : indices) turns.push_back({index, seen[index]++});
    order_.push_back(turns);
  }
  order_epoch_ = epoch;
  return order_;
}

std::vector<Batches::Turn> Batches::ChosenFor(const Key& key) {
  std::vector<Turn> chosen;
  for (const auto& order : OrderOf(key.epoch)) {
    // Even shares, so that no batch is much smaller than the others.
    const auto begin = order.size() * key.step / steps();
    const auto end = order.size() * (key.step + 1) / steps();
    chosen.insert(chosen.end(), order.begin() + begin, order.begin() + end);
  }
  return chosen;
}

Batch Batches::Make(int epoch, const std::vector<Turn>& chosen) const {
  std::vector<int> indices;
  std::vector<cv::Mat> pictures;
  std::vector<std::uint64_t> seeds;
  for (const Turn& turn : chosen) {
    const auto seed_of = [&](Stream stream) {
      return SeedFor(options_.seed, stream, epoch, turn.index) +
             static_cast<std::uint64_t>(turn.repetition);
    };
    const cv::Mat& pixels = data_.image(turn.index).pixels;
    indices.push_back(turn.index);
    pictures.push_back(options_.augmentation
                           ? Augment(pixels, *options_.augmentation, seed_of(kAugmentation))
                           : pixels);
    seeds.push_back(seed_of(kAttack));
  }
  return Collate(data_.dataset(), indices, pictures, seeds);
}

Batch Batches::Get(int epoch, int step) {
  const Key key{epoch, step};
  Batch batch;
  if (next_.valid() && next_key_ == key) {
    batch = next_.get();
  } else {
    if (next_.valid()) next_.wait();
    batch = Make(epoch, ChosenFor(key));
  }
  if (options_.prefetch) {
    next_key_ = step + 1 < steps() ? Key{epoch, step + 1} : Key{epoch + 1, 0};
    next_ = std::async(std::launch::async,
                       [this, epoch = next_key_.epoch, chosen = ChosenFor(next_key_)] {
                         return Make(epoch, chosen);
                       });
  }
  return ToDevice(batch, device_);
}

Batch MakeBatch(const PreparedDataset& data, const std::vector<int>& indices,
                torch::Device device) {
  std::vector<cv::Mat> pictures;
  std::vector<std::uint64_t> seeds;
  for (int index : indices) {
    pictures.push_back(data.image(index).pixels);
    seeds.push_back(SeedFor(0, kAttack, 0, index));
  }
  return ToDevice(Collate(data.dataset(), indices, pictures, seeds), device);
}

}  // namespace hepar
