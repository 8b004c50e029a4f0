// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/recorded_split.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/training/support/expect_error.h"

namespace hepar {
namespace {

// Six patients of each grade, two pictures of each.
Dataset SomeData() {
  Dataset dataset;
  dataset.digest = "feed";
  for (int patient = 0; patient < 24; ++patient) {
    for (int frame = 0; frame < 2; ++frame) {
      const std::string id = "P" + std::to_string(100 + patient);
      dataset.samples.push_back({id + ".avi", patient % 4, id, frame});
    }
  }
  return dataset;
}

ModelSpec TrainedWith(const std::string& options) {
  ModelSpec spec;
  spec.dataset_digest = "feed";
  spec.training_options = options;
  return spec;
}

constexpr char kByPatient[] =
    R"({"test_fraction": 0.3, "validation_fraction": 0.2, "seed": 7, "fold": -1})";
constexpr char kByFold[] =
    R"({"test_fraction": 0, "validation_fraction": 0.25, "seed": 7, "fold": 1})";

TEST(RecordedSplitTest, IsTheSplitOfTraining) {
  const Dataset dataset = SomeData();
  const Split recorded = RecordedSplit(TrainedWith(kByPatient), dataset, nullptr);
  const Split trained = SplitByPatient(dataset, 0.3, 0.2, 7);
  EXPECT_EQ(recorded.train, trained.train);
  EXPECT_EQ(recorded.validation, trained.validation);
  EXPECT_EQ(recorded.test, trained.test);
  EXPECT_FALSE(recorded.test.empty());
}

TEST(RecordedSplitTest, OfAFoldNeedsTheFolds) {
  const Dataset dataset = SomeData();
  Folds folds;
  folds.count = 2;
  for (int patient = 0; patient < 24; ++patient) {
    folds.fold_of.emplace_back("P" + std::to_string(100 + patient), patient / 4 % 2);
  }
  const ModelSpec spec = TrainedWith(kByFold);
  EXPECT_EQ(HeldOutFold(spec), 1);
  const Split recorded = RecordedSplit(spec, dataset, &folds);
  const Split trained = SplitByFold(dataset, folds, 1, 0.25, 7);
  EXPECT_EQ(recorded.validation, trained.validation);
  EXPECT_EQ(recorded.test, trained.test);
  EXPECT_EQ(recorded.test.size(), 24u);
  ExpectError(ErrorKind::kInvalid, {"--folds and --fold 1"},
              [&] { RecordedSplit(spec, dataset, nullptr); });
}

TEST(RecordedSplitTest, RefusesOtherDataAndModelsThatSayNothing) {
  Dataset other = SomeData();
  other.digest = "beef";
  ExpectError(ErrorKind::kMismatch, {"other data"},
              [&] { RecordedSplit(TrainedWith(kByPatient), other, nullptr); });
  ExpectError(ErrorKind::kMismatch, {"does not say"},
              [&] { RecordedSplit(TrainedWith("{}"), SomeData(), nullptr); });
  EXPECT_EQ(HeldOutFold(TrainedWith("{}")), -1);
}

TEST(RecordedPartTest, IsThePartThatIsNamed) {
  const Dataset dataset = SomeData();
  const ModelSpec spec = TrainedWith(kByPatient);
  const Split split = SplitByPatient(dataset, 0.3, 0.2, 7);
  EXPECT_EQ(RecordedPart(spec, dataset, "train"), split.train);
  EXPECT_EQ(RecordedPart(spec, dataset, "validation"), split.validation);
  EXPECT_EQ(RecordedPart(spec, dataset, "test"), split.test);
}

TEST(RecordedPartTest, ErrorsNameTheOption) {
  const Dataset dataset = SomeData();
  const ModelSpec without_test =
      TrainedWith(R"({"test_fraction": 0, "validation_fraction": 0.2, "seed": 7, "fold": -1})");
  ExpectError(ErrorKind::kMismatch, {"--part", "without a test part"},
              [&] { RecordedPart(without_test, dataset, "test"); });
  ModelSpec foreign = TrainedWith(kByPatient);
  foreign.dataset_digest = "beef";
  ExpectError(ErrorKind::kMismatch, {"--part train", "other data"},
              [&] { RecordedPart(foreign, dataset, "train"); });
}

TEST(CheckSameClassesTest, NamesTheModelAndTheClassesOfBoth) {
  ModelSpec spec;
  spec.class_names = {"normal", "fatty"};
  EXPECT_NO_THROW(CheckSameClasses(spec, "m.hepar", {"normal", "fatty"}));
  ExpectError(ErrorKind::kMismatch, {"m.hepar", "(normal, fatty)", "(normal, mild)"}, [&] {
    CheckSameClasses(spec, "m.hepar", {"normal", "mild"});
  });
  EXPECT_THROW(CheckSameClasses(spec, "m.hepar", {"fatty", "normal"}), Error);
}

}  // namespace
}  // namespace hepar
