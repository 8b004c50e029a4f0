// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/batch_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <limits>
#include <vector>

#include "tests/support/tiny_model.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;

// A frame whose completion blocks the runner's thread until Open() is called.
class Gate {
 public:
  void Open() { opened_.set_value(); }
  BatchRunner::Done Held() {
    return [this](const std::optional<Error>&) {
      arrived_.set_value();
      open_.wait();
    };
  }
  // Returns when the thread is blocked.
  void Await() { arrived_.get_future().wait(); }

 private:
  std::promise<void> opened_, arrived_;
  std::shared_future<void> open_ = opened_.get_future().share();
};

class BatchRunnerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    EngineConfig config;
    config.model = hepar::testing::WriteTinyModel(::testing::TempDir(), "batch_runner.hepar");
    config.device = "cpu";
    engine_ = new std::shared_ptr<const Engine>(Engine::Open(config));
  }
  static void TearDownTestSuite() {
    delete engine_;
    engine_ = nullptr;
  }

  static const std::shared_ptr<const Engine>& engine() { return *engine_; }

  static std::shared_ptr<FrameInference> Frame(float level = 0.5f) {
    const int size = engine()->spec().preprocess.size;
    PreparedImage image;
    image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(level));
    image.bounds = {0, 0, size, size};
    image.frame_width = image.frame_height = size;
    return engine()->Prepare(image);
  }

  static std::shared_ptr<BatchRunner> Runner(int max_batch = 1, int threads = 1) {
    BatchOptions options;
    options.max_batch = max_batch;
    options.threads = threads;
    return std::make_shared<BatchRunner>(engine(), options);
  }

 private:
  static std::shared_ptr<const Engine>* engine_;
};
std::shared_ptr<const Engine>* BatchRunnerTest::engine_ = nullptr;

TEST_F(BatchRunnerTest, ClassifiesWhatIsHandedIn) {
  const auto runner = Runner();
  runner->AwaitWarm();
  BatchRunner::Stream stream(runner);
  const auto frame = Frame(0.3f);
  std::optional<bool> failed;
  EXPECT_FALSE(stream.Submit(frame, [&failed](const auto& error) { failed = error.has_value(); }));
  stream.Drain();
  EXPECT_EQ(failed, false);
  EXPECT_TRUE(frame->classified());
  EXPECT_EQ(frame->Classify().logits, Frame(0.3f)->Classify().logits);
}

TEST_F(BatchRunnerTest, ANewerFrameTakesThePlaceOfTheOneThatWaits) {
  BatchRunner::Stream stream(Runner());
  Gate gate;
  stream.Submit(Frame(), gate.Held());
  gate.Await();

  std::vector<int> done;
  const auto note = [&done](int number) {
    return [&done, number](const std::optional<Error>&) { done.push_back(number); };
  };
  EXPECT_FALSE(stream.Submit(Frame(), note(1)));
  EXPECT_TRUE(stream.Submit(Frame(), note(2)));
  EXPECT_TRUE(stream.Submit(Frame(), note(3)));
  EXPECT_FALSE(stream.idle());
  gate.Open();
  stream.Drain();
  EXPECT_TRUE(stream.idle());
  EXPECT_THAT(done, ElementsAre(3));
}

TEST_F(BatchRunnerTest, DropsWhatWaitsAndNothingElse) {
  BatchRunner::Stream stream(Runner());
  EXPECT_FALSE(stream.Drop());
  Gate gate;
  const auto running = Frame();
  stream.Submit(running, gate.Held());
  gate.Await();
  const auto waiting = Frame();
  stream.Submit(waiting, [](const auto&) { FAIL() << "was dropped"; });
  EXPECT_TRUE(stream.Drop());
  gate.Open();
  stream.Drain();
  EXPECT_TRUE(running->classified());
  EXPECT_FALSE(waiting->classified());
}

TEST_F(BatchRunnerTest, ServesStreamsInTheOrderOfTheirFrames) {
  const auto runner = Runner(4);
  BatchRunner::Stream first(runner), second(runner), third(runner);
  Gate gate;
  first.Submit(Frame(), gate.Held());
  gate.Await();

  std::vector<int> done;
  const auto note = [&done](int number) {
    return [&done, number](const std::optional<Error>&) { done.push_back(number); };
  };
  second.Submit(Frame(), note(2));
  third.Submit(Frame(), note(3));
  first.Submit(Frame(), note(1));
  second.Submit(Frame(), note(22));  // Newer, but in the place of the one before.
  gate.Open();
  for (auto* stream : {&first, &second, &third}) stream->Drain();
  EXPECT_THAT(done, ElementsAre(22, 3, 1));
}

TEST_F(BatchRunnerTest, SeveralThreadsRunSeveralStreamsAtATime) {
  const auto runner = Runner(2, 2);
  Gate one, two;  // Outlive the streams, which wait for what runs.
  BatchRunner::Stream first(runner), second(runner);
  first.Submit(Frame(), one.Held());
  second.Submit(Frame(), two.Held());
  // Both are blocked at the same time, which takes two threads.
  one.Await();
  two.Await();
  one.Open();
  two.Open();
}

TEST_F(BatchRunnerTest, EqualOptionsShareOneRunnerForAsLongAsSomebodyHoldsIt) {
  BatchOptions options;
  options.max_batch = 3;
  auto runner = BatchRunner::Shared(engine(), options);
  EXPECT_EQ(BatchRunner::Shared(engine(), options), runner);
  options.threads = 2;
  EXPECT_NE(BatchRunner::Shared(engine(), options), runner);

  const std::weak_ptr<BatchRunner> observer = runner;
  runner.reset();
  EXPECT_TRUE(observer.expired());
}

TEST_F(BatchRunnerTest, AFrameThatFailsTellsItsStreamAndNoOther) {
  // NaN propagates through LibTorch, which runs a model with these planes.
  EngineConfig config;
  config.model = hepar::testing::WriteTinyModel(
      ::testing::TempDir(), "batch_runner_torch.hepar", 1,
      [](ModelSpec* spec) { spec->architecture.planes = ColorPlanes::kLabL; });
  config.device = "cpu";
  const auto torch = Engine::Open(config);
  const auto prepare = [&torch](float level) {
    const int size = torch->spec().preprocess.size;
    PreparedImage image;
    image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(level));
    return torch->Prepare(image);
  };
  BatchOptions options;
  options.max_batch = 2;
  const auto runner = std::make_shared<BatchRunner>(torch, options);
  BatchRunner::Stream good(runner), bad(runner);
  std::atomic<int> failed{0}, fine{0};
  const auto count = [&](const std::optional<Error>& error) { ++(error ? failed : fine); };
  bad.Submit(prepare(std::numeric_limits<float>::quiet_NaN()), count);
  good.Submit(prepare(0.5f), count);
  bad.Drain();
  good.Drain();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(fine, 1);
}

TEST_F(BatchRunnerTest, RefusesOptionsThatAreNotPositive) {
  BatchOptions options;
  options.threads = 0;
  EXPECT_THROW(BatchRunner(engine(), options), Error);
  options = BatchOptions();
  options.max_batch = 0;
  EXPECT_THROW(BatchRunner(engine(), options), Error);
  options = BatchOptions();
  options.deadline = std::chrono::microseconds(0);
  EXPECT_THROW(BatchRunner(engine(), options), Error);
}

}  // namespace
}  // namespace hepar
