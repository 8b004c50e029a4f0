// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/view_source.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/elements/element_test.h"

namespace hepar {
namespace {

std::shared_ptr<FrameInference> Frame() {
  static const std::shared_ptr<const Engine> engine = [] {
    EngineConfig config;
    config.model = testing::TinyModel();
    config.device = "cpu";
    return Engine::Open(config);
  }();
  const int size = engine->spec().preprocess.size;
  PreparedImage image;
  image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(0.5));
  image.bounds = {20, 10, 60, 40};
  image.frame_width = 100;
  image.frame_height = 50;
  return engine->Prepare(image);
}

TEST(ViewSourceTest, ShowsAFrameOnlyWhenItWasDecoupled) {
  ViewSource source;
  const auto frame = Frame();
  EXPECT_FALSE(source.Update(0.0, frame, ViewChoice::kAll));
  EXPECT_EQ(source.current(), nullptr);
  frame->Decouple();  // On another thread, while the stream goes on.
  EXPECT_TRUE(source.Update(0.5, nullptr, ViewChoice::kAll));
  EXPECT_EQ(source.current(), frame.get());
  EXPECT_FALSE(source.Update(0.6, frame, ViewChoice::kAll)) << "the same frame";
}

TEST(ViewSourceTest, PrefersTheNewestFrame) {
  ViewSource source;
  const auto first = Frame(), second = Frame(), third = Frame();
  source.Update(0.0, first, ViewChoice::kAll);
  source.Update(0.1, second, ViewChoice::kAll);
  first->Decouple();
  second->Decouple();
  EXPECT_TRUE(source.Update(0.2, third, ViewChoice::kAll));
  EXPECT_EQ(source.current(), second.get());
}

TEST(ViewSourceTest, ForgetsAFrameAfterASecond) {
  ViewSource source;
  const auto frame = Frame();
  frame->Decouple();
  source.Update(10.0, frame, ViewChoice::kAll);
  source.Update(11.0, nullptr, ViewChoice::kAll);
  EXPECT_EQ(source.current(), frame.get());
  source.Update(11.1, nullptr, ViewChoice::kAll);
  EXPECT_EQ(source.current(), nullptr);
}

TEST(ViewSourceTest, HoldsNoMoreFramesThanItWatches) {
  ViewSource source;
  std::vector<std::weak_ptr<FrameInference>> frames;
  for (int i = 0; i < 100; ++i) {
    auto frame = Frame();
    frames.push_back(frame);
    source.Update(0.001 * i, std::move(frame), ViewChoice::kAll);
  }
  int held = 0;
  for (const auto& frame : frames) held += !frame.expired();
  EXPECT_EQ(held, 32);
  source.Clear();
  for (const auto& frame : frames) EXPECT_TRUE(frame.expired());
}

TEST(ViewSourceTest, TakesTheViewsThatAreAskedFor) {
  const auto frame = Frame();
  frame->Decouple();
  const auto captions = [&](ViewChoice choice) {
    std::vector<std::string> captions;
    for (const OverlayView& view : TakeViews(frame.get(), choice)) captions.push_back(view.caption);
    return captions;
  };
  EXPECT_EQ(captions(ViewChoice::kSpecific), (std::vector<std::string>{"Specific"}));
  EXPECT_EQ(captions(ViewChoice::kOverCommon), (std::vector<std::string>{"Common"}));
  EXPECT_EQ(captions(ViewChoice::kAll),
            (std::vector<std::string>{"Specific", "Common", "Reconstruction"}));
  EXPECT_TRUE(captions(ViewChoice::kNone).empty());
}

TEST(ViewSourceTest, ShowsASaliencyMapOnlyWhenItIsThere) {
  ViewSource source;
  const auto frame = Frame();
  frame->Classify();
  EXPECT_FALSE(source.Update(0.0, frame, ViewChoice::kSaliency));
  frame->Saliency();  // On another thread, while the stream goes on.
  EXPECT_TRUE(source.Update(0.1, nullptr, ViewChoice::kSaliency));
  ASSERT_EQ(source.current(), frame.get());
  const auto views = TakeViews(frame.get(), ViewChoice::kSaliency);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].caption,
            "Saliency: " + frame->engine().spec().class_names[frame->Classify().grade]);
  EXPECT_EQ(views[0].pixels, HeatOf(frame->Saliency()));
}

TEST(ViewSourceTest, AnotherChoiceDoesNotShowAFrameThatLacksIt) {
  ViewSource source;
  const auto frame = Frame();
  frame->Decouple();
  EXPECT_TRUE(source.Update(0.0, frame, ViewChoice::kCommon));
  EXPECT_FALSE(source.Update(0.1, frame, ViewChoice::kSaliency));
  EXPECT_EQ(source.current(), nullptr);
}

TEST(ViewSourceTest, BoundsFollowAFrameThatWasScaled) {
  EXPECT_EQ(ScaledBounds(*Frame(), {0, 0, 100, 50}), (OverlayRect{20, 10, 60, 40}));
  EXPECT_EQ(ScaledBounds(*Frame(), {0, 0, 200, 25}), (OverlayRect{40, 5, 120, 20}));
}

}  // namespace
}  // namespace hepar
