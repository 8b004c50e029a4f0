// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The out-of-domain score on real scans: livers of patients that it was not fitted to, and clips of
// lungs and an eye. It needs no network, so these are the figures of any model of this input size.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"
#include "training/data/unlabeled.h"
#include "training/evaluation/domain_check.h"
#include "training/trust/described.h"
#include "training/trust/trust_fit.h"

namespace hepar {
namespace {

DomainScores ScoresOf(const ModelSpec& spec, const PreparedDataset& data,
                      const std::vector<int>& indices) {
  DomainScores scores;
  for (const int index : indices) {
    scores.over_limit.push_back(spec.domain->Score(DescribePicture(data.image(index).pixels)) /
                                *spec.out_of_domain_above);
    scores.groups.push_back(data.dataset().samples[index].patient);
  }
  return scores;
}

DomainScores FamiliarityOf(const ModelSpec& spec, const PreparedDataset& data,
                           const std::vector<int>& indices) {
  DomainScores scores;
  for (const int index : indices) {
    const PictureDescriptor descriptor = DescribePicture(data.image(index).pixels);
    scores.over_limit.push_back(spec.domain->Score(descriptor, spec.familiarity->factor) /
                                spec.familiarity->unfamiliar_above);
    scores.groups.push_back(data.dataset().samples[index].patient);
  }
  return scores;
}

void Append(const DomainScores& more, DomainScores* all) {
  all->over_limit.insert(all->over_limit.end(), more.over_limit.begin(), more.over_limit.end());
  all->groups.insert(all->groups.end(), more.groups.begin(), more.groups.end());
}

PreprocessOptions SmallInput() {
  PreprocessOptions preprocess;
  preprocess.size = 128;
  return preprocess;
}

std::vector<int> AllOf(const PreparedDataset& data) {
  std::vector<int> all(data.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::optional<std::string> DataFolder(const std::vector<std::string>& parts) {
  const char* folder = std::getenv("HEPAR_DATA_DIR");
  if (folder == nullptr) return std::nullopt;
  for (const std::string& part : parts) {
    if (!std::filesystem::exists(folder + ("/" + part))) return std::nullopt;
  }
  return folder;
}

// Of frames of held-out patients, which limits were fitted without, and of lungs and an eye, with
// which constants of FitTrust() were chosen.
TEST(TrustRealScansTest, LungsAndEyesAreNotTheModelsOwnAndLiversOfOtherPatientsAre) {
  const auto folder = DataFolder({"byra2018/labels.csv", "clips"});
  if (!folder) GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/ and clips/";
  const PreparedDataset liver(LoadDataset(*folder + "/byra2018/labels.csv"), SmallInput());
  SourceOptions few;
  few.frames_per_video = 8;
  const PreparedDataset clips(LoadUnlabeled(*folder + "/clips", few), SmallInput());

  const Folds folds = LoadFolds(*folder + "/byra2018/folds.csv");
  DomainScores held_out, held_out_familiarity, others, others_familiarity;
  for (int fold = 0; fold < folds.count; ++fold) {
    const Split split = SplitByFold(liver.dataset(), folds, fold, 0.0, 1);
    ModelSpec spec;
    FitTrust(Described(liver, split.train), {}, {}, &spec);
    Append(ScoresOf(spec, liver, split.test), &held_out);
    Append(ScoresOf(spec, clips, AllOf(clips)), &others);
    Append(FamiliarityOf(spec, liver, split.test), &held_out_familiarity);
    Append(FamiliarityOf(spec, clips, AllOf(clips)), &others_familiarity);
  }
  const BootstrapOptions none{0, 1};
  const FlaggedShare false_flags = ShareFlagged(held_out, 1.0, none);
  const FlaggedShare unfamiliar = ShareFlagged(held_out_familiarity, 1.0, none);
  const FlaggedShare flagged = ShareFlagged(others, 1.0, none);
  const FlaggedShare strange = ShareFlagged(others_familiarity, 1.0, none);
  std::cout << "no liver view: " << false_flags.flagged << " of " << false_flags.frames
            << " liver frames, " << flagged.flagged << " of " << flagged.frames
            << " frames of other views; unlike the scanner: " << unfamiliar.flagged << " and "
            << strange.flagged << "\n";
  EXPECT_EQ(false_flags.frames, liver.size());
  EXPECT_EQ(false_flags.flagged, 0);
  EXPECT_LE(unfamiliar.share, 0.05);
  EXPECT_GE(flagged.share, 0.75);
  EXPECT_EQ(strange.flagged, strange.frames);  // None of them gets a grade without doubt.
}

// Of livers of other scanners and of other organs. FitTrust() does not see them here, but its
// constants (kViewShrinkage, kViewMargin, kDoubtRange) were chosen with them.
TEST(TrustRealScansTest, LiversOfOtherScannersAreUnfamiliarAndOtherOrgansNoLiverViews) {
  const auto folder = DataFolder({"byra2018/labels.csv", "other-livers", "other-views"});
  if (!folder) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/, other-livers/ and "
                    "other-views/";
  }
  const PreparedDataset own(LoadDataset(*folder + "/byra2018/labels.csv"), SmallInput());
  const PreparedDataset livers(LoadUnlabeled(*folder + "/other-livers"), SmallInput());
  const PreparedDataset views(LoadUnlabeled(*folder + "/other-views"), SmallInput());
  ModelSpec spec;
  FitTrust(Described(own, AllOf(own)), {}, {}, &spec);
  const BootstrapOptions none{0, 1};
  const auto share = [&](const DomainScores& scores) {
    return ShareFlagged(scores, 1.0, none).share;
  };
  const double own_unfamiliar = share(FamiliarityOf(spec, own, AllOf(own)));
  const double unfamiliar = share(FamiliarityOf(spec, livers, AllOf(livers)));
  const double no_liver = share(ScoresOf(spec, livers, AllOf(livers)));
  const double no_view = share(ScoresOf(spec, views, AllOf(views)));
  std::cout << "unlike the scanner: " << own_unfamiliar << " of its own, " << unfamiliar
            << " of other livers; no liver view: " << no_liver << " of other livers, " << no_view
            << " of other views\n";
  EXPECT_LE(own_unfamiliar, 0.01);
  EXPECT_GE(unfamiliar, 0.9);
  EXPECT_LE(no_liver, 0.1);
  EXPECT_GE(no_view, 0.95);
}

}  // namespace
}  // namespace hepar
