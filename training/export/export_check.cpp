// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/export_check.h"

#include <torch/script.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <opencv2/dnn.hpp>

#include "models/error.h"
#include "models/tensor_file/safetensors.h"

namespace hepar {
namespace {

constexpr int kBatch = 2;

using NamedTensor = std::pair<std::string, torch::Tensor>;

torch::Tensor RandomPictures(int channels, int side) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  return torch::rand({kBatch, channels, side, side}, generator);
}

// In the order in which the files give them.
std::vector<NamedTensor> ResultsOf(SeverityNet net, const torch::Tensor& pictures) {
  const bool training = net->is_training();
  net->eval();
  const Decoupled d = net->Decouple(pictures);
  const auto logits = net->Classify(SeverityNetImpl::Concatenate(d));
  net->train(training);
  std::vector<NamedTensor> results = {{"logits", logits},
                                      {"specific", d.specific},
                                      {"common", d.common},
                                      {"reconstruction", d.reconstruction},
                                      {"auxiliary_logits", d.auxiliary_logits}};
  const auto left_out = [](const NamedTensor& result) { return !result.second.defined(); };
  results.erase(std::remove_if(results.begin(), results.end(), left_out), results.end());
  return results;
}

ExportDifferences Compare(const std::vector<NamedTensor>& expected,
                          const std::vector<torch::Tensor>& got) {
  if (got.size() != expected.size()) {
    throw Error(ErrorKind::kFailed, "the exported file gives " + std::to_string(got.size()) +
                                        " results, the network " + std::to_string(expected.size()));
  }
  ExportDifferences differences;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, value] = expected[i];
    if (got[i].sizes() != value.sizes()) {
      throw Error(ErrorKind::kFailed,
                  "the exported file gives " + name + " of another shape than the network");
    }
    const double absolute = (got[i] - value).abs().max().item<double>();
    const double magnitude = value.abs().max().item<double>();
    differences.push_back({name, absolute, absolute / std::max(1.0, magnitude)});
  }
  return differences;
}

torch::Tensor ToTensor(const cv::Mat& blob, torch::IntArrayRef shape) {
  return torch::from_blob(blob.data, shape, torch::kFloat32).clone();
}

}  // namespace

double Largest(const ExportDifferences& differences) {
  double largest = 0.0;
  for (const ExportDifference& difference : differences) {
    if (std::isnan(difference.relative)) return difference.relative;
    largest = std::max(largest, difference.relative);
  }
  return largest;
}

std::string ExportSamples(SeverityNet net, int channels, int side) {
  const torch::NoGradGuard no_grad;
  const auto pictures = RandomPictures(channels, side);
  std::vector<NamedTensor> samples = ResultsOf(net, pictures);
  samples.emplace_back("picture", pictures);
  StoredTensors stored;
  for (NamedTensor& sample : samples) {
    sample.second = sample.second.to(torch::kFloat32).contiguous();
    stored[sample.first] = {TensorType::kFloat32, sample.second.sizes().vec(),
                            sample.second.strides().vec(), sample.second.data_ptr()};
  }
  return WriteSafetensors(stored, {});
}

ExportDifferences CheckTorchScript(const std::string& path, SeverityNet net, int channels,
                                   int side) {
  const torch::NoGradGuard no_grad;
  const auto pictures = RandomPictures(channels, side);
  const auto expected = ResultsOf(net, pictures);
  try {
    auto module = torch::jit::load(path, torch::kCPU);
    const auto results = module.forward({pictures}).toTuple();
    std::vector<torch::Tensor> got;
    for (const auto& value : results->elements()) got.push_back(value.toTensor());
    return Compare(expected, got);
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kFailed, path + " does not run: " + error.what_without_backtrace());
  }
}

ExportDifferences CheckOnnx(const std::string& path, SeverityNet net, int channels, int side) {
  const torch::NoGradGuard no_grad;
  const auto pictures = RandomPictures(channels, side);
  const auto expected = ResultsOf(net, pictures);
  try {
    cv::dnn::Net reader = cv::dnn::readNetFromONNX(path);
#if CV_VERSION_MAJOR > 4 || (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7)
    // Its rounding would hide what the check is about: differences of the file.
    reader.enableWinograd(false);
#endif
    std::vector<std::string> names;
    for (const auto& result : expected) names.push_back(result.first);
    std::vector<std::vector<torch::Tensor>> parts(names.size());
    // One after the other: this executor keeps the shapes of the first batch that it sees.
    for (int i = 0; i < kBatch; ++i) {
      auto picture = pictures[i].contiguous();
      const std::vector<int> shape = {1, channels, side, side};
      reader.setInput(cv::Mat(shape, CV_32F, picture.data_ptr<float>()), "picture");
      std::vector<cv::Mat> results;
      reader.forward(results, names);
      for (std::size_t k = 0; k < names.size(); ++k) {
        const auto& value = expected[k].second;
        auto sizes = value.sizes().vec();
        sizes[0] = 1;
        if (results[k].total() != static_cast<std::size_t>(value.numel() / kBatch)) {
          throw Error(ErrorKind::kFailed,
                      "the exported file gives " + names[k] + " of another size than the network");
        }
        parts[k].push_back(ToTensor(results[k], sizes));
      }
    }
    std::vector<torch::Tensor> got;
    for (const auto& part : parts) got.push_back(torch::cat(part));
    return Compare(expected, got);
  } catch (const cv::Exception& error) {
    throw Error(ErrorKind::kFailed, path + " does not run in OpenCV: " + error.err);
  }
}

}  // namespace hepar
