// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/model_slot.h"

#include <glib.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "models/engine/device.h"

namespace hepar {
namespace {

// Several threads call LibTorch here (streaming threads, workers), each with a pool of its own.
// With as many threads in each pool as there are cores, the pools spin against each other.
// OMP_NUM_THREADS has priority, as everywhere.
void LimitThreads() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (g_getenv("OMP_NUM_THREADS") != nullptr) return;
    SetIntraOpThreads(std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 4));
  });
}

}  // namespace

EngineRef ModelSlot::Open(const EngineConfig& config) {
  LimitThreads();
  return Engine::Open(config);
}

void ModelSlot::Start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  started_ = true;
}

void ModelSlot::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    started_ = false;
  }
  loader_.Stop();  // A model that is being loaded must not come after this.
  const std::lock_guard<std::mutex> lock(mutex_);
  announced_.reset();
  loaded_.reset();
  shown_.reset();
  device_.clear();
  backend_.clear();
  engine_.reset();
  owns_ = false;
}

void ModelSlot::Own(EngineRef engine) {
  Use(std::move(engine));
  owns_ = true;
}

void ModelSlot::Load(const EngineConfig& config, std::function<void(const ReportedError&)> failed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!started_) return;
  loader_.Submit([this, config, request = ++load_request_, failed = std::move(failed)] {
    LoadNow(config, request, failed);
  });
}

void ModelSlot::LoadNow(const EngineConfig& config, std::uint64_t request,
                        const std::function<void(const ReportedError&)>& failed) noexcept {
  try {
    Loaded loaded;
    loaded.location = config.model;
    if (!config.model.empty()) {
      loaded.engine = Open(config);
      loaded.engine->WarmUp();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (request == load_request_) loaded_ = std::move(loaded);
  } catch (...) {
    failed(CurrentError());
  }
}

void ModelSlot::Announce(EngineRef engine) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Show(engine);
  announced_ = std::move(engine);
}

void ModelSlot::Use(EngineRef engine) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Show(engine);
  }
  engine_ = std::move(engine);
}

ModelSlot::Choice ModelSlot::Choose(const EngineRef& upstream) {
  std::optional<Loaded> loaded;
  EngineRef announced;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    loaded = std::exchange(loaded_, std::nullopt);
    announced = std::exchange(announced_, nullptr);
  }

  Choice choice;
  const EngineRef before = engine_;
  if (loaded) {
    owns_ = loaded->engine != nullptr;
    if (!owns_) {
      choice.gave_up = true;
      engine_.reset();
    } else if (loaded->engine != engine_) {
      choice.replaced = Choice::Replaced{before ? before->spec().id : "", loaded->location};
      Use(loaded->engine);
    }
  }
  if (!owns_) {
    if (upstream != nullptr) {
      if (upstream != engine_) Use(upstream);
    } else if (engine_ == nullptr && announced != nullptr) {
      Use(std::move(announced));
    }
  }
  choice.changed = before != nullptr && engine_ != nullptr && engine_ != before;
  return choice;
}

void ModelSlot::Show(const EngineRef& engine) {
  shown_ = engine;
  device_ = engine->device();
  backend_ = engine->backend();
}

std::string ModelSlot::backend() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return backend_;
}

bool ModelSlot::device_lost() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const EngineRef engine = shown_.lock();
  return engine != nullptr && engine->device_lost();
}

std::string ModelSlot::device() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return device_;
}

}  // namespace hepar
