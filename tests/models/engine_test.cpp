// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Uses only the public interface of the engine, without LibTorch headers, as the elements do.
#include "models/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/device.h"
#include "models/error.h"
#include "models/log.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/tiny_model.h"

namespace hepar {
namespace {

using ::testing::HasSubstr;

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = ::testing::TempDir() + "hepar_engine";
    std::filesystem::create_directories(dir_);
    path_ = hepar::testing::WriteTinyModel(dir_);
    // The CPU engine has no kernel for these planes, so LibTorch runs it.
    torch_path_ = hepar::testing::WriteTinyModel(dir_, "torch.hepar", 1, [](ModelSpec* spec) {
      spec->architecture.planes = ColorPlanes::kLabL;
    });
    SetIntraOpThreads(1);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir_); }

  static std::shared_ptr<const Engine> Open(const std::string& path,
                                            Precision precision = Precision::kFp32) {
    EngineConfig config;
    config.model = path;
    config.device = "cpu";
    config.precision = precision;
    return Engine::Open(config);
  }

  // A picture with some texture, the same for equal seeds.
  static PreparedImage Picture(int seed) {
    PreparedImage image;
    image.pixels.create(64, 64, CV_32FC1);
    cv::RNG rng(static_cast<std::uint64_t>(seed));
    rng.fill(image.pixels, cv::RNG::UNIFORM, 0.0, 1.0);
    image.bounds = cv::Rect(3, 4, 60, 50);
    image.frame_width = 80;
    image.frame_height = 70;
    return image;
  }

  static std::string dir_, path_;
  static std::string torch_path_;  // Of a model that LibTorch runs.
};
std::string EngineTest::dir_, EngineTest::path_, EngineTest::torch_path_;

constexpr Precision kPrecisionsOfCpu[] = {Precision::kFp32, Precision::kBf16};

TEST_F(EngineTest, ClassifiesToProbabilities) {
  const auto frame = Open(path_)->Prepare(Picture(1));
  EXPECT_FALSE(frame->decoupled());
  const Severity& severity = frame->Classify();
  EXPECT_TRUE(frame->decoupled());
  EXPECT_TRUE(frame->classified());
  ASSERT_EQ(severity.probabilities.size(), 4u);
  EXPECT_NEAR(std::accumulate(severity.probabilities.begin(), severity.probabilities.end(), 0.0),
              1.0, 1e-5);
  EXPECT_FLOAT_EQ(severity.confidence, severity.probabilities[severity.grade]);
  EXPECT_GE(severity.trust, 0.f);
  EXPECT_LE(severity.trust, 1.f);
  EXPECT_GT(severity.inference_ms, 0.0);
}

TEST_F(EngineTest, TheTemperatureDividesTheLogits) {
  constexpr double kTemperature = 4.0;
  const std::string path = hepar::testing::WriteTinyModel(
      dir_, "warm.hepar", 1, [](ModelSpec* spec) { spec->temperature = kTemperature; });
  const auto frame = Open(path)->Prepare(Picture(1));
  const Severity& severity = frame->Classify();
  EXPECT_EQ(severity.logits, Open(path_)->Prepare(Picture(1))->Classify().logits);
  double total = 0.0;
  for (const float logit : severity.logits) total += std::exp(logit / kTemperature);
  for (std::size_t k = 0; k < severity.logits.size(); ++k) {
    EXPECT_NEAR(severity.probabilities[k], std::exp(severity.logits[k] / kTemperature) / total,
                1e-6);
  }
}

TEST_F(EngineTest, DecouplingFirstChangesNothing) {
  const auto engine = Open(path_);
  const auto staged = engine->Prepare(Picture(2));
  staged->Decouple();
  EXPECT_FALSE(staged->classified());
  EXPECT_EQ(staged->Classify().logits, engine->Prepare(Picture(2))->Classify().logits);
}

TEST_F(EngineTest, DifferentPicturesGiveDifferentLogits) {
  const auto engine = Open(path_);
  EXPECT_NE(engine->Prepare(Picture(1))->Classify().logits,
            engine->Prepare(Picture(2))->Classify().logits);
}

TEST_F(EngineTest, HandleRemembersWhereThePictureWas) {
  const auto frame = Open(path_)->Prepare(Picture(1));
  EXPECT_EQ(frame->bounds(), cv::Rect(3, 4, 60, 50));
  EXPECT_EQ(frame->frame_width(), 80);
  EXPECT_EQ(frame->frame_height(), 70);
}

TEST_F(EngineTest, ViewsHaveTheInputSizeAndDiffer) {
  const auto frame = Open(path_)->Prepare(Picture(1));
  const GrayPicture specific = frame->View(FeatureView::kSpecific);
  const GrayPicture common = frame->View(FeatureView::kCommon);
  EXPECT_EQ(specific.size, 64);
  EXPECT_EQ(specific.pixels.size(), 64u * 64u);
  EXPECT_NE(specific.pixels, common.pixels);
  EXPECT_GT(frame->ReconstructionError(), 0.0);
}

TEST_F(EngineTest, WithoutADecouplerItsViewsAreRefusedAndTheGradeStays) {
  const auto unsupported = [](const auto& ask, const char* what) {
    try {
      ask();
      ADD_FAILURE() << "not refused: " << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr(what));
    }
  };
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const DecouplerSet set :
         {DecouplerSet::kSpecific, DecouplerSet::kCommon, DecouplerSet::kNone}) {
      SCOPED_TRACE(ToString(set) + " " + ToString(precision));
      const auto path = hepar::testing::WriteTinyModel(
          dir_, ToString(set) + ".hepar", 1,
          [set](ModelSpec* spec) { spec->architecture.decouplers = set; });
      const auto frame = Open(path, precision)->Prepare(Picture(1));
      EXPECT_EQ(frame->Classify().probabilities.size(), 4u);
      EXPECT_EQ(frame->Planes().size(), 64u * 64u);
      if (HasSpecific(set)) {
        EXPECT_EQ(frame->View(FeatureView::kSpecific).size, 64);
      } else {
        unsupported([&] { frame->View(FeatureView::kSpecific); }, "specific");
      }
      if (HasCommon(set)) {
        EXPECT_EQ(frame->View(FeatureView::kReconstruction).size, 64);
        EXPECT_GT(frame->ReconstructionError(), 0.0);
      } else {
        unsupported([&] { frame->View(FeatureView::kCommon); }, "common");
        unsupported([&] { frame->ReconstructionError(); }, "common");
      }
    }
  }
}

TEST_F(EngineTest, PlanesAreThePictureItself) {
  const PreparedImage picture = Picture(5);
  const auto planes = Open(path_)->Prepare(picture)->Planes();
  ASSERT_EQ(planes.size(), 64u * 64u);
  EXPECT_EQ(planes[0], picture.pixels.at<float>(0, 0));
  EXPECT_EQ(planes[64 * 64 - 1], picture.pixels.at<float>(63, 63));
}

TEST_F(EngineTest, EqualContentIsOneEngineWhateverThePath) {
  const std::string copy = dir_ + "/copy.hepar";
  std::filesystem::copy_file(path_, copy, std::filesystem::copy_options::overwrite_existing);
  const auto engine = Open(path_);
  EXPECT_EQ(engine, Open(copy));
  EXPECT_NE(engine, Open(hepar::testing::WriteTinyModel(dir_, "second.hepar", 2)));
}

TEST_F(EngineTest, EngineIsReleasedWithItsLastUser) {
  std::weak_ptr<const Engine> weak;
  {
    const auto frame = Open(path_)->Prepare(Picture(1));
    weak = Open(path_);
    EXPECT_FALSE(weak.expired());
    frame->Classify();
  }
  EXPECT_TRUE(weak.expired());
}

TEST_F(EngineTest, ThreadsMayShareAnEngineAndAFrame) {
  const auto engine = Open(path_);
  const auto expected = engine->Prepare(Picture(3))->Classify().logits;
  const auto shared = engine->Prepare(Picture(3));
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> own(4), common(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      common[i] = shared->Classify().logits;
      own[i] = engine->Prepare(Picture(3))->Classify().logits;
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(common[i], expected);
    EXPECT_EQ(own[i], expected);
  }
}

TEST_F(EngineTest, Bf16IsCloseToFp32) {
  const auto half = Open(path_, Precision::kBf16)->Prepare(Picture(1))->Classify();
  const auto full = Open(path_)->Prepare(Picture(1))->Classify();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(half.probabilities[i], full.probabilities[i], 0.05);
  }
}

TEST_F(EngineTest, Fp16OnTheCpuIsRefusedWithTheMend) {
  EngineConfig config;
  config.model = path_;
  config.device = "cpu";
  config.precision = Precision::kFp16;
  try {
    Engine::Open(config);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("fp32"));
  }
}

// A domain model with different scores for pictures of noise.
void SetDomain(ModelSpec* spec) {
  DomainModel domain = hepar::testing::FlatDomain();
  domain.mean.assign(kDescriptorSize, -1.0);
  domain.scale.assign(kDescriptorSize, 2.0);
  domain.factor[1] = 0.5;
  spec->domain = domain;
  spec->out_of_domain_above = 1.5;
}

TEST_F(EngineTest, TheDomainScoreIsThatOfTrainingOnEveryBackend) {
  const std::string path = hepar::testing::WriteTinyModel(dir_, "domain.hepar", 1, SetDomain);
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const auto engine = Open(path, precision);
    for (int seed = 1; seed < 4; ++seed) {
      const auto frame = engine->Prepare(Picture(seed));
      const double expected = engine->spec().domain->Score(DescribePicture(Picture(seed).pixels));
      EXPECT_EQ(frame->domain_score(), expected);
      EXPECT_EQ(frame->Classify().domain_score, expected);
      EXPECT_GT(expected, 0.0);
    }
  }
}

TEST_F(EngineTest, FramesTogetherHaveTheirOwnDomainScores) {
  const auto engine = Open(hepar::testing::WriteTinyModel(dir_, "domain.hepar", 1, SetDomain));
  const auto first = engine->Prepare(Picture(1)), second = engine->Prepare(Picture(2));
  engine->ClassifyTogether({first.get(), second.get()});
  EXPECT_EQ(first->Classify().domain_score, first->domain_score());
  EXPECT_NE(first->domain_score(), second->domain_score());
}

TEST_F(EngineTest, AnUnfamiliarPictureIsAnsweredWithTheDoubtThatItDeserves) {
  const auto with = [&](const std::string& name, double limit, double full) {
    return Open(hepar::testing::WriteTinyModel(dir_, name, 1, [&](ModelSpec* spec) {
      SetDomain(spec);
      Familiarity familiarity{spec->domain->factor, limit, full, 0.25};
      familiarity.factor[2] = 2.0;  // Another distance than the domain's.
      spec->familiarity = familiarity;
    }));
  };
  const Severity plain = Open(path_)->Prepare(Picture(1))->Classify();
  const auto familiar = with("familiar.hepar", 1e3, 2e3)->Prepare(Picture(1));
  EXPECT_EQ(familiar->Classify().probabilities, plain.probabilities);
  EXPECT_NE(familiar->familiarity_score(), familiar->domain_score());
  EXPECT_EQ(familiar->Classify().familiarity_score, familiar->familiarity_score());

  const Severity unfamiliar = with("other.hepar", 1e-3, 2e-3)->Prepare(Picture(1))->Classify();
  EXPECT_EQ(unfamiliar.logits, plain.logits);
  EXPECT_EQ(unfamiliar.grade, plain.grade);
  for (std::size_t k = 0; k < plain.probabilities.size(); ++k) {
    EXPECT_NEAR(unfamiliar.probabilities[k], 0.25 * plain.probabilities[k] + 0.75 / 4, 1e-6);
  }
  EXPECT_FLOAT_EQ(unfamiliar.confidence, unfamiliar.probabilities[unfamiliar.grade]);
  EXPECT_LT(unfamiliar.trust, plain.trust);
}

TEST_F(EngineTest, AModelWithoutDomainGivesNoScore) {
  const auto frame = Open(path_)->Prepare(Picture(1));
  EXPECT_FALSE(frame->domain_score().has_value());
  EXPECT_FALSE(frame->Classify().domain_score.has_value());
  EXPECT_FALSE(frame->Classify().familiarity_score.has_value());
}

TEST_F(EngineTest, WrongPictureSizeFailsWithOneLine) {
  PreparedImage small = Picture(1);
  small.pixels = cv::Mat::zeros(2, 2, CV_32FC1);
  for (const Precision precision : kPrecisionsOfCpu) {
    try {
      Open(path_, precision)->Prepare(small);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("64x64"));
    }
  }
}

TEST_F(EngineTest, FramesTogetherAreWhatTheyAreAlone) {
  const auto engine = Open(path_);
  std::vector<std::shared_ptr<FrameInference>> frames;
  std::vector<FrameInference*> together;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(engine->Prepare(Picture(i)));
    together.push_back(frames.back().get());
  }
  frames[1]->Decouple();
  for (const auto& error : engine->ClassifyTogether(together)) EXPECT_FALSE(error.has_value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(frames[i]->classified());
    EXPECT_EQ(frames[i]->Classify().logits, engine->Prepare(Picture(i))->Classify().logits);
  }
}

TEST_F(EngineTest, OneBadFrameOfSeveralFailsAlone) {
  const auto engine = Open(torch_path_);  // LibTorch hands on what is no number.
  PreparedImage bad = Picture(1);
  bad.pixels.at<float>(20, 20) = std::numeric_limits<float>::quiet_NaN();
  const auto good = engine->Prepare(Picture(1)), broken = engine->Prepare(bad);
  const auto errors = engine->ClassifyTogether({broken.get(), good.get()});
  ASSERT_EQ(errors.size(), 2u);
  ASSERT_TRUE(errors[0].has_value());
  EXPECT_EQ(errors[0]->kind(), ErrorKind::kFailed);
  EXPECT_FALSE(errors[1].has_value());
}

TEST_F(EngineTest, SaysWhatComputes) {
  EXPECT_THAT(Open(path_)->backend(), ::testing::StartsWith("cpu "));
  EXPECT_EQ(Open(path_, Precision::kBf16)->backend(),
            cpu::Bf16Kernels() ? "cpu avx512 bf16" : "libtorch");
  EXPECT_EQ(Open(torch_path_)->backend(), "libtorch");
}

TEST_F(EngineTest, LogsWhichBackendRunsAndWhy) {
  std::vector<std::pair<LogLevel, std::string>> log;
  SetLogSink([&](LogLevel level, const std::string& message) { log.emplace_back(level, message); },
             LogLevel::kInfo);
  Open(path_);
  Open(torch_path_);
  SetLogSink({});
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].first, LogLevel::kInfo);
  EXPECT_THAT(log[0].second, HasSubstr("\"tiny\" (cpu, fp32) runs on the CPU engine, kernels"));
  EXPECT_EQ(log[1].first, LogLevel::kWarning);
  EXPECT_THAT(log[1].second, HasSubstr("runs on LibTorch"));
  EXPECT_THAT(log[1].second, HasSubstr("no kernel for this selection of planes"));
}

TEST_F(EngineTest, ASteadyFrameTakesNoMemoryForMaps) {
  const auto path = hepar::testing::WriteTinyModel(dir_, "domain.hepar", 1, SetDomain);
  for (const Precision precision : kPrecisionsOfCpu) {
    const auto engine = Open(path, precision);
    if (engine->backend() == "libtorch") continue;
    SCOPED_TRACE(engine->backend());
    const auto one_frame = [&engine](const PreparedImage& picture) {
      const auto frame = engine->Prepare(picture);
      frame->Decouple();
      frame->Classify();
    };
    const PreparedImage picture = Picture(1);
    one_frame(picture);
    // A map of one channel of this model's input is 16 KiB.
    const hepar::testing::LargeAllocations allocations(4 * 1024);
    for (int i = 0; i < 3; ++i) one_frame(picture);
    EXPECT_EQ(allocations.count(), 0);
  }
}

TEST_F(EngineTest, TheCounterSeesWhatLibTorchTakes) {
  const auto engine = Open(torch_path_);
  const PreparedImage picture = Picture(1);
  engine->Prepare(picture)->Classify();
  const hepar::testing::LargeAllocations allocations(4 * 1024);
  engine->Prepare(picture)->Classify();
  EXPECT_GT(allocations.count(), 100);
}

// Later frames do not overwrite a frame that is kept alive, for instance by a buffer.
TEST_F(EngineTest, FramesThatAreHeldKeepTheirResults) {
  const auto engine = Open(path_);
  const auto held = engine->Prepare(Picture(1));
  held->Classify();
  const GrayPicture before = held->View(FeatureView::kReconstruction);
  for (int i = 2; i < 6; ++i) engine->Prepare(Picture(i))->Classify();
  EXPECT_EQ(held->View(FeatureView::kReconstruction).pixels, before.pixels);
}

TEST(DeviceTest, ADeviceIsProvedByAComputation) {
  EXPECT_EQ(WhyUnusable("cpu"), "");
  // Its tensors have no values.
  EXPECT_NE(WhyUnusable("meta"), "");
  EXPECT_NE(WhyUnusable("no device"), "");
}

TEST(DeviceTest, NamesResolveOrExplain) {
  EXPECT_EQ(ResolveDevice("cpu"), "cpu");
  EXPECT_THAT(ResolveDevice("auto"), ::testing::AnyOf("cpu", "cuda:0"));
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "", "cpu:0"}) {
    SCOPED_TRACE(name);
    EXPECT_THROW(ResolveDevice(name), Error);
  }
  try {
    ResolveDevice("cuda:99");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  }
}

TEST(PrecisionTest, NamesRoundTrip) {
  for (Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kFp16}) {
    EXPECT_EQ(ParsePrecision(ToString(precision)), precision);
  }
  EXPECT_THROW(ParsePrecision("int4"), Error);
}

}  // namespace
}  // namespace hepar
