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

  // To be called before Decouple() where PictureGradient() will be: the backend then keeps what
  // that needs, where it can, instead of computing it again. Results stay the same.
  virtual void KeepForGradient() {}

  virtual void Decouple() = 0;
  virtual std::vector<float> Classify() = 0;  // Returns the logits.

  // The derivative of the sum of `by_logits` times the logits by each number of the picture:
  // channels x size x size. For one thread at a time, after Classify(); other threads may call the
  // const members meanwhile. Throws Error(kUnsupported), with the cause, where it has no gradient.
  virtual std::vector<float> PictureGradient(const std::vector<float>& by_logits) = 0;

  // As in FrameInference. Only called for views that the model's decouplers produce.
  virtual GrayPicture View(FeatureView view) const = 0;
  virtual double ReconstructionError() const = 0;
  virtual std::vector<float> Planes() const = 0;
};

// Throws Error(kMismatch) unless `picture` is `side` x `side` pixels.
void CheckPictureSize(const cv::Mat& picture, int side);

// Runs a model for the engine. Thread-safe. Throws Error or LibTorch's exceptions, which the engine
// converts.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;        // For Engine::backend().
  virtual bool lost() const { return false; }  // For Engine::device_lost().
  // Copies a float picture of 1 or 3 channels. Throws Error(kMismatch) for a size other than the
  // model's input. The frame must not outlive the backend.
  virtual std::unique_ptr<BackendFrame> Prepare(const cv::Mat& picture) const = 0;

  // Whether several frames are faster together than one by one.
  virtual bool gains_by_batches() const { return false; }
  // Decouples all frames, none of which has been decoupled, and returns their logits, in one pass.
  // Only called where gains_by_batches().
  virtual std::vector<std::vector<float>> DecoupleAndClassify(
      const std::vector<BackendFrame*>& frames) const;
};

}  // namespace hepar
