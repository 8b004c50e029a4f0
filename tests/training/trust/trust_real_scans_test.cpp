// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The out-of-domain score on real scans: livers of patients that it was not fitted to, and clips of
// lungs and an eye. It needs no network, so these are the figures of any model of this input size.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
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

void Append(const DomainScores& more, DomainScores* all) {
  all->over_limit.insert(all->over_limit.end(), more.over_limit.begin(), more.over_limit.end());
  all->groups.insert(all->groups.end(), more.groups.begin(), more.groups.end());
}

TEST(TrustRealScansTest, LungsAndEyesAreNoLiverViewAndLiversOfOthersAre) {
  const char* data_dir = std::getenv("HEPAR_DATA_DIR");
  const std::string folder = data_dir ? data_dir : "";
  if (!data_dir || !std::filesystem::exists(folder + "/byra2018/labels.csv") ||
      !std::filesystem::exists(folder + "/clips")) {
    GTEST_SKIP() << "set HEPAR_DATA_DIR to a folder that has byra2018/ and clips/";
  }
  PreprocessOptions preprocess;
  preprocess.size = 128;
  const PreparedDataset liver(LoadDataset(folder + "/byra2018/labels.csv"), preprocess);
  SourceOptions few;
  few.frames_per_video = 8;
  const PreparedDataset clips(LoadUnlabeled(folder + "/clips", few), preprocess);
  std::vector<int> all_clips;
  for (int i = 0; i < clips.size(); ++i) all_clips.push_back(i);

  const Folds folds = LoadFolds(folder + "/byra2018/folds.csv");
  DomainScores held_out, others;
  for (int fold = 0; fold < folds.count; ++fold) {
    const Split split = SplitByFold(liver.dataset(), folds, fold, 0.0, 1);
    ModelSpec spec;
    FitTrust(Described(liver, split.train), {}, {}, &spec);
    Append(ScoresOf(spec, liver, split.test), &held_out);
    Append(ScoresOf(spec, clips, all_clips), &others);
  }
  const BootstrapOptions none{0, 1};
  const FlaggedShare false_flags = ShareFlagged(held_out, 1.0, none);
  const FlaggedShare flagged = ShareFlagged(others, 1.0, none);
  std::cout << "flagged: " << false_flags.flagged << " of " << false_flags.frames
            << " liver frames, " << flagged.flagged << " of " << flagged.frames
            << " frames of other views\n";
  EXPECT_EQ(false_flags.frames, liver.size());
  EXPECT_LE(false_flags.share, 0.05);
  EXPECT_GE(flagged.share, 0.95);
  EXPECT_EQ(flagged.groups_flagged, flagged.groups);
  EXPECT_GE(ShareFlagged(others, LimitOfFalseFlags(held_out, 0.05), none).share, 0.95);
}

}  // namespace
}  // namespace hepar
