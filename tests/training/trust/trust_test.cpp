// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <string>
#include <vector>

#include "models/error.h"
#include "tests/training/support/temp_folder.h"
#include "training/data/unlabeled.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/domain_check.h"
#include "training/evaluation/predictions_file.h"
#include "training/report/domain_report.h"
#include "training/trust/described.h"
#include "training/trust/domain_fit.h"
#include "training/trust/trust_fit.h"

namespace hepar {
namespace {

using ::testing::HasSubstr;

// Descriptors of `patients` people, drawn around a mean of each person's own.
DescribedPictures People(int patients, int pictures, unsigned seed, double center = 0.0) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  DescribedPictures result;
  for (int p = 0; p < patients; ++p) {
    PictureDescriptor own;
    for (float& number : own) number = static_cast<float>(center + normal(random));
    for (int i = 0; i < pictures; ++i) {
      PictureDescriptor one = own;
      for (float& number : one) number += static_cast<float>(0.1 * normal(random));
      result.descriptors.push_back(one);
      result.patients.push_back("P" + std::to_string(p));
    }
  }
  return result;
}

TEST(DomainFitTest, FindsMeanScaleAndCorrelation) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  DescribedPictures pictures;
  for (int n = 0; n < 20000; ++n) {
    PictureDescriptor x;
    for (float& number : x) number = static_cast<float>(normal(random));
    x[1] = 0.8f * x[0] + 0.6f * x[1];  // Correlated by 0.8.
    x[2] = 5.f + 3.f * x[2];
    pictures.descriptors.push_back(x);
    pictures.patients.push_back(std::to_string(n));
  }
  const DomainModel model = FitDomain(pictures, kScannerShrinkage);
  EXPECT_NEAR(model.mean[2], 5.0, 0.1);
  EXPECT_NEAR(model.scale[2], 3.0, 0.1);
  EXPECT_NEAR(model.factor[0], 1.0, 1e-6);  // The first diagonal of a correlation matrix.
  EXPECT_NEAR(model.factor[1], (1.0 - kScannerShrinkage) * 0.8, 0.02);
  // The mean square of the score is 1 but for the shrinkage.
  double square = 0.0;
  for (const auto& x : pictures.descriptors) square += std::pow(model.Score(x), 2);
  EXPECT_NEAR(square / 20000, 1.0, 0.1);
}

TEST(DomainFitTest, PatientsWeighTheSameHoweverManyTheirPictures) {
  DescribedPictures pictures = People(3, 1, 1);
  const DomainModel once = FitDomain(pictures, kScannerShrinkage);
  for (int i = 0; i < 9; ++i) {
    pictures.descriptors.push_back(pictures.descriptors[0]);
    pictures.patients.push_back(pictures.patients[0]);
  }
  const DomainModel often = FitDomain(pictures, kScannerShrinkage);
  for (int i = 0; i < kDescriptorSize; ++i) EXPECT_NEAR(often.mean[i], once.mean[i], 1e-5);
}

TEST(DomainFitTest, WhatNeverVariesIsNoDivisionByZero) {
  DescribedPictures pictures = People(4, 2, 1);
  for (auto& x : pictures.descriptors) x[5] = 2.f;
  const DomainModel model = FitDomain(pictures, kScannerShrinkage);
  EXPECT_GT(model.scale[5], 0.0);
  PictureDescriptor other = pictures.descriptors[0];
  EXPECT_TRUE(std::isfinite(model.Score(other)));
  other[5] = 3.f;
  EXPECT_GT(model.Score(other), 10.0);
}

TEST(DomainFitTest, EachPatientIsScoredByTheOthers) {
  DescribedPictures pictures = People(12, 3, 2);
  for (std::size_t n = 0; n < 3; ++n) pictures.descriptors[n].fill(20.f);  // P0 is unlike all.
  const auto scores = LeavePatientOutScores(pictures, kScannerShrinkage);
  ASSERT_EQ(scores.size(), pictures.patients.size());
  // With P0 among those fitted, its own score would be far lower.
  EXPECT_GT(scores[0], 3.0 * FitDomain(pictures, kScannerShrinkage).Score(pictures.descriptors[0]));
  for (std::size_t n = 3; n < scores.size(); ++n) EXPECT_LT(scores[n], scores[0] / 3);
}

TEST(DomainFitTest, OfManyPatientsNoneIsScoredByItself) {
  DescribedPictures pictures = People(130, 1, 2);
  pictures.descriptors[77].fill(20.f);
  const auto scores = LeavePatientOutScores(pictures, kScannerShrinkage);
  EXPECT_GT(scores[77],
            3.0 * FitDomain(pictures, kScannerShrinkage).Score(pictures.descriptors[77]));
  for (const double score : scores) EXPECT_GT(score, 0.0);
}

TEST(DomainFitTest, BadInputIsRefused) {
  EXPECT_THROW(FitDomain({}, kScannerShrinkage), Error);
  DescribedPictures pictures = People(4, 1, 1);
  pictures.patients.pop_back();
  EXPECT_THROW(FitDomain(pictures, kScannerShrinkage), Error);
  EXPECT_THROW(LeavePatientOutScores(People(2, 5, 1), kScannerShrinkage), Error);
}

TEST(UpperQuantileTest, CountsPatientsAlike) {
  // One patient with eight pictures and two with one: a third of the weight each.
  const std::vector<double> scores = {9, 8, 7, 6, 5, 4, 3, 2, 20, 1};
  std::vector<std::string> patients(8, "a");
  patients.push_back("b");
  patients.push_back("c");
  EXPECT_EQ(UpperQuantile(scores, patients, 0.0), 20.0);
  EXPECT_EQ(UpperQuantile(scores, patients, 1.0 / 3.0), 9.0);
  EXPECT_EQ(UpperQuantile(scores, patients, 0.5), 5.0);
  EXPECT_EQ(UpperQuantile(scores, patients, 1.0), 1.0);
}

// Answers whose confidence is too high: right in 60 % of the cases, sure by 90 %.
Predictions Overconfident(int frames) {
  Predictions predictions;
  for (int i = 0; i < frames; ++i) {
    // A tenth of the answers is less sure; no two are as sure.
    const double p = (i % 10 == 9 ? 0.4 : 0.9) + 1e-5 * i, rest = (1.0 - p) / 3;
    predictions.labels.push_back(i % 5 < 3 ? 0 : 1);
    predictions.patients.push_back("Q" + std::to_string(i % 7));
    predictions.probabilities.push_back({p, rest, rest, rest});
  }
  return predictions;
}

TEST(TrustFitTest, FitsTemperatureAbstentionAndLimit) {
  ModelSpec spec;
  const UnseenAnswers unseen{Overconfident(700), "a test"};
  TrustOptions options;
  options.abstain_share = 0.1;
  const auto known = People(40, 5, 3);
  const auto json = FitTrust(known, unseen, options, &spec);

  EXPECT_NEAR(spec.temperature, FitTemperature(unseen.frames), 1e-9);
  EXPECT_GT(spec.temperature, 1.5);
  ASSERT_TRUE(spec.abstain_below.has_value());
  const auto answers = AnswersOf(WithTemperature(unseen.frames, spec.temperature));
  int held_back = 0;
  for (const double confidence : answers.confidences) held_back += confidence < *spec.abstain_below;
  EXPECT_NEAR(held_back, 70, 1);
  EXPECT_LT(json["answers"]["after"]["nll"], json["answers"]["before"]["nll"]);
  EXPECT_LT(json["answers"]["after"]["ece"], json["answers"]["before"]["ece"]);

  ASSERT_TRUE(spec.domain.has_value());
  const auto scores = LeavePatientOutScores(known, kViewShrinkage);
  EXPECT_DOUBLE_EQ(*spec.out_of_domain_above,
                   kViewMargin * UpperQuantile(scores, known.patients, 0.05));
  ASSERT_TRUE(spec.familiarity.has_value());
  int unfamiliar = 0;
  for (const double score : LeavePatientOutScores(known, kScannerShrinkage)) {
    unfamiliar += score > spec.familiarity->unfamiliar_above;
  }
  EXPECT_EQ(unfamiliar, 10);  // 5 % of 200.
  EXPECT_EQ(json["domain"]["unfamiliar"], 10);
  EXPECT_DOUBLE_EQ(spec.familiarity->full_doubt_above,
                   kDoubtRange * spec.familiarity->unfamiliar_above);
  EXPECT_DOUBLE_EQ(spec.familiarity->evidence, (0.45 - 0.25) / 0.75);  // Of answers that are sure.
  // People of the same kind pass, others do not.
  int same = 0, others = 0;
  for (const auto& x : People(40, 5, 4).descriptors) {
    same += spec.domain->Score(x) > *spec.out_of_domain_above;
  }
  for (const auto& x : People(40, 5, 5, 6.0).descriptors) {
    others += spec.domain->Score(x) > *spec.out_of_domain_above;
  }
  EXPECT_EQ(same, 0);
  EXPECT_EQ(others, 200);

  EXPECT_THAT(TrustText(json),
              ::testing::AllOf(HasSubstr("temperature"), HasSubstr("uncertain below"),
                               HasSubstr("no liver view above"), HasSubstr("unfamiliar above")));
}

TEST(TrustFitTest, OtherLiversAndOtherViewsSetTheLimitBetweenThem) {
  const auto known = People(40, 5, 3);
  OtherPictures others;
  others.livers = People(60, 1, 7, 1.5);
  others.views = People(40, 1, 8, 5.0);
  ModelSpec spec;
  const auto json = FitTrust(known, {}, {}, &spec, others);
  std::vector<double> livers, views;
  for (const auto& x : others.livers.descriptors) livers.push_back(spec.domain->Score(x));
  for (const auto& x : others.views.descriptors) views.push_back(spec.domain->Score(x));
  std::sort(livers.begin(), livers.end());
  std::sort(views.begin(), views.end());
  EXPECT_DOUBLE_EQ(*spec.out_of_domain_above, std::sqrt(livers[53] * views[1]));
  EXPECT_EQ(json["domain"]["other_views"]["flagged"], 40);
  EXPECT_EQ(json["domain"]["other_livers"]["pictures"], 60);
  EXPECT_LE(json["domain"]["other_livers"]["flagged"].get<int>(), 6);
  EXPECT_THAT(TrustText(json), HasSubstr("other livers: "));

  // One of the two moves the limit of the model's own pictures only as far as it must.
  ModelSpec own, with_livers, with_views;
  FitTrust(known, {}, {}, &own);
  FitTrust(known, {}, {}, &with_livers, {People(60, 1, 7, 6.0), {}, {}});
  FitTrust(known, {}, {}, &with_views, {{}, People(40, 1, 8, 1.5), {}});
  EXPECT_GT(*with_livers.out_of_domain_above, *own.out_of_domain_above);
  EXPECT_LT(*with_views.out_of_domain_above, *own.out_of_domain_above);
  EXPECT_GE(*with_views.out_of_domain_above, *own.out_of_domain_above / kViewMargin - 1e-9);
}

TEST(TrustFitTest, EvidenceBringsTheMeanConfidenceOnOtherLiversToWhatItIsWorth) {
  OtherPictures others;
  others.livers = People(100, 1, 7, 2.0);
  const auto answer = [&](double p) {
    others.liver_answers = {};
    for (int i = 0; i < 100; ++i) {
      const double rest = (1.0 - p) / 3;
      others.liver_answers.labels.push_back(0);
      others.liver_answers.patients.push_back(others.livers.patients[i]);
      others.liver_answers.probabilities.push_back({p, rest, rest, rest});
    }
    ModelSpec spec;
    TrustOptions options;
    options.unfamiliar_confidence = 0.4;
    FitTrust(People(40, 5, 3), {}, options, &spec, others);
    return spec.familiarity->evidence;
  };
  EXPECT_NEAR(answer(0.7), (0.4 - 0.25) / (0.7 - 0.25), 1e-9);
  // One that is not sure there need not be doubted more, but never reaches 0.9.
  EXPECT_DOUBLE_EQ(answer(0.35), kMostEvidence);
  EXPECT_LT(kMostEvidence + (1.0 - kMostEvidence) / 4, 0.9);
}

TEST(TrustFitTest, WithoutAnswersLeavesTemperatureAndAbstentionAlone) {
  ModelSpec spec;
  spec.temperature = 1.7;
  spec.abstain_below = 0.3;
  const auto json = FitTrust(People(5, 2, 1), {{}, "nobody was asked"}, {}, &spec);
  EXPECT_EQ(spec.temperature, 1.7);
  EXPECT_EQ(spec.abstain_below, 0.3);
  EXPECT_TRUE(spec.domain.has_value());
  EXPECT_TRUE(spec.familiarity.has_value());
  EXPECT_THAT(TrustText(json), HasSubstr("nobody was asked"));
}

TEST(TrustFitTest, AnswersThatAreMoreLikelyRightThanNotAreGiven) {
  Predictions good;
  for (int i = 0; i < 100; ++i) {
    good.labels.push_back(i < 97 ? 0 : 1);
    good.patients.push_back(std::to_string(i));
    good.probabilities.push_back({0.97 - 1e-4 * i, 0.03 + 1e-4 * i});
  }
  ModelSpec spec;
  FitTrust(People(5, 2, 1), {good, "a test"}, {}, &spec);
  EXPECT_EQ(spec.abstain_below, 0.5);
}

TEST(TrustFitTest, WithoutMistakesThereIsNoTemperatureToFind) {
  Predictions right;
  for (int i = 0; i < 20; ++i) {
    right.labels.push_back(i % 2);
    right.patients.push_back(std::to_string(i));
    right.probabilities.push_back(i % 2 == 0 ? std::vector<double>{0.7, 0.3}
                                             : std::vector<double>{0.3, 0.7});
  }
  ModelSpec spec;
  spec.temperature = 3.0;
  FitTrust(People(5, 2, 1), {right, "a test"}, {}, &spec);
  EXPECT_EQ(spec.temperature, 1.0);
}

TEST(TrustFitTest, TooFewPatientsGiveNoScoreAndSaySo) {
  ModelSpec spec;
  TrustOptions options;
  options.abstain_share = 0.0;
  const auto json = FitTrust(People(2, 9, 1), {Overconfident(50), "a test"}, options, &spec);
  EXPECT_FALSE(spec.domain.has_value());
  EXPECT_FALSE(spec.familiarity.has_value());
  EXPECT_FALSE(spec.out_of_domain_above.has_value());
  EXPECT_FALSE(spec.abstain_below.has_value());
  EXPECT_THAT(TrustText(json), HasSubstr("too few"));
}

TEST(DescribedTest, EachPictureComesWithVariantsOfItself) {
  TempFolder folder;
  cv::RNG rng(1);
  std::string manifest = "path,label,patient_id\n";
  for (int i = 0; i < 3; ++i) {
    cv::Mat picture(64, 64, CV_8UC1);
    rng.fill(picture, cv::RNG::UNIFORM, 20, 200);
    const std::string name = "p" + std::to_string(i) + ".png";
    cv::imwrite(folder.Write(name, ""), picture);
    manifest += name + ",mild,P" + std::to_string(i) + "\n";
  }
  PreprocessOptions preprocess;
  preprocess.size = 64;
  preprocess.sector = SectorRule::Parse("full");
  const PreparedDataset data(LoadDataset(folder.Write("m.csv", manifest)), preprocess);
  const DescribedPictures pictures = Described(data, {0, 2});
  ASSERT_EQ(pictures.descriptors.size(), 2u * (1 + kVariants));
  EXPECT_EQ(pictures.descriptors[0], DescribePicture(data.image(0).pixels));
  EXPECT_NE(pictures.descriptors[1], pictures.descriptors[0]);
  EXPECT_EQ(pictures.patients.front(), "P0");
  EXPECT_EQ(pictures.patients.back(), "P2");
  EXPECT_EQ(Described(data, {0, 2}).descriptors, pictures.descriptors);
  const DescribedPictures plain = DescribedAsTheyAre(data);
  ASSERT_EQ(plain.descriptors.size(), 3u);
  EXPECT_EQ(plain.descriptors[0], pictures.descriptors[0]);
  EXPECT_EQ(plain.patients, (std::vector<std::string>{"P0", "P1", "P2"}));
}

TEST(PredictionsFileTest, ReadsWhatEvaluateWrites) {
  TempFolder folder;
  const std::string path = folder.Write(
      "p.csv",
      "path,frame,patient_id,label,prediction,p_normal,p_mild\na.png,0,P1,mild,mild,0.25,0.75\n");
  const Predictions predictions = ReadPredictions(path, {"normal", "mild"});
  EXPECT_EQ(predictions.labels, std::vector<int>{1});
  EXPECT_EQ(predictions.patients, std::vector<std::string>{"P1"});
  EXPECT_EQ(predictions.probabilities, (std::vector<std::vector<double>>{{0.25, 0.75}}));
}

TEST(PredictionsFileTest, NamesWhatIsWrong) {
  TempFolder folder;
  const auto error = [&](const std::string& text) -> std::string {
    try {
      ReadPredictions(folder.Write("p.csv", text), {"normal", "mild"});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
      return error.what();
    }
    ADD_FAILURE() << text << " was accepted";
    return "";
  };
  EXPECT_THAT(error("patient_id,label,p_normal\nP1,mild,1\n"), HasSubstr("p_mild"));
  const std::string head = "patient_id,label,p_normal,p_mild\n";
  EXPECT_THAT(error(head), HasSubstr("no answer"));
  EXPECT_THAT(error(head + "P1,awful,0.5,0.5\n"), HasSubstr("line 2: unknown label 'awful'"));
  EXPECT_THAT(error(head + "P1,mild,0.5,x\n"), HasSubstr("'x'"));
  EXPECT_THAT(error(head + "P1,mild,0.5,nan\n"), HasSubstr("'nan'"));
  EXPECT_THAT(error(head + "P1,mild,0.5,0.9\n"), HasSubstr("add up to"));
}

TEST(UnlabeledTest, FindsPicturesInFoldersAndNamesThem) {
  TempFolder folder;
  const cv::Mat picture(40, 40, CV_8UC1, cv::Scalar(90));
  for (const char* name : {"b.png", "sub/a.png", ".hidden/c.png", "notes.txt"}) {
    const std::string path = folder.Write(name, "text");
    if (std::string(name).find(".png") != std::string::npos) cv::imwrite(path, picture);
  }
  const Dataset dataset = LoadUnlabeled(folder.path());
  ASSERT_EQ(dataset.samples.size(), 2u);
  EXPECT_EQ(dataset.samples[0].patient, "b.png");
  EXPECT_EQ(dataset.samples[1].patient, "sub/a.png");
  EXPECT_EQ(LoadUnlabeled(folder.path() + "/b.png").samples[0].patient, "b.png");
  EXPECT_THROW(LoadUnlabeled(folder.path() + "/none"), Error);
  TempFolder empty;
  EXPECT_THROW(LoadUnlabeled(empty.path()), Error);
}

DomainScores Scores(const std::vector<double>& values, const std::vector<std::string>& groups) {
  return {values, groups};
}

TEST(DomainCheckTest, CountsFramesAndGroups) {
  const auto scores = Scores({0.5, 1.5, 2.0, 1.0, 0.2, 3.0}, {"a", "a", "a", "b", "b", "c"});
  const FlaggedShare share = ShareFlagged(scores, 1.0, {200, 1});
  EXPECT_EQ(share.frames, 6);
  EXPECT_EQ(share.flagged, 3);
  EXPECT_DOUBLE_EQ(share.share, 0.5);
  EXPECT_EQ(share.groups, 3);
  EXPECT_EQ(share.groups_flagged, 2);  // a and c; the limit itself is not above the limit.
  EXPECT_LT(share.interval.low, 0.5);
  EXPECT_GT(share.interval.high, 0.5);
  const auto by_group = ShareByGroup(scores, 1.0);
  ASSERT_EQ(by_group.size(), 3u);
  EXPECT_EQ(by_group[0].name, "a");
  EXPECT_EQ(by_group[0].flagged, 2);
  EXPECT_DOUBLE_EQ(by_group[0].median, 1.5);
  EXPECT_DOUBLE_EQ(by_group[1].median, 0.6);
}

TEST(DomainCheckTest, TheLimitFlagsNoMoreThanItMay) {
  DomainScores liver;
  for (int i = 1; i <= 40; ++i) {
    liver.over_limit.push_back(i / 40.0);
    liver.groups.push_back(std::to_string(i));
  }
  EXPECT_DOUBLE_EQ(LimitOfFalseFlags(liver, 0.05), 38.0 / 40.0);
  EXPECT_EQ(ShareFlagged(liver, LimitOfFalseFlags(liver, 0.05), {0, 1}).flagged, 2);
  EXPECT_DOUBLE_EQ(LimitOfFalseFlags(liver, 0.0), 1.0);
  EXPECT_THROW(LimitOfFalseFlags(liver, 1.5), Error);
  EXPECT_TRUE(std::isnan(LimitOfFalseFlags({}, 0.05)));
}

TEST(DomainCheckTest, PartsThatDoNotFitAreRefused) {
  EXPECT_THROW(ShareFlagged(Scores({1.0}, {}), 1.0, {0, 1}), Error);
  EXPECT_THROW(ShareFlagged(Scores({std::nan("")}, {"a"}), 1.0, {0, 1}), Error);
  EXPECT_TRUE(std::isnan(ShareFlagged({}, 1.0, {10, 1}).share));
}

TEST(DomainReportTest, SaysWhatIsFlaggedWhereByFrameAndByClip) {
  const auto liver = Scores({0.5, 0.6, 0.7, 1.2}, {"P1", "P1", "P2", "P2"});
  const auto other = Scores({1.1, 4.0, 5.0}, {"x.mp4", "y.mp4", "y.mp4"});
  const auto json = DomainToJson(liver, other, 0.25, {100, 1});
  EXPECT_EQ(json["liver"]["flagged"], 1);
  EXPECT_EQ(json["liver"]["patients"], 2);
  EXPECT_EQ(json["other"]["flagged"], 3);
  EXPECT_EQ(json["other"]["clips_flagged"], 2);
  EXPECT_EQ(json["other"]["by_clip"][1]["name"], "y.mp4");
  EXPECT_DOUBLE_EQ(json["at_false_flags"]["limit"], 0.7);
  EXPECT_EQ(json["at_false_flags"]["liver"]["flagged"], 1);
  EXPECT_EQ(json["at_false_flags"]["other"]["flagged"], 3);
  EXPECT_NEAR(json["auc"], 11.0 / 12.0, 1e-9);
  EXPECT_THAT(DomainText(json), ::testing::AllOf(HasSubstr("y.mp4"), HasSubstr("3 of 3")));

  const auto alone = DomainToJson(liver, {}, 0.25, {0, 1});
  EXPECT_FALSE(alone.contains("other"));
  EXPECT_THAT(DomainText(alone), HasSubstr("1 of 4"));
}

}  // namespace
}  // namespace hepar
