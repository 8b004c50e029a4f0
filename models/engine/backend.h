// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "models/engine/feature_view.h"

namespace hepar {

// A frame inside a backend: its picture and its results, on the device.
//
// Threads: Decouple() and Classify() are called once each, in this order, by one thread at a time.
// The const members may be called by any number of threads once Decouple() has returned, also
// while Classify() runs; Classify() therefore leaves what they read as it is.
class BackendFrame {
 public:
  virtual ~BackendFrame() = default;

  virtual void Decouple() = 0;
  virtual std::vector<float> Classify() = 0;  // Returns the logits.

  // As in FrameInference. Only called for views that the model's decouplers produce.
  virtual GrayPicture View(FeatureView view) const = 0;
  virtual double ReconstructionError() const = 0;
  virtual std::vector<float> Planes() const = 0;
};

// Throws Error(kMismatch) unless `picture` is `side` pixels high and wide.
void CheckPictureSize(const cv::Mat& picture, int side);

// What runs a model behind the engine's interface. Thread-safe; throws Error, or what LibTorch
// throws, which the engine turns into one.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;  // For Engine::backend().
  // Copies a float picture of 1 or 3 channels. Throws Error(kMismatch) for another size than the
  // model's input. The frame may not outlive the backend.
  virtual std::unique_ptr<BackendFrame> Prepare(const cv::Mat& picture) const = 0;

  // Whether several frames cost less together than one after the other.
  virtual bool gains_by_batches() const { return false; }
  // Decouple() of every frame, none of which was decoupled, and their logits, in one pass. Called
  // only where that gains.
  virtual std::vector<std::vector<float>> DecoupleAndClassify(
      const std::vector<BackendFrame*>& frames) const;
};

}  // namespace hepar
