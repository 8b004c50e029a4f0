// SPDX-License-Identifier: LGPL-2.1-or-later
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <time.h>
#include <torch/script.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "models/bundle/bundle.h"
#include "models/engine/cpu/aligned_floats.h"
#include "models/engine/cpu/plan.h"
#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "models/nets/architecture.h"
#include "models/nets/picture_tensor.h"
#include "models/nets/severity_net.h"
#include "training/bench/standalone_convolution.h"
#include "training/cli/decoupler_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/export/torchscript_model.h"
#include "training/report/report.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct BenchOptions {
  std::string model, size = "live", widths, save, device = "cpu", clock = "wall", json;
  int input_size = 224, threads = 1, repeat = 30, streams = 0;
  bool layers = true, engine_only = false;
};

OptionTable MakeTable(BenchOptions* o) {
  OptionTable table("bench", "[OPTION...]",
                    "Measures what a frame costs in the engine, beside LibTorch's eager module, "
                    "TorchScript optimised for inference, and the sum of the graph's convolutions "
                    "by oneDNN alone: the same weights, in turns, as medians.");
  table.Heading("What runs");
  table.Path("model", &o->model, "FILE", "Model bundle; without it, a fresh network of --size");
  table.Choice("size", &o->size, DecouplerSizes(), "Size of the fresh network");
  table.Text("widths", &o->widths, "C,C,C,C,M,M,M,M",
             "Other widths of its stages and of their blocks than the size's");
  table.Integer("input-size", &o->input_size, 32, 1024, "Side of its input, pixels");
  table.Path("save", &o->save, "FILE.hepar",
             "Keep the fresh network, to measure it elsewhere: its weights are always the same");
  table.Text("device", &o->device, "DEVICE", "cpu, cuda or cuda:N");
  table.Integer("threads", &o->threads, 1, 256, "Threads of LibTorch; the engine takes one");
  table.Heading("What is measured");
  table.Integer("repeat", &o->repeat, 3, 10000, "Passes of each");
  table.Choice("clock", &o->clock, {"wall", "processor"},
               "Time that passes, or that of the thread alone: ratios on a busy machine");
  table.Switch("engine-only", &o->engine_only, "The engine alone, nothing beside it");
  table.OnOff("layers", &o->layers, "The table of layers, and the convolutions alone");
  table.Integer("streams", &o->streams, 0, 64,
                "Frames a second of 1, 2, 4 ... threads up to this that share one engine");
  table.Heading("Output");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  return table;
}

// Reads the time in milliseconds, from an arbitrary start.
using ReadClock = double (*)();

double WallClock() {
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

double ProcessorClock() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double Milliseconds(ReadClock read, const std::function<void()>& run) {
  const double start = read();
  run();
  return read() - start;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// One thing to measure: its passes are taken in turns with those of the others.
struct Contender {
  std::string key;
  std::function<void()> run;
  std::vector<double> ms;
};

void RunInTurns(std::vector<Contender>* contenders, int repeat, ReadClock clock) {
  constexpr int kWarmUp = 3;
  for (int i = -kWarmUp; i < repeat; ++i) {
    for (Contender& contender : *contenders) {
      const double ms = Milliseconds(clock, contender.run);
      if (i >= 0) contender.ms.push_back(ms);
    }
  }
}

// Bytes of maps and tensors that this thread asks for while this object lives.
class TensorBytes : public c10::MemoryReportingInfoBase {
 public:
  // One of these is LibTorch's function, by release: the totals changed their type.
  void reportMemoryUsage(void* /*memory*/, int64_t size, int64_t /*allocated*/,
                         int64_t /*reserved*/, c10::Device /*device*/) {
    if (size > 0) bytes += size;
  }
  void reportMemoryUsage(void* /*memory*/, int64_t size, size_t /*allocated*/, size_t /*reserved*/,
                         c10::Device /*device*/) {
    if (size > 0) bytes += size;
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t bytes = 0;
};

int64_t TensorBytesOf(const std::function<void()>& run) {
  const auto counter = std::make_shared<TensorBytes>();
  const auto before = cpu::AllocatedBytes();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
    run();
  }
  return counter->bytes + static_cast<int64_t>(cpu::AllocatedBytes() - before);
}

// The bundle of the options, and a file that holds it.
class BenchModel {
 public:
  explicit BenchModel(const BenchOptions& options) : path_(options.model) {
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
    bundle_ = WithExitCode(kExitModel, [this] { return LoadBundle(path_); });
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
    return WithExitCode(kExitModel, [&] { return Engine::Open(config); });
  }

  SeverityNet net() const { return bundle_.net; }
  const ModelSpec& spec() const { return bundle_.spec; }

 private:
  std::string path_;
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

// The steps of the CPU engine, and beside each convolution the time of oneDNN alone.
struct Layer {
  std::string node, kernel, shape;
  double macs = 0.0;
  std::vector<double> engine_ms, bf16_ms, standalone_ms;
};

// A plan with what it needs to run.
class TimedPlan {
 public:
  TimedPlan(const Graph& graph, const cpu::Kernels& kernels)
      : plan_(graph, kernels),
        workspace_(plan_.MakeWorkspace()),
        frame_(plan_.frame().count, 0.5f) {}

  const cpu::Plan& plan() const { return plan_; }
  // The time of each step.
  std::vector<double> Run(ReadClock clock) {
    std::vector<double> ms;
    plan_.RunTimed(workspace_.get(), frame_.data(), clock, &ms);
    return ms;
  }

 private:
  cpu::Plan plan_;
  std::shared_ptr<cpu::Plan::Workspace> workspace_;
  std::vector<float> frame_;
};

class LayerBench {
 public:
  LayerBench(const Graph& graph, ReadClock clock)
      : clock_(clock), fp32_(graph, cpu::BestKernels()) {
    // The same steps, in the same order.
    if (const cpu::Kernels* kernels = cpu::Bf16Kernels()) bf16_.emplace(graph, *kernels);
    for (const auto& step : fp32_.plan().steps()) {
      Layer layer;
      layer.node = step.node;
      layer.kernel = step.kernel;
      for (const Node& node : graph.nodes) {
        const auto* conv = std::get_if<Convolution>(&node.op);
        if (node.name != step.node) continue;
        const Shape &in = graph.values[node.inputs[0]], &out = graph.values[node.output];
        layer.macs = MacsOf(graph, node);
        layer.shape = std::to_string(in.channels) + ">" + std::to_string(out.channels) + " " +
                      std::to_string(out.height) + "x" + std::to_string(out.width);
        // A step that only converts the layout has the same name; the convolution comes last.
        if (conv) alone_[layers_.size()] = {conv, in, out, nullptr};
      }
      layers_.push_back(layer);
    }
    DropConversions();
    for (auto& [index, use] : alone_) {
      use.convolution = std::make_unique<StandaloneConvolution>(*use.op, use.in, use.out);
    }
  }

  void Run() {
    const auto fp32 = fp32_.Run(clock_);
    const auto bf16 = bf16_ ? bf16_->Run(clock_) : std::vector<double>();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i].engine_ms.push_back(fp32[i]);
      if (bf16_) layers_[i].bf16_ms.push_back(bf16[i]);
    }
    for (auto& [index, use] : alone_) {
      layers_[index].standalone_ms.push_back(Milliseconds(clock_, [&] { use.convolution->Run(); }));
    }
  }

  const std::vector<Layer>& layers() const { return layers_; }

  // The sum of the convolutions' medians.
  double RooflineMs() const {
    double sum = 0.0;
    for (const Layer& layer : layers_) {
      if (!layer.standalone_ms.empty()) sum += Median(layer.standalone_ms);
    }
    return sum;
  }

 private:
  struct Alone {
    const Convolution* op = nullptr;  // Of the constructor's graph, for the constructor.
    Shape in, out;
    std::unique_ptr<StandaloneConvolution> convolution;
  };

  void DropConversions() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].kernel.rfind("to_", 0) == 0) alone_.erase(i);
    }
  }

  const ReadClock clock_;
  TimedPlan fp32_;
  std::optional<TimedPlan> bf16_;
  std::vector<Layer> layers_;
  std::map<std::size_t, Alone> alone_;
};

ordered_json MedianOrNull(const std::vector<double>& ms) {
  return ms.empty() ? ordered_json() : ordered_json(Median(ms));
}

ordered_json LayersToJson(const std::vector<Layer>& layers) {
  ordered_json list = ordered_json::array();
  for (const Layer& layer : layers) {
    list.push_back({{"layer", layer.node},
                    {"kernel", layer.kernel},
                    {"shape", layer.shape},
                    {"macs", layer.macs},
                    {"engine_ms", Median(layer.engine_ms)},
                    {"engine_bf16_ms", MedianOrNull(layer.bf16_ms)},
                    {"standalone_ms", MedianOrNull(layer.standalone_ms)}});
  }
  return list;
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

}  // namespace

int RunBench(const std::vector<std::string>& arguments) {
  BenchOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  const std::string device = ResolveDevice(options.device);
  SetIntraOpThreads(options.threads);
  cv::setNumThreads(1);
  const BenchModel model(options);
  const PreprocessOptions& input = model.spec().preprocess;
  const PreparedImage picture = NoisePicture(input);
  const auto engine = model.Open(device, Precision::kFp32);
  const bool on_cpu = device == "cpu";
  const ReadClock clock = options.clock == "processor" ? ProcessorClock : WallClock;

  SeverityNet net = model.net();
  net->to(torch::Device(device));
  const auto tensor = PictureToTensor(picture.pixels).unsqueeze(0).to(torch::Device(device));
  // Copied to the host, as the engine's logits are.
  const auto eager = [net, tensor]() mutable {
    const c10::InferenceMode inference;
    net->forward(tensor).cpu();
  };
  std::vector<Contender> contenders = {{"engine_fp32_ms", [&] { OneFrame(*engine, picture); }, {}}};
  if (!options.engine_only) contenders.push_back({"eager_fp32_ms", eager, {}});
  std::shared_ptr<const Engine> bf16;
  if (!on_cpu || CpuMultipliesBf16()) {
    bf16 = model.Open(device, Precision::kBf16);
    contenders.push_back({"engine_bf16_ms", [&] { OneFrame(*bf16, picture); }, {}});
  }
  torch::jit::Module script;
  std::unique_ptr<LayerBench> layers;
  if (on_cpu && !options.engine_only) {
    const Graph graph = net->Lower(input.channels, input.size, input.size);
    torch::jit::Module exported = ToTorchScript(graph, net);
    script = torch::jit::optimize_for_inference(exported);
    contenders.push_back({"torchscript_fp32_ms",
                          [&] {
                            const torch::NoGradGuard no_grad;
                            script.forward({tensor});
                          },
                          {}});
    if (options.layers) {
      layers = std::make_unique<LayerBench>(graph, clock);
      contenders.push_back({"layers", [&] { layers->Run(); }, {}});
    }
  }
  RunInTurns(&contenders, options.repeat, clock);

  ordered_json result = {{"model", model.spec().name},   {"size", model.spec().architecture.size},
                         {"input_size", input.size},     {"device", device},
                         {"backend", engine->backend()}, {"libtorch_threads", options.threads},
                         {"clock", options.clock},       {"repeat", options.repeat}};
  std::vector<std::vector<std::string>> rows = {{"ms per frame", "median", "to engine fp32"}};
  const double engine_ms = OrNull(contenders, "engine_fp32_ms");
  for (const char* key :
       {"engine_fp32_ms", "engine_bf16_ms", "eager_fp32_ms", "torchscript_fp32_ms"}) {
    result[key] = OrNull(contenders, key);
  }
  result["roofline_fp32_ms"] = layers ? ordered_json(layers->RooflineMs()) : ordered_json();
  for (const char* key : {"engine_fp32_ms", "engine_bf16_ms", "eager_fp32_ms",
                          "torchscript_fp32_ms", "roofline_fp32_ms"}) {
    const ordered_json& value = result[key];
    rows.push_back({key, value.is_null() ? "-" : Fixed(value.get<double>(), 2),
                    value.is_null() ? "-" : Fixed(value.get<double>() / engine_ms, 2)});
  }
  const std::int64_t engine_bytes = TensorBytesOf([&] { OneFrame(*engine, picture); });
  const std::int64_t eager_bytes = TensorBytesOf(eager);
  result["engine_bytes_per_frame"] = engine_bytes;
  result["eager_bytes_per_frame"] = eager_bytes;

  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  text << model.spec().architecture.size << " at " << input.size << "x" << input.size << " on "
       << device << ", " << engine->backend() << "; roofline: the convolutions by oneDNN alone\n\n"
       << FormatTable(rows) << "\nbytes of maps taken per steady frame: engine " << engine_bytes
       << ", eager " << eager_bytes << "\n";
  if (layers) {
    text << "\n" << LayerTable(layers->layers());
    result["layers"] = LayersToJson(layers->layers());
  }
  if (options.streams > 0) {
    std::vector<std::vector<std::string>> table_rows = {{"streams", "frames/s", "each"}};
    ordered_json list = ordered_json::array();
    for (int count = 1; count <= options.streams; count *= 2) {
      const double rate = FramesPerSecond(*engine, picture, count);
      table_rows.push_back({std::to_string(count), Fixed(rate, 1), Fixed(rate / count, 1)});
      list.push_back({{"streams", count}, {"frames_per_second", rate}});
    }
    text << "\n" << FormatTable(table_rows);
    result["streams"] = list;
  }
  if (!options.json.empty()) WriteJson(options.json, result);
  return kExitOk;
}

}  // namespace hepar
