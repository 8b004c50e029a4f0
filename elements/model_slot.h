// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "elements/error_message.h"
#include "elements/newest_worker.h"
#include "models/engine/engine.h"

namespace hepar {

using EngineRef = std::shared_ptr<const Engine>;

// The model of one element: its own one, which can be replaced while the element runs, or else the
// one that an element upstream provides.
//
// Load(), Announce(), device(), backend() and device_lost() may be called by any thread. The other
// calls belong to the streaming thread, or to Start() and Stop() while there is none.
class ModelSlot {
 public:
  // Opens the engine of a model. Throws Error.
  static EngineRef Open(const EngineConfig& config);

  // From here on, Load() takes effect.
  void Start();

  // Waits for a model that is being loaded, and forgets all.
  void Stop();

  // The element's own model, opened before the first frame.
  void Own(EngineRef engine);

  // Loads and warms up the model of `config` in the background; it takes over at the next Choose().
  // An empty model gives the element's own one up for upstream's. Only the newest load counts.
  // `failed` is called on the loader's thread. Does nothing while stopped. Throws std::system_error
  // when the thread cannot be started.
  void Load(const EngineConfig& config, std::function<void(const ReportedError&)> failed);

  // Upstream said which engine its frames will come with.
  void Announce(EngineRef engine);

  struct Choice {
    bool changed = false;  // Another engine than before is in use (the first one is no change).
    bool gave_up = false;  // The element's own model was given up for upstream's.
    struct Replaced {
      std::string old_id;
      std::string location;
    };
    std::optional<Replaced> replaced;  // A loaded model took over.
  };

  // Chooses the engine for a frame that comes with the engine `upstream` (null: with none).
  Choice Choose(const EngineRef& upstream);

  // The engine in use; null while there is no model.
  const EngineRef& engine() const { return engine_; }

  // Whether the engine in use is that of the element's own model.
  bool owns() const { return owns_; }

  // The device in use, or of the engine that was announced; empty while there is none.
  std::string device() const;
  std::string backend() const;  // Engine::backend() of the same engine.
  bool device_lost() const;     // Engine::device_lost() of the same engine.

 private:
  struct Loaded {
    EngineRef engine;  // Null: the element's own model is given up.
    std::string location;
  };

  void LoadNow(const EngineConfig& config, std::uint64_t request,
               const std::function<void(const ReportedError&)>& failed) noexcept;
  void Use(EngineRef engine);
  void Show(const EngineRef& engine);  // Called with the mutex held.

  mutable std::mutex mutex_;  // Guards the members up to the next comment.
  bool started_ = false;
  EngineRef announced_;
  std::optional<Loaded> loaded_;       // Set by the loader, taken by Choose().
  std::uint64_t load_request_ = 0;     // Of the newest load.
  std::weak_ptr<const Engine> shown_;  // The engine that device() and backend() tell of.
  std::string device_, backend_;

  NewestWorker loader_;  // Gets jobs under `mutex_`.

  EngineRef engine_;
  bool owns_ = false;
};

}  // namespace hepar
