// SPDX-License-Identifier: LGPL-2.1-or-later
//
// soak MINUTES [SEED [COUNT]]: changes running pipelines again and again: COUNT (1000) changes of
// the model, COUNT state cycles, 10 COUNT changes of the caps, then MINUTES of all that may happen
// to a stream, drawn at random, in up to four streams at a time. After each operation every frame
// that went in must have come out, in order, with its time, its size and its severity; memory,
// descriptors and threads must be what they were before. Prints the figures and fails at the first
// violation.
#include <dirent.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/tiny_model.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr GstClockTime kFrameTime = 40 * GST_MSECOND;
constexpr GstClockTime kPatience = 60 * GST_SECOND;
constexpr std::size_t kMaxStreams = 4;
constexpr double kMaxGrowthMib = 24.0;
constexpr int kMaxIdleThreads = 8;  // GLib keeps so many for the next task.
constexpr int kRounds = 6;

// What a pipeline has between source and sink; its first element, "first", takes the model.
constexpr const char* kChains[] = {
    "heparclassify name=first mode=sync",
    "heparclassify name=first mode=sync ! heparoverlay",
    "heparcolorspace name=first ! hepardecouple ! heparclassify mode=sync ! heparoverlay view=all",
    "heparcolorspace name=first ! queue ! heparclassify mode=sync ! queue ! heparoverlay",
    "hepardecouple name=first eager=true ! heparclassify mode=sync",
    "heparbin name=first mode=sync"};
constexpr const char* kFormats[] = {"GRAY8", "I420", "NV12", "BGRx", "RGB", "YUY2"};

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "soak: " << what << std::endl;
  std::_Exit(1);
}

struct Usage {
  double resident_mib = 0.0;
  int descriptors = 0, threads = 0;
};

int CountEntries(const char* folder) {
  int count = 0;
  DIR* entries = opendir(folder);
  while (readdir(entries) != nullptr) ++count;
  closedir(entries);
  return count - 3;  // ".", ".." and what is open for reading them, or a little less.
}

// Call it while there is no stream.
Usage Measure() {
  // Threads of finished tasks end a little later.
  g_usleep(300000);
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double pages = 0.0, resident = 0.0;
  statm >> pages >> resident;
  return {resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576.0,
          CountEntries("/proc/self/fd"), CountEntries("/proc/self/task")};
}

struct Counts {
  long operations = 0, in = 0, out = 0, flushed = 0, swaps = 0, cycles = 0, caps = 0, seeks = 0,
       flushes = 0, streams = 0, warnings = 0;
};

class Models {
 public:
  Models() {
    std::string folder = (std::filesystem::temp_directory_path() / "soak-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) Fail("no temporary folder");
    folder_ = folder;
    for (unsigned seed = 1; seed <= 3; ++seed) {
      paths_.push_back(
          hepar::testing::WriteTinyModel(folder, "tiny" + std::to_string(seed) + ".hepar", seed));
    }
  }
  ~Models() { std::filesystem::remove_all(folder_); }

  const std::string& operator[](std::size_t i) const { return paths_[i % paths_.size()]; }

 private:
  std::string folder_;
  std::vector<std::string> paths_;
};

class Stream {
 public:
  Stream(const Models& models, const std::string& chain, std::size_t model, Counts* counts)
      : models_(models), counts_(counts), model_(model) {
    const std::string launch =
        "appsrc name=in format=time stream-type=seekable max-bytes=0 ! " + chain +
        " ! appsink name=out sync=false max-buffers=0 enable-last-sample=false";
    g_autoptr(GError) error = nullptr;
    pipeline_ = gst_parse_launch(launch.c_str(), &error);
    if (error != nullptr) Fail(launch + ": " + error->message);
    in_ = gst_bin_get_by_name(GST_BIN(pipeline_), "in");
    out_ = gst_bin_get_by_name(GST_BIN(pipeline_), "out");
    first_ = gst_bin_get_by_name(GST_BIN(pipeline_), "first");
    bus_ = gst_element_get_bus(pipeline_);
    g_signal_connect(in_, "seek-data",
                     G_CALLBACK(+[](GstAppSrc*, guint64, gpointer) -> gboolean { return TRUE; }),
                     nullptr);
    g_object_set(first_, "model", models_[model_].c_str(), "device", "cpu", nullptr);
    Play();
    SetCaps("GRAY8", 96, 72, 25);
    Run(1);
    ++counts_->streams;
  }
  ~Stream() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    ReadBus();
    for (gpointer object : {gpointer(in_), gpointer(out_), gpointer(first_), gpointer(bus_)}) {
      gst_object_unref(object);
    }
    gst_object_unref(pipeline_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Frames through the pipeline, each of which must come out.
  void Run(int frames) {
    for (int i = 0; i < frames; ++i) Push();
    PullAll();
    ReadBus();
  }

  void ChangeCaps(std::mt19937* random) {
    const auto pick = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(*random);
    };
    SetCaps(kFormats[pick(0, static_cast<int>(std::size(kFormats)) - 1)], 2 * pick(16, 80),
            2 * pick(16, 60), pick(0, 1) != 0 ? 25 : 30);
    ++counts_->caps;
  }

  // Sets another model and runs frames until it is in use.
  void SwapModel() {
    ++model_;
    changed_ = false;
    g_object_set(first_, "model", models_[model_].c_str(), nullptr);
    const auto give_up = Clock::now() + std::chrono::seconds(60);
    while (!changed_) {
      Run(1);
      if (Clock::now() > give_up) Fail("a model was not taken into use");
      if (!changed_) g_usleep(1000);
    }
    ++counts_->swaps;
  }

  // Through READY or NULL and back, in the middle of the stream.
  void CycleState(GstState through) {
    if (gst_element_set_state(pipeline_, through) == GST_STATE_CHANGE_FAILURE) {
      Fail("a state change failed");
    }
    // The sink keeps through READY what had arrived there.
    while (GstSample* sample = gst_app_sink_try_pull_sample(GST_APP_SINK(out_), 0)) {
      gst_sample_unref(sample);
    }
    counts_->flushed += static_cast<long>(expected_.size());
    expected_.clear();
    next_ = 0;
    Play();
    Run(1);
    ++counts_->cycles;
  }

  void PauseAndPlay() {
    gst_element_set_state(pipeline_, GST_STATE_PAUSED);
    Play();
    Run(1);
    ++counts_->cycles;
  }

  // What was pushed and has not come out is lost, as it is to be; all that follows comes out.
  void Seek(GstClockTime to) {
    const bool flushes = to == next_;
    if (!gst_element_seek(pipeline_, 1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                          static_cast<gint64>(to), GST_SEEK_TYPE_NONE, -1)) {
      Fail("a seek was refused");
    }
    counts_->flushed += static_cast<long>(expected_.size());
    expected_.clear();
    next_ = to;
    Run(1);
    ++(flushes ? counts_->flushes : counts_->seeks);
  }
  void Flush() { Seek(next_); }

  void Push() {
    const gsize size = GST_VIDEO_INFO_SIZE(&info_);
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) Fail("no memory for a frame");
    const auto shift = static_cast<gsize>(next_ / kFrameTime);
    for (gsize i = 0; i < size; ++i) {
      map.data[i] = static_cast<guint8>(60 + (i * 31 + shift * 17) % 131);
    }
    gst_buffer_unmap(buffer, &map);
    GST_BUFFER_PTS(buffer) = next_;
    GST_BUFFER_DURATION(buffer) = kFrameTime;
    expected_.push_back({next_, GST_VIDEO_INFO_WIDTH(&info_), GST_VIDEO_INFO_HEIGHT(&info_)});
    next_ += kFrameTime;
    if (gst_app_src_push_buffer(GST_APP_SRC(in_), buffer) != GST_FLOW_OK) {
      ReadBus();
      Fail("a frame was refused");
    }
    ++counts_->in;
  }

 private:
  struct Frame {
    GstClockTime time;
    int width, height;
  };

  void Play() {
    if (gst_element_set_state(pipeline_, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
      ReadBus();
      Fail("a pipeline does not start");
    }
  }

  void SetCaps(const char* format, int width, int height, int rate) {
    g_autoptr(GstCaps) caps = gst_caps_new_simple(
        "video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width, "height",
        G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, rate, 1, nullptr);
    if (!gst_video_info_from_caps(&info_, caps)) Fail("caps that are no video");
    gst_app_src_set_caps(GST_APP_SRC(in_), caps);
  }

  void PullAll() {
    while (!expected_.empty()) {
      GstSample* sample = gst_app_sink_try_pull_sample(GST_APP_SINK(out_), kPatience);
      if (sample == nullptr) {
        ReadBus();
        Fail("a frame did not come out");
      }
      const Frame frame = expected_.front();
      expected_.pop_front();
      GstBuffer* buffer = gst_sample_get_buffer(sample);
      if (GST_BUFFER_PTS(buffer) != frame.time) {
        Fail("a frame came out with the time " + std::to_string(GST_BUFFER_PTS(buffer)) + " for " +
             std::to_string(frame.time));
      }
      GstVideoInfo info;
      if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) ||
          GST_VIDEO_INFO_WIDTH(&info) != frame.width ||
          GST_VIDEO_INFO_HEIGHT(&info) != frame.height) {
        Fail("a frame came out with another size");
      }
      if (gst_buffer_get_custom_meta(buffer, "HeparSeverityMeta") == nullptr) {
        Fail("a frame came out without its severity");
      }
      gst_sample_unref(sample);
      ++counts_->out;
    }
  }

  void ReadBus() {
    while (GstMessage* message = gst_bus_pop(bus_)) {
      g_autoptr(GError) error = nullptr;
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, nullptr);
        Fail(std::string("error on the bus: ") + error->message);
      }
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
        gst_message_parse_warning(message, &error, nullptr);
        if (counts_->warnings++ == 0) std::cerr << "soak: warning: " << error->message << "\n";
      }
      if (gst_message_has_name(message, "hepar-model-changed")) changed_ = true;
      gst_message_unref(message);
    }
  }

  const Models& models_;
  Counts* counts_;
  std::size_t model_;
  GstElement *pipeline_ = nullptr, *in_ = nullptr, *out_ = nullptr, *first_ = nullptr;
  GstBus* bus_ = nullptr;
  GstVideoInfo info_;
  GstClockTime next_ = 0;
  std::deque<Frame> expected_;
  bool changed_ = false;
};

class Soak {
 public:
  explicit Soak(unsigned seed) : random_(seed) {}

  // What the first use of everything keeps for the life of the process is no growth.
  void WarmUp() {
    for (const char* chain : kChains) {
      Stream stream(models_, chain, 0, &counts_);
      for (int i = 0; i < 20; ++i) Operate(&stream);
    }
    counts_ = Counts();
    start_ = Measure();
    std::printf(
        "| phase | operations | frames in | out | flushed | MiB | descriptors | threads |\n"
        "|---|---|---|---|---|---|---|---|\n");
    Line("start", start_);
  }

  void Repeat(const char* name, long count, const std::function<void(Stream*)>& operation) {
    const Counts before = counts_;
    {
      Stream stream(models_, kChains[2], 0, &counts_);
      for (long i = 0; i < count; ++i) {
        operation(&stream);
        ++counts_.operations;
      }
    }
    Check(name, before);
  }

  void Swaps(long count) {
    Repeat("model changes", count, [](Stream* stream) { stream->SwapModel(); });
  }
  void Cycles(long count) {
    Repeat("state cycles", count, [this](Stream* stream) {
      stream->CycleState(Chance(2) ? GST_STATE_NULL : GST_STATE_READY);
    });
  }
  void Caps(long count) {
    Repeat("caps changes", count, [this](Stream* stream) {
      stream->ChangeCaps(&random_);
      stream->Run(1);
    });
  }

  // In rounds, after each of which memory is measured, so that growth that goes on shows.
  void Random(double minutes) {
    const Counts before = counts_;
    for (int round = 1; round <= kRounds; ++round) {
      RandomRound(minutes / kRounds, ("random, round " + std::to_string(round)).c_str());
    }
    std::printf(
        "\nrandom: %ld streams, %ld model changes, %ld state cycles, %ld caps changes, %ld seeks, "
        "%ld flushes; %ld warnings in all\n",
        counts_.streams - before.streams, counts_.swaps - before.swaps,
        counts_.cycles - before.cycles, counts_.caps - before.caps, counts_.seeks - before.seeks,
        counts_.flushes - before.flushes, counts_.warnings);
  }

 private:
  void RandomRound(double minutes, const char* name) {
    const Counts before = counts_;
    const auto end = Clock::now() + std::chrono::duration<double, std::ratio<60>>(minutes);
    {
      std::vector<std::unique_ptr<Stream>> streams;
      while (Clock::now() < end) {
        const bool add = streams.empty() || (streams.size() < kMaxStreams && Chance(40));
        if (add) {
          streams.push_back(std::make_unique<Stream>(models_, kChains[Pick(std::size(kChains))],
                                                     Pick(3), &counts_));
        } else if (Chance(60)) {
          streams.erase(streams.begin() + static_cast<long>(Pick(streams.size())));
        } else {
          Operate(streams[Pick(streams.size())].get());
        }
        ++counts_.operations;
      }
    }
    Check(name, before);
  }

  std::size_t Pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  bool Chance(std::size_t one_in) { return Pick(one_in) == 0; }

  // One operation of all that may happen to a stream. Most begin while frames are on their way.
  void Operate(Stream* stream) {
    switch (Pick(12)) {
      case 0:
        stream->ChangeCaps(&random_);
        stream->Run(2);
        break;
      case 1:
        // Frames of two sizes on their way at a time.
        stream->Push();
        stream->ChangeCaps(&random_);
        stream->Run(1);
        break;
      case 2:
        for (std::size_t i = Pick(4); i > 0; --i) stream->Push();
        stream->Flush();
        break;
      case 3:
        for (std::size_t i = Pick(4); i > 0; --i) stream->Push();
        stream->Seek(kFrameTime * Pick(100000));
        break;
      case 4:
        if (Chance(3)) stream->SwapModel();
        break;
      case 5:
        for (std::size_t i = Pick(4); i > 0; --i) stream->Push();
        stream->CycleState(Chance(2) ? GST_STATE_NULL : GST_STATE_READY);
        break;
      case 6:
        stream->PauseAndPlay();
        break;
      default:
        stream->Run(static_cast<int>(1 + Pick(4)));
    }
  }

  void Line(const char* name, const Usage& usage, const Counts& before = {}) const {
    std::printf("| %s | %ld | %ld | %ld | %ld | %.1f | %d | %d |\n", name,
                counts_.operations - before.operations, counts_.in - before.in,
                counts_.out - before.out, counts_.flushed - before.flushed, usage.resident_mib,
                usage.descriptors, usage.threads);
    std::fflush(stdout);
  }

  void Check(const char* name, const Counts& before) const {
    const Usage now = Measure();
    Line(name, now, before);
    if (counts_.in != counts_.out + counts_.flushed) Fail("frames are missing");
    if (now.resident_mib > start_.resident_mib + kMaxGrowthMib) Fail("memory grows");
    if (now.descriptors > start_.descriptors) Fail("descriptors are left open");
    if (now.threads > start_.threads + kMaxIdleThreads) Fail("threads are left running");
  }

  std::mt19937 random_;
  const Models models_;
  Counts counts_;
  Usage start_;
};

}  // namespace

int main(int argc, char** argv) {
  // With an arena for each of many short-lived threads, memory that is free stays with the process,
  // by tens of MiB and more or less of it at random, which would hide a leak.
  mallopt(M_ARENA_MAX, 1);
  gst_init(&argc, &argv);
  char* end = nullptr;
  const double minutes = argc > 1 ? std::strtod(argv[1], &end) : 0.0;
  const long seed = argc > 2 ? std::atol(argv[2]) : 1;
  const long count = argc > 3 ? std::atol(argv[3]) : 1000;
  if (argc < 2 || argc > 4 || *end != '\0' || !(minutes >= 0.0) || count < 0) {
    std::cerr << "Usage: soak MINUTES [SEED [COUNT]]\n";
    return 2;
  }
  Soak soak(static_cast<unsigned>(seed));
  soak.WarmUp();
  soak.Swaps(count);
  soak.Cycles(count);
  soak.Caps(10 * count);
  soak.Random(minutes);
  return 0;
}
