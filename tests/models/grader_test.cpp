// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/grading/grader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/tiny_model.h"

namespace hepar {
namespace {

class GraderTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const Engine> Open(unsigned seed) {
    EngineConfig config;
    config.model = testing::WriteTinyModel(::testing::TempDir(),
                                           "grader" + std::to_string(seed) + ".hepar", seed);
    config.device = "cpu";
    return Engine::Open(config);
  }
  static void SetUpTestSuite() {
    first_ = new std::shared_ptr<const Engine>(Open(1));
    second_ = new std::shared_ptr<const Engine>(Open(2));
  }
  static void TearDownTestSuite() {
    delete first_;
    delete second_;
  }

  static GradedFrame Frame(const Grader& grader, std::uint64_t number,
                           const std::shared_ptr<const Engine>& engine = *first_) {
    const int size = engine->spec().preprocess.size;
    PreparedImage image;
    image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(0.1 * static_cast<double>(number % 9)));
    image.bounds = {0, 0, size, size};
    image.frame_width = image.frame_height = size;
    GradedFrame frame;
    frame.inference = engine->Prepare(image);
    frame.number = number;
    frame.generation = grader.generation();
    return frame;
  }

  static BatchOptions Batch(int most) {
    BatchOptions batch;
    batch.max_batch = most;
    return batch;
  }

  static const std::shared_ptr<const Engine>& second() { return *second_; }

 private:
  static std::shared_ptr<const Engine>* first_;
  static std::shared_ptr<const Engine>* second_;
};
std::shared_ptr<const Engine>* GraderTest::first_ = nullptr;
std::shared_ptr<const Engine>* GraderTest::second_ = nullptr;

TEST_F(GraderTest, GradesOnTheCallersThreadOrTogetherWithOthersAlike) {
  std::vector<float> expected;
  for (const int most : {1, 2}) {
    Grader grader;
    grader.Start(Batch(most));
    EXPECT_EQ(grader.grades_alone(), most == 1);
    GradedFrame frame = Frame(grader, 3);
    ASSERT_TRUE(grader.GradeNow(&frame));
    EXPECT_TRUE(frame.inference->classified());
    const auto& probabilities = frame.inference->Classify().probabilities;
    if (most == 1) expected = probabilities;
    EXPECT_EQ(probabilities, expected);
    EXPECT_EQ(grader.dropped(), 0u);
  }
}

TEST_F(GraderTest, ComputesSaliencyMapsWhereTheyAreWanted) {
  for (const int most : {1, 2}) {
    for (const bool wanted : {false, true}) {
      Grader grader;
      grader.Start(Batch(most));
      GradedFrame now = Frame(grader, 3), later = Frame(grader, 4);
      now.wants_saliency = later.wants_saliency = wanted;
      const auto inference = later.inference;
      ASSERT_TRUE(grader.GradeNow(&now));
      EXPECT_EQ(now.inference->explained(), wanted);
      grader.Submit(std::move(later));
      grader.Drain();
      EXPECT_EQ(grader.TakeFinished().size(), 1u);
      EXPECT_EQ(inference->explained(), wanted);
      EXPECT_FALSE(grader.TakeSaliencyError());
    }
  }
}

TEST_F(GraderTest, AMapThatFailsIsToldAndTheGradeCounts) {
  EngineConfig config;
  config.model = testing::WriteCodeModel(::testing::TempDir(), "grader-code.hepar");
  config.device = "cpu";
  config.permission.allow_code = true;
  const auto engine = Engine::Open(config);
  Grader grader;
  grader.Start(Batch(1));
  GradedFrame now = Frame(grader, 1, engine), later = Frame(grader, 2, engine);
  now.wants_saliency = later.wants_saliency = true;
  EXPECT_TRUE(grader.GradeNow(&now));
  const auto error = grader.TakeSaliencyError();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::kUnsupported);
  EXPECT_FALSE(grader.TakeSaliencyError());
  grader.Submit(std::move(later));
  grader.Drain();
  EXPECT_EQ(grader.TakeFinished().size(), 1u);
  EXPECT_TRUE(grader.TakeSaliencyError());
}

TEST_F(GraderTest, EachFrameHandedInIsFinishedOrDropped) {
  constexpr std::uint64_t kFrames = 100;
  Grader grader;
  grader.Start(BatchOptions());
  std::uint64_t finished = 0;
  std::uint64_t last = 0;
  for (std::uint64_t i = 1; i <= kFrames; ++i) {
    grader.Submit(Frame(grader, i));
    for (const GradedFrame& frame : grader.TakeFinished()) {
      EXPECT_GT(frame.number, last) << "in the order of the stream";
      EXPECT_TRUE(frame.inference->classified());
      last = frame.number;
      ++finished;
    }
  }
  grader.Drain();
  for (const GradedFrame& frame : grader.TakeFinished()) {
    last = frame.number;
    ++finished;
  }
  EXPECT_EQ(last, kFrames) << "the newest frame is always graded";
  EXPECT_EQ(finished + grader.dropped(), kFrames);
}

TEST_F(GraderTest, ResultsOfBeforeADropAreNotGivenOut) {
  Grader grader;
  grader.Start(BatchOptions());
  for (std::uint64_t i = 1; i <= 3; ++i) grader.Submit(Frame(grader, i));
  grader.DropInFlight();
  grader.Submit(Frame(grader, 4));
  grader.Drain();
  const std::vector<GradedFrame> finished = grader.TakeFinished();
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_EQ(finished[0].number, 4u);
  EXPECT_EQ(grader.dropped(), 3u);

  // Nor is one that was finished by then.
  grader.Submit(Frame(grader, 5));
  grader.Drain();
  grader.DropInFlight();
  EXPECT_TRUE(grader.TakeFinished().empty());
  EXPECT_EQ(grader.dropped(), 4u);
}

TEST_F(GraderTest, AFrameThatCameBeforeADropGetsNoResult) {
  for (const int most : {1, 2}) {
    Grader grader;
    grader.Start(Batch(most));
    GradedFrame frame = Frame(grader, 1);
    grader.DropInFlight();
    EXPECT_FALSE(grader.GradeNow(&frame));
    EXPECT_EQ(grader.dropped(), 1u);
  }
}

TEST_F(GraderTest, AnotherThreadMayDropAtAnyTime) {
  constexpr std::uint64_t kFrames = 200;
  for (const int most : {1, 2}) {
    Grader grader;
    grader.Start(Batch(most));
    std::atomic<bool> done{false};
    std::thread flush([&] {
      while (!done) {
        grader.DropInFlight();
        std::this_thread::yield();
      }
    });
    std::uint64_t graded = 0;
    for (std::uint64_t i = 1; i <= kFrames; ++i) {
      GradedFrame frame = Frame(grader, i);
      graded += grader.GradeNow(&frame);
    }
    done = true;
    flush.join();
    EXPECT_EQ(graded + grader.dropped(), kFrames) << most;
  }
}

TEST_F(GraderTest, FramesOfAnotherEngineDoNotWaitForTheFirst) {
  Grader grader;
  grader.Start(BatchOptions());
  grader.WarmUp(*second());
  grader.Submit(Frame(grader, 1));
  grader.Submit(Frame(grader, 2, second()));
  grader.Drain();
  std::vector<GradedFrame> finished = grader.TakeFinished();
  ASSERT_EQ(finished.size(), 2u) << "Drain() waits for both";
  for (const GradedFrame& frame : finished) {
    EXPECT_EQ(&frame.inference->engine() == second().get(), frame.number == 2);
  }
}

TEST_F(GraderTest, StartsAndStopsAgain) {
  Grader grader;
  for (int run = 0; run < 3; ++run) {
    grader.Start(BatchOptions());
    EXPECT_EQ(grader.dropped(), 0u);
    grader.Submit(Frame(grader, 1));
    grader.Submit(Frame(grader, 2));
    grader.Stop();
    EXPECT_TRUE(grader.TakeFinished().empty());
  }
}

}  // namespace
}  // namespace hepar
