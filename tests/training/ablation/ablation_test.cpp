// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "models/error.h"
#include "models/file_io.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"
#include "training/ablation/job_runner.h"
#include "training/ablation/paper_tables.h"
#include "training/ablation/plan.h"
#include "training/ablation/seed_figures.h"
#include "training/ablation/summary.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::size_t kMaxBytes = 1 << 20;

// ---- Plans -------------------------------------------------------------------------------------

constexpr char kPlan[] = R"([ablation]
title=A table
seeds=1, 2
attacks=fgsm pgd:steps=2
epsilon=2/255
[train]
size=nano
[classifier SqueezeNet]
weights=${HEPAR_TEST_FOLDER}/w.pt
[variant base]
decouplers=none
[variant +AT]
init-from=base
preset=paper
)";

class PlanTest : public ::testing::Test {
 protected:
  AblationPlan Read(const std::string& text) { return ReadAblationPlan(folder_.Write("p", text)); }
  void ExpectInvalid(const std::string& text, const std::vector<std::string>& words) {
    ExpectError(ErrorKind::kInvalid, words, [&] { Read(text); });
  }
  TempFolder folder_;
};

TEST_F(PlanTest, HoldsWhatTheFileSays) {
  setenv("HEPAR_TEST_FOLDER", "/somewhere", 1);
  const AblationPlan plan = Read(kPlan);
  EXPECT_EQ(plan.title, "A table");
  EXPECT_THAT(plan.seeds, ElementsAre(1, 2));
  EXPECT_EQ(plan.attacks, "fgsm pgd:steps=2");
  EXPECT_EQ(plan.epsilon, "2/255");
  EXPECT_THAT(plan.common, ElementsAre(Pair("size", "nano")));
  ASSERT_EQ(plan.classifiers.size(), 1u);
  EXPECT_EQ(plan.classifiers[0].name, "SqueezeNet");
  EXPECT_THAT(plan.classifiers[0].settings, ElementsAre(Pair("weights", "/somewhere/w.pt")));
  ASSERT_EQ(plan.variants.size(), 2u);
  EXPECT_EQ(plan.variants[1].name, "+AT");
  EXPECT_EQ(plan.variants[1].init_from, "base");
  EXPECT_THAT(plan.variants[1].settings, ElementsAre(Pair("preset", "paper")));
}

TEST_F(PlanTest, NamesWhatIsWrong) {
  const std::string good = "[classifier S]\n[variant base]\n";
  EXPECT_NO_THROW(Read(good));
  ExpectInvalid("[variant base]\n", {"classifier NAME"});
  ExpectInvalid("[classifier S]\n", {"variant NAME"});
  ExpectInvalid(good + "[varient x]\n", {"[varient x]", "no group"});
  ExpectInvalid(good + "[ablation]\nseed=1\n", {"seed is unknown"});
  ExpectInvalid(good + "[ablation]\nseeds=1,1\n", {"seeds", "1,1"});
  ExpectInvalid(good + "[ablation]\nseeds=\n", {"seeds", "none"});
  ExpectInvalid(good + "[ablation]\nseeds=1,x\n", {"seeds", "1,x"});
  ExpectInvalid(good + "[train]\nfold=1\n", {"[train]", "fold is set by each run"});
  ExpectInvalid(good + "[variant a/b]\n", {"'/'"});
  ExpectInvalid(good + "[variant x]\ninit-from=y\n", {"no variant 'y'"});
  ExpectInvalid("[variant x]\ninit-from=base\n" + good, {"no variant 'base'"});
  ExpectInvalid(good + "[classifier T]\ninit-from=base\n", {"init-from belongs to variants"});
  ExpectInvalid(good + "[train]\nweights=${HEPAR_TEST_UNSET}\n", {"HEPAR_TEST_UNSET"});
  ExpectInvalid(good + "[train]\nweights=${HOME\n", {"without '}'"});
  ExpectError(ErrorKind::kNotFound, {"nowhere.ini"}, [] { ReadAblationPlan("nowhere.ini"); });
}

// ---- Jobs --------------------------------------------------------------------------------------

class JobsTest : public ::testing::Test {
 protected:
  Job Shell(const std::string& name, const std::string& script, std::vector<int> after = {}) {
    return {name, {"-c", script}, folder_ / name, folder_ / (name + ".log"), std::move(after)};
  }
  std::string Touch(const std::string& name) { return "echo x > '" + (folder_ / name) + "'"; }
  std::string Order(const std::string& name) { return "echo " + name + " >> '" + Log() + "'"; }
  std::string Log() { return folder_ / "order"; }

  TempFolder folder_;
};

TEST_F(JobsTest, RunBehindWhatTheyNeedAndOnlyOnce) {
  const std::vector<Job> jobs = {
      Shell("a", "sleep 0.2; " + Order("a") + "; " + Touch("a")),
      Shell("b", Order("b") + "; " + Touch("b"), {0}),
      Shell("c", Order("c") + "; " + Touch("c")),
  };
  int finished = 0;
  JobHooks hooks;
  hooks.finished = [&](const Job&, int done, int total) {
    EXPECT_EQ(done, ++finished);
    EXPECT_EQ(total, 3);
  };
  EXPECT_EQ(RunJobs("/bin/sh", jobs, 2, hooks), JobsEnd::kFinished);
  EXPECT_EQ(ReadFile(Log(), kMaxBytes), "c\na\nb\n");
  EXPECT_EQ(RunJobs("/bin/sh", jobs, 2, {}), JobsEnd::kFinished);
  EXPECT_EQ(ReadFile(Log(), kMaxBytes), "c\na\nb\n");
  std::filesystem::remove(folder_ / "b");
  EXPECT_EQ(RunJobs("/bin/sh", jobs, 2, {}), JobsEnd::kFinished);
  EXPECT_EQ(ReadFile(Log(), kMaxBytes), "c\na\nb\nb\n");
}

TEST_F(JobsTest, AFailureIsQuotedAndTheRestIsKept) {
  const std::vector<Job> jobs = {
      Shell("good", "sleep 0.2; " + Touch("good")),
      Shell("bad", "echo first; echo no such scanner >&2; exit 3"),
      Shell("never", Touch("never"), {1}),
  };
  ExpectError(ErrorKind::kFailed, {"bad failed", "no such scanner", "bad.log"},
              [&] { RunJobs("/bin/sh", jobs, 2, {}); });
  EXPECT_TRUE(std::filesystem::exists(folder_ / "good"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "never"));
}

TEST_F(JobsTest, AJobWithoutAResultFailed) {
  const std::vector<Job> jobs = {Shell("silent", "true")};
  ExpectError(ErrorKind::kFailed, {"silent failed"}, [&] { RunJobs("/bin/sh", jobs, 1, {}); });
}

TEST_F(JobsTest, AProgramThatIsNotThereIsNamed) {
  const std::vector<Job> jobs = {Shell("any", "true")};
  ExpectError(ErrorKind::kUnreadable, {"/nowhere/program"},
              [&] { RunJobs("/nowhere/program", jobs, 1, {}); });
}

TEST_F(JobsTest, AStopInterruptsWhatRunsAndStartsNoMore) {
  const std::vector<Job> jobs = {
      Shell("long", "trap '" + Order("stopped") + "; exit 130' INT; while :; do sleep 0.05; done"),
      Shell("next", Touch("next")),
  };
  bool stop = false;
  JobHooks hooks;
  int asked = 0;
  hooks.stop_requested = [&] { return stop = ++asked > 10; };
  EXPECT_EQ(RunJobs("/bin/sh", jobs, 1, hooks), JobsEnd::kInterrupted);
  EXPECT_EQ(ReadFile(Log(), kMaxBytes), "stopped\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "next"));
}

// ---- Figures -----------------------------------------------------------------------------------

// Two patients of each grade, a frame each; `wrong` of them answered with the next grade.
Predictions Answers(int wrong) {
  Predictions predictions;
  for (int i = 0; i < 8; ++i) {
    const int label = i / 2;
    const int answer = i < wrong ? (label + 1) % 4 : label;
    std::vector<double> p(4, 0.1);
    p[answer] = 0.7;
    predictions.labels.push_back(label);
    predictions.probabilities.push_back(p);
    predictions.patients.push_back("P" + std::to_string(i));
  }
  return predictions;
}

TEST(SeedFiguresTest, AveragesOverSeedsAndResamplesPatients) {
  BootstrapOptions options;
  options.resamples = 200;
  const SeedFigures figures = OverSeeds({Answers(0), Answers(2), Answers(4)}, 4, options);
  EXPECT_NEAR(figures.mean.accuracy, (1.0 + 0.75 + 0.5) / 3, 1e-12);
  EXPECT_NEAR(figures.deviation.accuracy, 0.25, 1e-12);
  EXPECT_NEAR(figures.mean.per_class[0], (1.0 + 0.0 + 0.0) / 3, 1e-12);
  EXPECT_LT(figures.intervals.low.accuracy, figures.mean.accuracy);
  EXPECT_GT(figures.intervals.high.accuracy, figures.mean.accuracy);
  EXPECT_EQ(figures.resampled.size(), 200u);

  // One seed: the intervals are those of any evaluation.
  const SeedFigures one = OverSeeds({Answers(2)}, 4, options);
  const FigureIntervals plain = BootstrapIntervals(Answers(2), 4, options);
  EXPECT_TRUE(std::isnan(one.deviation.accuracy));
  EXPECT_EQ(one.intervals.low.accuracy, plain.low.accuracy);
  EXPECT_EQ(one.intervals.high.auc_severe, plain.high.auc_severe);
}

TEST(SeedFiguresTest, DifferencesAreTakenResampleByResample) {
  BootstrapOptions options;
  options.resamples = 500;
  const SeedFigures good = OverSeeds({Answers(0)}, 4, options);
  const SeedFigures bad = OverSeeds({Answers(6)}, 4, options);
  const SeedDifference none = Difference(good, good, &EvaluationFigures::accuracy);
  EXPECT_EQ(none.difference, 0.0);
  EXPECT_EQ(none.interval.low, 0.0);
  EXPECT_EQ(none.p_value, 1.0);
  const SeedDifference gain = Difference(good, bad, &EvaluationFigures::accuracy);
  EXPECT_NEAR(gain.difference, 0.75, 1e-12);
  EXPECT_GT(gain.interval.low, 0.0);
  EXPECT_LT(gain.p_value, 0.05);
}

TEST(SeedFiguresTest, RefusesWhatCannotBeAveraged) {
  Predictions other = Answers(0);
  other.patients[3] = "Q";
  ExpectError(ErrorKind::kMismatch, {"different cases"}, [&] {
    OverSeeds({Answers(0), other}, 4, {});
  });
  ExpectError(ErrorKind::kInvalid, {"no seed"}, [] { OverSeeds({}, 4, {}); });
  BootstrapOptions few, more;
  few.resamples = 2;
  more.resamples = 3;
  const SeedFigures a = OverSeeds({Answers(0)}, 4, few), b = OverSeeds({Answers(0)}, 4, more);
  ExpectError(ErrorKind::kMismatch, {"different resamples"},
              [&] { Difference(a, b, &EvaluationFigures::accuracy); });
}

TEST(PaperTablesTest, RowsAreThoseOfThePaper) {
  const auto ours = FindPaperRow("SqueezeNet+ICFDNet+AT");
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->average, 82.95);
  EXPECT_NEAR(ours->BestWorst(), 18.98, 1e-9);
  EXPECT_NEAR(FindPaperRow("CBAM")->BestWorst(), 30.65, 1e-9);
  EXPECT_FALSE(FindPaperRow("SqueezeNet+AT"));
}

TEST(SummaryTest, PutsOurRowsBesideThePapers) {
  const std::vector<AblationRow> rows = {
      {"SqueezeNet", "base", {{Answers(4), {{"clean", 0.5}, {"fgsm", 0.25}}}}},
      {"SqueezeNet",
       "+ICFDNet",
       {{Answers(0), {{"clean", 1.0}, {"fgsm", 0.5}}},
        {Answers(2), {{"clean", 0.75}, {"fgsm", 0.25}}}}},
      {"Mine", "base", {{Answers(1), {}}}}};
  BootstrapOptions options;
  options.resamples = 50;
  const auto summary = SummaryToJson(rows, {"normal", "mild", "moderate", "severe"}, options);
  ASSERT_EQ(summary["rows"].size(), 3u);
  const auto& base = summary["rows"][0];
  const auto& gained = summary["rows"][1];
  EXPECT_EQ(base["method"], "SqueezeNet");
  EXPECT_FALSE(base.contains("changes"));
  EXPECT_EQ(gained["method"], "SqueezeNet+ICFDNet");
  EXPECT_EQ(gained["against"], "SqueezeNet");
  EXPECT_NEAR(gained["frame"]["accuracy"]["mean"].get<double>(), 0.875, 1e-12);
  EXPECT_NEAR(gained["changes"]["patient"]["accuracy"]["difference"].get<double>(), 0.375, 1e-12);
  EXPECT_NEAR(gained["attacks"][1]["accuracy"].get<double>(), 0.375, 1e-12);
  EXPECT_EQ(gained["paper"]["average"], 79.55);
  EXPECT_FALSE(summary["rows"][2].contains("changes"));
  EXPECT_FALSE(summary["rows"][2].contains("paper"));

  const std::string text = SummaryMarkdown(summary, "A table");
  EXPECT_THAT(text, HasSubstr("# A table"));
  EXPECT_THAT(text, HasSubstr("normal % (n=2)"));
  EXPECT_THAT(text, HasSubstr("*the paper's SqueezeNet+ICFDNet* | 91.30 | 73.33 | 77.27 | 76.92"));
  EXPECT_THAT(text, HasSubstr("| SqueezeNet+ICFDNet | 87.50 | 37.50 |"));
}

}  // namespace
}  // namespace hepar
