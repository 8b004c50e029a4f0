// SPDX-License-Identifier: LGPL-2.1-or-later
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/nets/architecture.h"
#include "models/nets/picture_tensor.h"
#include "models/nets/severity_net.h"
#include "training/bench/layer_bench.h"
#include "training/bench/tensor_bytes.h"
#include "training/bench/timing.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/export/torchscript_model.h"
#include "training/report/table.h"
#include "training/verbs/device_option.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr NamedValue<ReadClock> kClocks[] = {{"wall", WallClock}, {"processor", ProcessorClock}};

struct BenchOptions {
  std::string model, size = Architecture().size, widths, save;
  ModelPermission permission;
  DeviceOptions device = {"cpu"};
  ReadClock clock = WallClock;
  int input_size = PreprocessOptions().size, repeat = 30, streams = 0;
  bool layers = true, engine_only = false;
  Output output;
};

OptionTable MakeTable(BenchOptions* o) {
  OptionTable table("bench", "[OPTION...]",
                    "Measures the cost of a frame in the engine, beside LibTorch's eager module, "
                    "TorchScript optimized for inference, and the sum of the graph's convolutions "
                    "by oneDNN alone: medians with the same weights, measured in turns.");
  table.Heading("What runs");
  table.Path("model", &o->model, "FILE", "Model bundle; default: a fresh network of --size");
  AddPermissionOptions(&table, &o->permission);
  AddDecouplerOptions(&table, &o->size, &o->widths);
  table.Integer("input-size", &o->input_size, 32, 1024, "Side of its input, pixels");
  table.Output("save", &o->save, "FILE.hepar",
               "Keep the fresh network, to measure it elsewhere; its weights are always the same");
  table.Text("device", &o->device.name, "DEVICE", "cpu, cuda or cuda:N");
  table.Integer("threads", &o->device.threads, 1, 256, "Threads of LibTorch; the engine uses one");
  table.Heading("What is measured");
  table.Integer("repeat", &o->repeat, 3, 10000, "Passes of each");
  table.Enum("clock", &o->clock, kClocks,
             "Elapsed time, or processor time of the thread, which gives ratios on a busy machine");
  table.Switch("engine-only", &o->engine_only, "Measure the engine alone");
  table.OnOff("layers", &o->layers, "Measure each layer, and the convolutions alone");
  table.Integer("streams", &o->streams, 0, 64,
                "Measure frames per second of 1, 2, 4 ... threads, up to this many, that share one "
                "engine");
  table.Heading("Output");
  o->output.AddTo(&table, "Write the measurements as JSON");
  return table;
}

// The bundle of the options, and a file that holds it.
class BenchModel {
 public:
  explicit BenchModel(const BenchOptions& options) : path_(options.model) {
    if (!path_.empty()) permission_ = options.permission;
    if (path_.empty()) {
      torch::manual_seed(1);
      Architecture architecture;
      SetDecouplers(options.size, options.widths, &architecture);
      ModelSpec spec;
      spec.name = "bench";
      spec.preprocess.size = options.input_size;
      temporary_ = options.save.empty();
      path_ = options.save;
      if (temporary_) {
        path_ = std::filesystem::temp_directory_path() /
                ("hepar-bench-" + std::to_string(::getpid()) + ".hepar");
      }
      SaveBundle(path_, spec, SeverityNet(architecture));
    }
    bundle_ = WithExitCode(kExitModel, [this] { return LoadBundle(path_, permission_); });
  }
  ~BenchModel() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove(path_, ignored);
  }
  BenchModel(const BenchModel&) = delete;
  BenchModel& operator=(const BenchModel&) = delete;

  std::shared_ptr<const Engine> Open(const std::string& device, Precision precision) const {
    EngineConfig config;
    config.model = path_;
    config.device = device;
    config.precision = precision;
    config.permission = permission_;
    return WithExitCode(kExitModel, [&] { return Engine::Open(config); });
  }

  SeverityNet net() const { return bundle_.net; }
  const ModelSpec& spec() const { return bundle_.spec; }

 private:
  std::string path_;
  ModelPermission permission_;
  bool temporary_ = false;
  Bundle bundle_;
};

PreparedImage NoisePicture(const PreprocessOptions& input) {
  PreparedImage image;
  image.pixels.create(input.size, input.size, input.channels == 3 ? CV_32FC3 : CV_32FC1);
  cv::RNG rng(1);
  rng.fill(image.pixels, cv::RNG::UNIFORM, 0.0, 1.0);
  image.bounds = cv::Rect(0, 0, input.size, input.size);
  image.frame_width = image.frame_height = input.size;
  return image;
}

void OneFrame(const Engine& engine, const PreparedImage& picture) {
  engine.Prepare(picture)->Classify();
}

std::string LayerTable(const std::vector<Layer>& layers) {
  const auto text = [](const std::vector<double>& ms) {
    return ms.empty() ? std::string() : Fixed(Median(ms), 3);
  };
  std::vector<std::vector<std::string>> rows = {
      {"layer", "kernel", "shape", "MMAC", "engine ms", "bf16 ms", "oneDNN alone ms"}};
  for (const Layer& layer : layers) {
    rows.push_back({layer.node, layer.kernel, layer.shape, Fixed(layer.macs / 1e6, 2),
                    text(layer.engine_ms), text(layer.bf16_ms), text(layer.standalone_ms)});
  }
  return FormatTable(rows);
}

// Frames a second of `count` threads together.
double FramesPerSecond(const Engine& engine, const PreparedImage& picture, int count) {
  constexpr auto kTime = std::chrono::milliseconds(1500);
  std::atomic<bool> go{false}, stop{false};
  std::atomic<int> frames{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&] {
      OneFrame(engine, picture);
      while (!go) std::this_thread::yield();
      while (!stop) {
        OneFrame(engine, picture);
        ++frames;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto start = Clock::now();
  frames = 0;
  go = true;
  std::this_thread::sleep_for(kTime);
  const int done = frames;
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  stop = true;
  for (auto& thread : threads) thread.join();
  return done / seconds;
}

ordered_json OrNull(const std::vector<Contender>& contenders, const std::string& key) {
  for (const Contender& contender : contenders) {
    if (contender.key == key) return Median(contender.ms);
  }
  return nullptr;
}

// The engine and the implementations that it is compared with, on one picture.
class FrameBench {
 public:
  FrameBench(const BenchOptions& options, const BenchModel& model)
      : options_(options),
        spec_(model.spec()),
        device_(DeviceOption(options.device.name)),
        picture_(NoisePicture(spec_.preprocess)),
        engine_(model.Open(device_, Precision::kFp32)) {
    SeverityNet net = model.net();
    net->to(torch::Device(device_));
    const auto tensor = PictureToTensor(picture_.pixels).unsqueeze(0).to(torch::Device(device_));
    // Copied to the host, as the engine's logits are.
    eager_ = [net, tensor]() mutable {
      const c10::InferenceMode inference;
      net->forward(tensor).cpu();
    };
    contenders_.push_back({"engine_fp32_ms", [this] { OneFrame(*engine_, picture_); }, {}});
    if (!options.engine_only) contenders_.push_back({"eager_fp32_ms", eager_, {}});
    const bool on_cpu = device_ == "cpu";
    if (!on_cpu || CpuMultipliesBf16()) {
      bf16_ = model.Open(device_, Precision::kBf16);
      contenders_.push_back({"engine_bf16_ms", [this] { OneFrame(*bf16_, picture_); }, {}});
    }
    if (on_cpu && !options.engine_only) AddGraph(net, tensor);
  }

  void Run() {
    RunInTurns(&contenders_, options_.repeat, options_.clock);
    engine_bytes_ = TensorBytesOf([this] { OneFrame(*engine_, picture_); });
    eager_bytes_ = TensorBytesOf(eager_);
    for (int count = 1; count <= options_.streams; count *= 2) {
      streams_.emplace_back(count, FramesPerSecond(*engine_, picture_, count));
    }
  }

  ordered_json ToJson() const {
    ordered_json result = {{"model", spec_.name},
                           {"size", spec_.architecture.size},
                           {"input_size", spec_.preprocess.size},
                           {"device", device_},
                           {"backend", engine_->backend()},
                           {"libtorch_threads", options_.device.threads},
                           {"clock", NameOf(kClocks, options_.clock)},
                           {"repeat", options_.repeat}};
    for (const char* key :
         {"engine_fp32_ms", "engine_bf16_ms", "eager_fp32_ms", "torchscript_fp32_ms"}) {
      result[key] = OrNull(contenders_, key);
    }
    result["roofline_fp32_ms"] = layers_ ? ordered_json(layers_->RooflineMs()) : ordered_json();
    result["engine_bytes_per_frame"] = engine_bytes_;
    result["eager_bytes_per_frame"] = eager_bytes_;
    if (layers_) result["layers"] = LayersToJson(layers_->layers());
    for (const auto& [count, rate] : streams_) {
      result["streams"].push_back({{"streams", count}, {"frames_per_second", rate}});
    }
    return result;
  }

  std::string ToText() const {
    const ordered_json result = ToJson();
    const double engine_ms = result.at("engine_fp32_ms");
    std::vector<std::vector<std::string>> rows = {{"ms per frame", "median", "to engine fp32"}};
    for (const char* key : {"engine_fp32_ms", "engine_bf16_ms", "eager_fp32_ms",
                            "torchscript_fp32_ms", "roofline_fp32_ms"}) {
      const ordered_json& value = result.at(key);
      rows.push_back({key, value.is_null() ? "-" : Fixed(value.get<double>(), 2),
                      value.is_null() ? "-" : Fixed(value.get<double>() / engine_ms, 2)});
    }
    const std::string side = std::to_string(spec_.preprocess.size);
    std::string text =
        spec_.architecture.size + " at " + side + "x" + side + " on " + device_ + ", " +
        engine_->backend() + "; roofline: the convolutions by oneDNN alone\n\n" +
        FormatTable(rows) + "\nbytes of maps allocated per steady frame: engine " +
        std::to_string(engine_bytes_) + ", eager " + std::to_string(eager_bytes_) + "\n";
    if (layers_) text += "\n" + LayerTable(layers_->layers());
    if (streams_.empty()) return text;
    rows = {{"streams", "frames/s", "each"}};
    for (const auto& [count, rate] : streams_) {
      rows.push_back({std::to_string(count), Fixed(rate, 1), Fixed(rate / count, 1)});
    }
    return text + "\n" + FormatTable(rows);
  }

 private:
  // The lowered graph as TorchScript, and by layer.
  void AddGraph(SeverityNet net, const torch::Tensor& tensor) {
    const PreprocessOptions& input = spec_.preprocess;
    const Graph graph = net->Lower(input.channels, input.size, input.size);
    // The fuser compiles for the CPU only in some builds of LibTorch, and does not end on this
    // graph in 2.6. Without it the figure means the same in all of them.
    torch::jit::setTensorExprFuserEnabled(false);
    torch::jit::Module exported = ToTorchScript(graph, net);
    script_ = torch::jit::optimize_for_inference(exported);
    contenders_.push_back({"torchscript_fp32_ms",
                           [this, tensor] {
                             const torch::NoGradGuard no_grad;
                             script_.forward({tensor});
                           },
                           {}});
    if (!options_.layers) return;
    layers_ = std::make_unique<LayerBench>(graph, options_.clock);
    contenders_.push_back({"layers", [this] { layers_->Run(); }, {}});
  }

  const BenchOptions& options_;
  const ModelSpec& spec_;
  const std::string device_;
  const PreparedImage picture_;
  const std::shared_ptr<const Engine> engine_;
  std::shared_ptr<const Engine> bf16_;
  std::function<void()> eager_;
  torch::jit::Module script_;
  std::unique_ptr<LayerBench> layers_;
  std::vector<Contender> contenders_;
  std::int64_t engine_bytes_ = 0, eager_bytes_ = 0;
  std::vector<std::pair<int, double>> streams_;  // Threads, and frames per second of all.
};

}  // namespace

int RunBench(const std::vector<std::string>& arguments) {
  BenchOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  DeviceOption(options.device.name);  // Before a model is made.
  SetIntraOpThreads(options.device.threads);
  cv::setNumThreads(1);
  const BenchModel model(options);
  FrameBench bench(options, model);
  bench.Run();
  options.output.text() << bench.ToText();
  options.output.Write(bench.ToJson());
  return kExitOk;
}

}  // namespace hepar
