// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/export_check.h"

#include <torch/script.h>

#include <algorithm>
#include <opencv2/dnn.hpp>

#include "models/error.h"

namespace hepar {
namespace {

constexpr const char* kNames[] = {"logits", "specific", "common", "reconstruction",
                                  "auxiliary_logits"};
constexpr int kBatch = 2;

torch::Tensor RandomPictures(int channels, int side) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  return torch::rand({kBatch, channels, side, side}, generator);
}

// In the order of kNames.
std::vector<torch::Tensor> ResultsOf(SeverityNet net, const torch::Tensor& pictures) {
  const bool training = net->is_training();
  net->eval();
  const Decoupled d = net->Decouple(pictures);
  const auto logits = net->Classify(SeverityNetImpl::Concatenate(d));
  net->train(training);
  return {logits, d.specific, d.common, d.reconstruction, d.auxiliary_logits};
}

ExportDifferences Compare(const std::vector<torch::Tensor>& expected,
                          const std::vector<torch::Tensor>& got) {
  ExportDifferences differences;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (got[i].sizes() != expected[i].sizes()) {
      throw Error(ErrorKind::kFailed, std::string("the exported file gives ") + kNames[i] +
                                          " of another shape than the network");
    }
    differences.emplace_back(kNames[i], (got[i] - expected[i]).abs().max().item<double>());
  }
  return differences;
}

torch::Tensor ToTensor(const cv::Mat& blob, torch::IntArrayRef shape) {
  return torch::from_blob(blob.data, shape, torch::kFloat32).clone();
}

}  // namespace

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
    const std::vector<std::string> names(std::begin(kNames), std::end(kNames));
    std::vector<std::vector<torch::Tensor>> parts(names.size());
    // One after the other: this executor keeps the shapes of the first batch that it sees.
    for (int i = 0; i < kBatch; ++i) {
      auto picture = pictures[i].contiguous();
      const std::vector<int> shape = {1, channels, side, side};
      reader.setInput(cv::Mat(shape, CV_32F, picture.data_ptr<float>()), "picture");
      std::vector<cv::Mat> results;
      reader.forward(results, names);
      for (std::size_t k = 0; k < names.size(); ++k) {
        auto sizes = expected[k].sizes().vec();
        sizes[0] = 1;
        if (results[k].total() != static_cast<std::size_t>(expected[k].numel() / kBatch)) {
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
