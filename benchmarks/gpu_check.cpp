// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Checks that a model on a device computes what the CPU engine computes, in every precision, batch
// and thread, that failures are survived, and how fast it is:
//   gpu_check --model FILE.hepar [--device cuda:0] [--card TEXT] [--json FILE] [--report FILE]
//     [--figures no]
// Exits with 1 when a check failed. Checks that need CUDA are skipped on the CPU, and say so.
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/engine/device.h"
#include "models/engine/device_preprocessor.h"
#include "models/engine/engine.h"
#include "models/engine/pass_runner.h"
#include "models/engine/torch_backend.h"
#include "models/engine/torch_graph.h"
#include "models/error.h"
#include "models/image/preprocess.h"
#include "models/nets/severity_net.h"

namespace {

using hepar::Precision;

// Why a check does not apply here.
struct Skipped {
  std::string why;
};

// Throws the text where `holds` is false.
void Require(bool holds, const std::string& text) {
  if (!holds) throw hepar::Error(hepar::ErrorKind::kFailed, text);
}

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

double MillisecondsOf(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// The median of passes that take about half a second in all, after some that do not count.
double MedianMilliseconds(const std::function<void()>& run) {
  for (int i = 0; i < 3; ++i) run();
  std::vector<double> times;
  for (double all = 0.0; times.size() < 5 || (all < 500.0 && times.size() < 500);) {
    times.push_back(MillisecondsOf(run));
    all += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

class Report {
 public:
  // `check` returns a figure to report, and throws where it fails.
  void Check(const std::string& name, const std::function<std::string()>& check) {
    std::string state = "passed", detail;
    try {
      detail = check();
    } catch (const Skipped& skipped) {
      state = "skipped";
      detail = skipped.why;
    } catch (const std::exception& error) {
      state = "FAILED";
      detail = error.what();
      detail = detail.substr(0, detail.find('\n'));
      has_failed_ = true;
    }
    std::cout << state << ": " << name << (detail.empty() ? "" : ": ") << detail << std::endl;
    checks_.push_back({{"check", name}, {"state", state}, {"detail", detail}});
  }

  void Figure(const std::string& name, double milliseconds, std::int64_t pictures) {
    const double rate = 1e3 * static_cast<double>(pictures) / milliseconds;
    std::cout << name << ": " << Text(milliseconds) << " ms, " << Text(rate) << " a second"
              << std::endl;
    figures_.push_back({{"figure", name}, {"ms", milliseconds}, {"per_second", rate}});
  }

  bool has_failed() const { return has_failed_; }

  nlohmann::ordered_json ToJson(const nlohmann::ordered_json& where) const {
    return {{"where", where}, {"checks", checks_}, {"figures", figures_}};
  }

  std::string ToMarkdown(const nlohmann::ordered_json& where) const {
    std::string text = "# GPU check\n\n";
    for (const auto& [key, value] : where.items()) {
      text += "- " + key + ": " + value.get<std::string>() + "\n";
    }
    text += "\n| check | state | detail |\n|---|---|---|\n";
    for (const auto& check : checks_) {
      text += "| " + check["check"].get<std::string>() + " | " + check["state"].get<std::string>() +
              " | " + check["detail"].get<std::string>() + " |\n";
    }
    text += "\n| figure | ms | pictures a second |\n|---|---|---|\n";
    for (const auto& figure : figures_) {
      text += "| " + figure["figure"].get<std::string>() + " | " +
              Text(figure["ms"].get<double>()) + " | " + Text(figure["per_second"].get<double>()) +
              " |\n";
    }
    return text;
  }

 private:
  std::vector<nlohmann::ordered_json> checks_, figures_;
  bool has_failed_ = false;
};

class GpuCheck {
 public:
  GpuCheck(std::string model, std::string device)
      : model_(std::move(model)), device_(hepar::ResolveDevice(device)) {
    reference_ = Open("cpu", Precision::kFp32);
    const hepar::PreprocessOptions& input = reference_->spec().preprocess;
    cv::RNG random(1);
    for (int i = 0; i < kPictures; ++i) {
      hepar::PreparedImage image;
      image.pixels = cv::Mat(input.size, input.size, CV_32FC(input.channels));
      random.fill(image.pixels, cv::RNG::UNIFORM, 0.0, (i + 1.0) / kPictures);
      image.bounds = cv::Rect(0, 0, input.size, input.size);
      image.frame_width = image.frame_height = input.size;
      pictures_.push_back(image);
      expected_.push_back(reference_->Prepare(image)->Classify().logits);
    }
  }

  // `with_figures`: also of speed.
  void Run(Report* report, bool with_figures) {
    report->Check("the device computes", [this] {
      const std::string cause = hepar::WhyUnusable(device_);
      Require(cause.empty(), cause);
      return device_;
    });
    for (const auto& [precision, tolerance] : std::vector<std::pair<Precision, double>>{
             {Precision::kFp32, 1e-4}, {Precision::kFp16, 0.02}, {Precision::kBf16, 0.05}}) {
      CheckPrecision(report, precision, tolerance);
    }
    report->Check("captured graphs compute what single operators compute",
                  [this] { return CapturedAgainstEager(); });
    report->Check("a failed capture is survived", [this] { return FailedCapture(); });
    report->Check("exhausted memory is reported with the batch and survived",
                  [this] { return ExhaustedMemory(); });
    CheckPreprocessing(report);
    if (!with_figures) return;
    MeasurePreprocessing(report);
    for (const char* size : {"live", "paper"}) MeasureSpeed(report, size);
  }

 private:
  static constexpr int kPictures = 40;

  bool is_cuda() const { return device_ != "cpu"; }

  std::shared_ptr<const hepar::Engine> Open(const std::string& device, Precision precision) const {
    hepar::EngineConfig config;
    config.model = model_;
    config.device = device;
    config.precision = precision;
    return hepar::Engine::Open(config);
  }

  // Of the logits, as a share of the largest. Probabilities would hide it: those of an unfamiliar
  // picture are all equal.
  double DifferenceOf(hepar::FrameInference* frame, int picture) const {
    const auto& logits = frame->Classify().logits;
    const auto& expected = expected_[static_cast<std::size_t>(picture)];
    double largest = 0.0, scale = 0.0;
    for (std::size_t k = 0; k < logits.size(); ++k) {
      largest = std::max<double>(largest, std::abs(logits[k] - expected[k]));
      scale = std::max<double>(scale, std::abs(expected[k]));
    }
    return largest / scale;
  }

  void CheckPrecision(Report* report, Precision precision, double tolerance) {
    const std::string name = hepar::ToString(precision);
    std::shared_ptr<const hepar::Engine> engine;
    report->Check(name + ": the model runs", [&] {
      if (precision == Precision::kFp16 && !is_cuda()) throw Skipped{"fp16 needs CUDA"};
      engine = Open(device_, precision);
      Require(!is_cuda() || engine->backend().find("captured graphs") != std::string::npos,
              "no captured graph is used: " + engine->backend());
      return engine->backend();
    });
    if (engine == nullptr) return;
    const auto within = [&](double difference) {
      Require(difference <= tolerance, "logits differ from those of the CPU by " +
                                           Text(difference) + ", more than " + Text(tolerance));
      return "largest difference " + Text(difference);
    };
    report->Check(name + ": single pictures", [&] {
      double largest = 0.0;
      for (int i = 0; i < kPictures; ++i) {
        largest = std::max(largest, DifferenceOf(engine->Prepare(pictures_[i]).get(), i));
      }
      return within(largest);
    });
    report->Check(name + ": batches of 2, 3, 5, 8 and 33", [&] {
      double largest = 0.0;
      for (const int size : {2, 3, 5, 8, 33}) {
        std::vector<std::shared_ptr<hepar::FrameInference>> frames;
        std::vector<hepar::FrameInference*> together;
        for (int i = 0; i < size; ++i) {
          frames.push_back(engine->Prepare(pictures_[i]));
          together.push_back(frames.back().get());
        }
        for (const auto& error : engine->ClassifyTogether(together)) {
          if (error) throw *error;
        }
        for (int i = 0; i < size; ++i) largest = std::max(largest, DifferenceOf(together[i], i));
      }
      return within(largest);
    });
    report->Check(name + ": eight threads", [&] {
      std::vector<double> largest(8, 0.0);
      std::vector<std::string> failures(8);
      std::vector<std::thread> threads;
      for (std::size_t t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
          try {
            for (int i = 0; i < kPictures; ++i) {
              const int picture = (i + 5 * static_cast<int>(t)) % kPictures;
              largest[t] = std::max(
                  largest[t], DifferenceOf(engine->Prepare(pictures_[picture]).get(), picture));
            }
          } catch (const std::exception& error) {
            failures[t] = error.what();
          }
        });
      }
      for (auto& thread : threads) thread.join();
      for (const std::string& failure : failures) Require(failure.empty(), failure);
      return within(*std::max_element(largest.begin(), largest.end()));
    });
  }

  // A random network of a named size, for what needs no trained one.
  static hepar::Graph GraphOf(const std::string& size, int side) {
    torch::manual_seed(1);
    hepar::Architecture architecture;
    architecture.size = size;
    architecture.decoupler = hepar::DecouplerShapeOf(size);
    hepar::SeverityNet net(architecture);
    net->eval();
    return net->Lower(1, side, side);
  }

  static hepar::Pass PassOf(const std::shared_ptr<hepar::TorchGraph>& graph,
                            const torch::Device& device) {
    hepar::Pass pass;
    pass.device = device;
    pass.make_input = [graph](std::int64_t batch) { return graph->InputFor(batch); };
    pass.run = [graph](const torch::Tensor& pictures) {
      return hepar::PassResults{torch::Tensor(), graph->Run(pictures).logits};
    };
    return pass;
  }

  std::vector<torch::Tensor> HostPictures(std::int64_t count, int side) const {
    std::vector<torch::Tensor> pictures;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto picture = torch::rand({1, 1, side, side});
      pictures.push_back(is_cuda() ? picture.pin_memory() : picture);
    }
    return pictures;
  }

  std::string CapturedAgainstEager() const {
    if (!is_cuda()) throw Skipped{"needs CUDA"};
    const torch::Device device(device_);
    const auto graph =
        std::make_shared<hepar::TorchGraph>(GraphOf("live", 224), device, torch::kFloat32);
    const hepar::Pass pass = PassOf(graph, device);
    std::string reason;
    const auto captured = hepar::CapturePass(pass, 4, &reason);
    Require(captured != nullptr, "nothing was captured: " + reason);
    const auto eager = hepar::MakeEagerRunner(pass);
    double largest = 0.0;
    for (const std::int64_t count : {1, 3, 4, 7}) {
      const auto pictures = HostPictures(count, 224);
      largest = std::max(largest, (captured->Run(pictures).logits - eager->Run(pictures).logits)
                                      .abs()
                                      .max()
                                      .item<double>());
    }
    Require(largest <= 1e-3, "logits differ by " + Text(largest));
    return "logits differ by " + Text(largest) + "; " +
           std::to_string(graph->fused_convolutions()) + " convolutions are fused";
  }

  std::string FailedCapture() const {
    if (!is_cuda()) throw Skipped{"needs CUDA"};
    const torch::Device device(device_);
    hepar::Pass bad;
    bad.device = device;
    bad.make_input = [device](std::int64_t batch) {
      return torch::ones({batch, 1, 8, 8}, torch::TensorOptions(device));
    };
    // Reading a value waits for the device, which a capture does not allow.
    bad.run = [](const torch::Tensor& pictures) {
      return hepar::PassResults{pictures * pictures.sum().item<float>(), torch::Tensor()};
    };
    std::string reason;
    Require(hepar::CapturePass(bad, 2, &reason) == nullptr, "it was captured");
    // The same streams and the allocator serve the next capture.
    for (int i = 0; i < 40; ++i) {
      const auto some = torch::ones({1 << 20}, torch::TensorOptions(device));
      Require(some.sum().item<float>() == 1 << 20, "a tensor is wrong after the failure");
    }
    CapturedAgainstEager();
    return "refused: " + reason;
  }

  std::string ExhaustedMemory() const {
    if (!is_cuda()) throw Skipped{"needs CUDA"};
    const torch::Device device(device_);
    hepar::Graph graph = GraphOf("live", 64);
    graph.nodes.resize(graph.decoupling_nodes);
    graph.logits = hepar::Graph::kNoValue;
    bool is_greedy = true;
    hepar::TorchClassifier classifier;
    classifier.run = [&is_greedy](const torch::Tensor& planes) {
      if (is_greedy) torch::empty({std::int64_t{1} << 42}, planes.options());
      return torch::zeros({planes.size(0), 4}, planes.options());
    };
    const auto backend = hepar::MakeTorchBackend(graph, classifier, device, Precision::kFp32, 2);
    const cv::Mat picture = cv::Mat::zeros(64, 64, CV_32FC1);
    const auto first = backend->Prepare(picture), second = backend->Prepare(picture);
    std::string text;
    try {
      backend->DecoupleAndClassify({first.get(), second.get()});
    } catch (const hepar::Error& error) {
      text = error.what();
    }
    Require(text.find("batch of 2") != std::string::npos, "the error is: " + text);
    is_greedy = false;
    Require(backend->DecoupleAndClassify({first.get(), second.get()}).size() == 2,
            "the frames are lost");
    return text;
  }

  // Noise in a wide black border, 1920 x 1080, for 8-bit formats of one, two and three planes.
  static constexpr int kWidth = 1920, kHeight = 1080;
  static cv::Mat FrameBytes() {
    cv::Mat bytes = cv::Mat::zeros(kHeight * 3, kWidth, CV_8UC1);
    cv::RNG(1).fill(bytes.rowRange(0, kHeight).colRange(400, 1500), cv::RNG::UNIFORM, 20, 220);
    cv::RNG(2).fill(bytes.rowRange(kHeight, 3 * kHeight), cv::RNG::UNIFORM, 90, 160);
    return bytes;
  }

  torch::Tensor OnDevice(const cv::Mat& bytes) const {
    return torch::from_blob(bytes.data, {bytes.rows, bytes.cols}, torch::kUInt8)
        .clone()
        .to(torch::Device(device_));
  }

  static hepar::FrameView ViewOf(const std::uint8_t* base, hepar::PixelFormat format,
                                 bool limited) {
    hepar::FrameView view;
    view.format = format;
    view.width = kWidth;
    view.height = kHeight;
    view.limited_range = limited;
    view.kr = 0.2126;
    view.kb = 0.0722;
    const int half = kWidth / 2;
    const std::uint8_t* chroma = base + kWidth * kHeight;
    view.planes = {base, chroma, chroma + half * (kHeight / 2)};
    view.strides = {kWidth, format == hepar::PixelFormat::kI420 ? half : kWidth, half};
    if (format == hepar::PixelFormat::kRgb) {
      view.width = kWidth / 3;
      view.planes = {base, nullptr, nullptr};
    }
    return view;
  }

  void CheckPreprocessing(Report* report) const {
    const cv::Mat bytes = FrameBytes();
    const auto on_device = OnDevice(bytes);
    const std::vector<std::pair<const char*, hepar::PixelFormat>> formats = {
        {"NV12", hepar::PixelFormat::kNv12},
        {"I420", hepar::PixelFormat::kI420},
        {"RGB", hepar::PixelFormat::kRgb},
        {"GRAY8", hepar::PixelFormat::kGray8}};
    for (const auto& [name, format] : formats) {
      report->Check(std::string("preprocessing of ") + name + " on the device", [&, f = format] {
        double largest = 0.0;
        for (const int channels : {1, 3}) {
          for (const bool limited : {false, true}) {
            hepar::PreprocessOptions options;
            options.channels = channels;
            const auto got = hepar::DevicePreprocessor(options, torch::Device(device_))
                                 .Process(ViewOf(on_device.data_ptr<std::uint8_t>(), f, limited));
            const hepar::PreparedImage expected =
                hepar::Preprocessor(options).Process(ViewOf(bytes.data, f, limited));
            Require(got.bounds == expected.bounds, "the sector differs");
            const auto wanted = torch::from_blob(
                expected.pixels.data, {options.size, options.size, channels}, torch::kFloat32);
            largest = std::max(
                largest,
                (got.pixels[0].cpu().permute({1, 2, 0}) - wanted).abs().max().item<double>());
          }
        }
        Require(largest <= 2e-6, "pixels differ by " + Text(largest));
        return "pixels differ by " + Text(largest);
      });
    }
  }

  void MeasurePreprocessing(Report* report) const {
    const auto on_device = OnDevice(FrameBytes());
    hepar::DevicePreprocessor preprocessor({}, torch::Device(device_));
    const auto view =
        ViewOf(on_device.data_ptr<std::uint8_t>(), hepar::PixelFormat::kNv12, /*limited=*/false);
    report->Figure("preprocessing of a 1920x1080 NV12 frame", MedianMilliseconds([&] {
                     const auto prepared = preprocessor.Process(view);
                     prepared.pixels[0][0][0][0].item<float>();  // Waits.
                   }),
                   1);
  }

  void MeasureSpeed(Report* report, const std::string& size) const {
    const torch::Device device(device_);
    const hepar::Graph graph = GraphOf(size, 224);
    std::vector<std::pair<const char*, torch::ScalarType>> types = {{"fp32", torch::kFloat32}};
    if (is_cuda()) types.emplace_back("fp16", torch::kHalf);
    for (const auto& [name, type] : types) {
      const auto on_torch = std::make_shared<hepar::TorchGraph>(graph, device, type);
      const hepar::Pass pass = PassOf(on_torch, device);
      std::string reason;
      std::unique_ptr<hepar::PassRunner> runner = hepar::CapturePass(pass, 64, &reason);
      if (runner == nullptr) runner = hepar::MakeEagerRunner(pass);
      for (const std::int64_t batch :
           is_cuda() ? std::vector<std::int64_t>{1, 8, 64} : std::vector<std::int64_t>{1, 4}) {
        const auto pictures = HostPictures(batch, 224);
        report->Figure(
            size + ", " + name + ", batch " + std::to_string(batch) + ", " + runner->name(),
            MedianMilliseconds([&] { runner->Run(pictures); }), batch);
      }
    }
  }

  const std::string model_, device_;
  std::shared_ptr<const hepar::Engine> reference_;
  std::vector<hepar::PreparedImage> pictures_;
  std::vector<std::vector<float>> expected_;
};

int Main(std::map<std::string, std::string> options) {
  const nlohmann::ordered_json where = {{"LibTorch", TORCH_VERSION},
                                        {"device", hepar::ResolveDevice(options["--device"])},
                                        {"card", options["--card"]}};
  Report report;
  GpuCheck(options["--model"], options["--device"]).Run(&report, options["--figures"] == "yes");
  if (!options["--json"].empty()) {
    std::ofstream(options["--json"]) << report.ToJson(where).dump(2) << "\n";
  }
  if (!options["--report"].empty()) std::ofstream(options["--report"]) << report.ToMarkdown(where);
  return report.has_failed() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--model", ""},       {"--device", "auto"},
                                                {"--card", "unknown"}, {"--json", ""},
                                                {"--report", ""},      {"--figures", "yes"}};
  for (int i = 1; i < argc; i += 2) {
    if (options.count(argv[i]) == 0 || i + 1 == argc) {
      std::cerr << "unknown option or missing value: " << argv[i] << "\n";
      return 2;
    }
    options[argv[i]] = argv[i + 1];
  }
  if (options["--model"].empty()) {
    std::cerr << "Usage: gpu_check --model FILE.hepar [--device NAME] [--card TEXT] [--json FILE] "
                 "[--report FILE] [--figures yes|no]\n";
    return 2;
  }
  try {
    return Main(options);
  } catch (const std::exception& error) {
    std::cerr << "gpu_check: " << error.what() << "\n";
    return 1;
  }
}
