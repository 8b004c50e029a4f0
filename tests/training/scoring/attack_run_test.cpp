// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/scoring/attack_run.h"

#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/tiny_training.h"
#include "training/attacks/eight_bit.h"
#include "training/scoring/attack_target.h"
#include "training/trainer/optimizer.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;

constexpr int kSteps = 60;

// Eight noisy pictures that are learned by heart in a second, so that attacks have something to
// take.
SeverityNet LearnedNet(const PreparedDataset& data, int seed) {
  SeverityNet net = TinyNet(seed);
  const Batch batch = MakeBatch(data, {0, 1, 2, 3, 4, 5, 6, 7}, torch::kCPU);
  // As attacks see it, so without dropout and with the statistics that it began with.
  net->eval();
  torch::optim::Adam adam(net->parameters(), torch::optim::AdamOptions(3e-3));
  for (int step = 0; step < kSteps; ++step) {
    adam.zero_grad();
    torch::cross_entropy_loss(net->forward(batch.pictures), batch.labels).backward();
    adam.step();
  }
  return net;
}

AttackPlan Plan(const std::string& attacks, std::vector<double> epsilons = {16.0 / 255}) {
  AttackPlan plan;
  plan.attacks = ParseAttacks(attacks);
  plan.epsilons = std::move(epsilons);
  plan.rows = AttackRows::kSeparate;
  plan.batch = 3;
  return plan;
}

class AttackRunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    data_ = new TinyData;
    for (const int seed : {1, 2}) nets_.push_back(LearnedNet(data_->prepared(), seed));
  }
  static void TearDownTestSuite() {
    delete data_;
    data_ = nullptr;
    nets_.clear();
  }

  // A model with a copy of one of two nets.
  static Bundle MakeModel(const std::string& name, int seed) {
    Bundle bundle;
    bundle.spec.name = name;
    bundle.spec.id = "id of " + name;
    bundle.spec.preprocess.size = 32;
    bundle.net = CopyNet(nets_[seed - 1]);
    bundle.net->eval();
    return bundle;
  }
  // One whose logits do not depend on the picture.
  static Bundle MakeBlindModel(const std::string& name) {
    Bundle bundle = MakeModel(name, 2);
    const torch::NoGradGuard no_grad;
    bundle.net->classifier->named_parameters()["classifier.1.weight"].zero_();
    return bundle;
  }

  static RobustnessReport Run(AttackPlan plan, Bundle model, std::vector<Bundle> others = {}) {
    AttackRun run(std::move(plan), std::move(model), std::move(others), torch::kCPU);
    run.Run(data_->prepared(), data_->all());
    return run.report();
  }

  // All pictures as one batch, as an attack gets them.
  static AttackInput Input(double epsilon) {
    Batch batch = MakeBatch(data_->prepared(), data_->all(), torch::kCPU);
    for (auto& seed : batch.seeds) seed += AttackPlan().seed;
    return {batch.pictures, batch.labels, torch::full(8, epsilon), batch.seeds};
  }

  // Hits by class of a model on these pictures.
  static std::vector<int> HitsOn(SeverityNet net, const torch::Tensor& pictures) {
    const auto labels = Input(0).labels;
    const auto right = Correct(TargetOf(net).logits_of, pictures, labels);
    std::vector<int> hits(4, 0);
    for (int i = 0; i < 8; ++i) hits[labels[i].item<int>()] += right[i].item<bool>() ? 1 : 0;
    return hits;
  }

  static TinyData* data_;
  static std::vector<SeverityNet> nets_;
};

TinyData* AttackRunTest::data_ = nullptr;
std::vector<SeverityNet> AttackRunTest::nets_;

std::vector<std::string> Names(const RobustnessReport& report) {
  std::vector<std::string> names;
  for (const auto& row : report.rows) {
    names.push_back(row.attack + (row.eight_bit ? "/8" : "") +
                    (row.source.empty() ? "" : " from " + row.source));
  }
  return names;
}

TEST_F(AttackRunTest, HasARowForEachAttackBudgetAndRounding) {
  auto plan = Plan("noise fgsm", {1.0 / 255, 2.0 / 255});
  plan.transferred = ParseAttacks("pgd:steps=2");
  plan.eight_bit = true;
  const auto report = Run(plan, MakeModel("own", 1), {MakeModel("theirs", 2)});
  const std::vector<std::string> of_budget = {"noise",
                                              "noise/8",
                                              "fgsm",
                                              "fgsm/8",
                                              "pgd:steps=2 from theirs",
                                              "pgd:steps=2/8 from theirs",
                                              "worst case",
                                              "worst case/8"};
  std::vector<std::string> expected = {"clean", "clean/8"};
  for (int budget = 0; budget < 2; ++budget) {
    expected.insert(expected.end(), of_budget.begin(), of_budget.end());
  }
  EXPECT_EQ(Names(report), expected);
  EXPECT_EQ(report.patients, 8);
  for (const auto& row : report.rows) EXPECT_THAT(row.counts, ElementsAre(2, 2, 2, 2));
  EXPECT_EQ(report.rows[6].source_id, "id of theirs");
  EXPECT_NEAR(report.rows[10].epsilon, 2.0 / 255, 1e-12);
}

TEST_F(AttackRunTest, MeasuresEachAttackOnTheWholeModel) {
  Bundle model = MakeModel("own", 1);
  const double epsilon = 16.0 / 255;
  auto plan = Plan("pgd:steps=3 pgd:steps=3,scope=image pgd:steps=3,feat1=1,feat2=1", {epsilon});
  plan.eight_bit = true;
  const auto report = Run(plan, MakeModel("own", 1));
  const AttackGuard guard(*model.net);
  const AttackTarget target = TargetOf(model.net);
  const auto input = Input(epsilon);
  EXPECT_EQ(report.rows[0].hits, HitsOn(model.net, input.pictures));
  std::vector<bool> weak;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto attacked = RunAttack(plan.attacks[i].spec, target, input);
    const auto& row = report.rows[2 + 2 * i];
    EXPECT_EQ(row.hits, HitsOn(model.net, attacked)) << row.attack;
    EXPECT_EQ(report.rows[3 + 2 * i].hits,
              HitsOn(model.net, RoundToEightBits(attacked, input.pictures, input.epsilon)))
        << row.attack;
    weak.push_back(row.holds_features);
  }
  EXPECT_THAT(weak, ElementsAre(false, true, false));
}

TEST_F(AttackRunTest, TransferFollowsTheGradientsOfTheOtherModel) {
  // One whose logits do not depend on the picture has no direction to give: nothing changes.
  auto plan = Plan("pgd:steps=4,start=pictures");
  plan.transferred = plan.attacks;
  const auto report = Run(plan, MakeModel("own", 1),
                          {MakeBlindModel("blind"), MakeModel("same", 1), MakeModel("other", 2)});
  ASSERT_THAT(Names(report), ElementsAre("clean", "pgd:steps=4,start=pictures",
                                         "pgd:steps=4,start=pictures from blind",
                                         "pgd:steps=4,start=pictures from same",
                                         "pgd:steps=4,start=pictures from other", "worst case"));
  const auto hits = [&](int row) { return report.rows[row].hits; };
  EXPECT_NE(hits(1), hits(0)) << "the attack must do something for this test to say anything";
  EXPECT_EQ(hits(2), hits(0));
  EXPECT_EQ(hits(3), hits(1));
  Bundle model = MakeModel("own", 1), other = MakeModel("other", 2);
  const AttackGuard guard(*model.net), other_guard(*other.net);
  EXPECT_EQ(hits(4), HitsOn(model.net, RunAttack(plan.attacks[0].spec, TargetOf(other.net),
                                                 Input(16.0 / 255))));
}

TEST_F(AttackRunTest, TheWorstCaseIsRightUnderAllAndOfEachPicture) {
  const auto report =
      Run(Plan("noise:kind=corners pgd:steps=3 square:queries=20"), MakeModel("own", 1));
  const auto& worst = report.rows.back();
  ASSERT_EQ(worst.attack, "worst case");
  for (const auto& row : report.rows) {
    for (int k = 0; k < 4; ++k) EXPECT_LE(worst.hits[k], row.hits[k]) << row.attack;
  }
  EXPECT_EQ(worst.seconds, 0);
  EXPECT_GT(report.rows[2].seconds, 0);
  EXPECT_EQ(Names(Run(Plan("fgsm"), MakeModel("own", 1))).size(), 2u);
}

TEST_F(AttackRunTest, TheWorstCaseCountsSmallerBudgetsToo) {
  // In any order of budgets: 0.5 leaves next to nothing, and what it fools a larger one does.
  const auto report = Run(Plan("noise:kind=corners fgsm", {1.0, 1.0 / 255, .5}), MakeModel("o", 1));
  const auto hits = [&](int row) { return report.rows[row].Hits(); };
  ASSERT_EQ(report.rows[3].attack, "worst case");
  EXPECT_LT(hits(9), hits(6));
  EXPECT_LE(hits(3), hits(9));
  EXPECT_EQ(report.rows[9].epsilon, .5);
}

// The rows of a report with this name.
std::vector<RobustnessRow> RowsNamed(const RobustnessReport& report, const std::string& name) {
  std::vector<RobustnessRow> rows;
  for (const auto& row : report.rows) {
    if (row.attack == name) rows.push_back(row);
  }
  return rows;
}

TEST_F(AttackRunTest, CumulativeRowsHaveTheWorstCaseOfSeparateOnes) {
  const std::string attacks =
      "noise:kind=corners pgd:steps=2,restarts=2 apgd-ce:steps=3 pgd:steps=2,scope=image";
  bool some_left_alone = false;
  for (const bool eight_bit : {false, true}) {
    auto plan = Plan(attacks, {16.0 / 255, 4.0 / 255});
    plan.transferred = ParseAttacks("fgsm");
    plan.eight_bit = eight_bit;
    const auto separate = Run(plan, MakeModel("own", 1), {MakeModel("theirs", 2)});
    plan.rows = AttackRows::kCumulative;
    const auto cumulative = Run(plan, MakeModel("own", 1), {MakeModel("theirs", 2)});
    EXPECT_EQ(Names(separate), Names(cumulative));

    const auto expected = RowsNamed(separate, "worst case");
    const auto worst = RowsNamed(cumulative, "worst case");
    ASSERT_EQ(worst.size(), expected.size());
    for (std::size_t i = 0; i < worst.size(); ++i) EXPECT_EQ(worst[i].hits, expected[i].hits) << i;
    for (std::size_t i = 0; i < cumulative.rows.size(); ++i) {
      const RobustnessRow& row = cumulative.rows[i];
      EXPECT_LE(row.Hits(), separate.rows[i].Hits()) << row.attack;
      if (row.eight_bit || row.epsilon == 0 || row.attack == "worst case") {
        EXPECT_EQ(row.attacked, 0) << row.attack;
        continue;
      }
      EXPECT_EQ(separate.rows[i].attacked, 8);
      some_left_alone = some_left_alone || row.attacked < 8;
      EXPECT_EQ(row.counts, separate.rows[i].counts);
      // What is right in the row above is attacked.
      const bool follows = row.attack != "noise:kind=corners";
      if (follows && !eight_bit) {
        EXPECT_EQ(row.attacked, cumulative.rows[i - 1].Hits()) << row.attack;
      }
    }
  }
  EXPECT_TRUE(some_left_alone);
}

// Counts the pictures whose gradient is asked for.
struct CountingClassifier : ClassifierModule {
  explicit CountingClassifier(std::shared_ptr<ClassifierModule> counted)
      : inner(register_module("inner", std::move(counted))) {}
  torch::Tensor forward(const torch::Tensor& planes) override {
    if (planes.requires_grad()) gradients += planes.size(0);
    return inner->forward(planes);
  }
  std::string first_weight() const override { return inner->first_weight(); }

  std::shared_ptr<ClassifierModule> inner;
  std::int64_t gradients = 0;
};

TEST_F(AttackRunTest, PicturesThatAreWrongGetNoGradient) {
  const auto run = [](AttackPlan plan, RobustnessReport* report) {
    Bundle model = MakeModel("own", 1);
    const auto counter = std::make_shared<CountingClassifier>(model.net->classifier);
    model.net->classifier = model.net->replace_module("classifier", counter);
    *report = Run(std::move(plan), model);
    return counter->gradients;
  };
  auto plan = Plan("fgsm pgd:steps=3,start=pictures", {4.0 / 255, 16.0 / 255});
  RobustnessReport separate, cumulative;
  EXPECT_EQ(run(plan, &separate), 8 * 2 * (1 + 3));
  plan.rows = AttackRows::kCumulative;
  const auto gradients = run(plan, &cumulative);
  const auto& rows = cumulative.rows;  // Clean, two attacks and the worst of each budget.
  ASSERT_EQ(rows.size(), 7u);
  EXPECT_LT(rows[5].attacked, 8) << "some must be fooled for this test to say anything";
  EXPECT_EQ(gradients,
            rows[1].attacked + 3 * rows[2].attacked + rows[4].attacked + 3 * rows[5].attacked);
  EXPECT_EQ(rows[1].attacked, rows[0].Hits());
  EXPECT_EQ(rows[4].attacked, rows[3].Hits());

  // APGD leaves a picture alone from the step that fools it.
  plan.attacks = ParseAttacks("apgd-ce:steps=10");
  plan.epsilons = {64.0 / 255};
  const auto steps = run(plan, &cumulative);
  EXPECT_LT(cumulative.rows[1].Hits(), cumulative.rows[1].attacked);
  EXPECT_GE(steps, cumulative.rows[1].attacked);
  EXPECT_LT(steps, cumulative.rows[1].attacked * 10);
}

TEST_F(AttackRunTest, SaysThatAModelHasNoFeatures) {
  const auto without = [](const std::string& name) {
    Bundle bundle = MakeModel(name, 1);
    bundle.net->ic1 = nullptr;
    bundle.net->ic2 = nullptr;
    return bundle;
  };
  auto plan = Plan("fgsm pgd:steps=2,feat1=1 square:scope=image");
  ExpectError(ErrorKind::kMismatch, {"'pgd:steps=2,feat1=1'", "the model has no features"},
              [&] { AttackRun(plan, without("own"), {}, torch::kCPU); });
  plan.leave_out = true;
  plan.transferred = ParseAttacks("noise pgd:scope=image");
  const AttackRun run(plan, without("own"), {without("bare"), MakeModel("theirs", 2)}, torch::kCPU);
  EXPECT_THAT(Names(run.report()),
              ElementsAre("clean", "fgsm", "noise from bare", "noise from theirs",
                          "pgd:scope=image from theirs", "worst case"));
  ASSERT_EQ(run.report().left_out.size(), 3u);
  EXPECT_EQ(run.report().left_out[0].attack, "pgd:steps=2,feat1=1");
  EXPECT_EQ(run.report().left_out[2].attack, "pgd:scope=image from bare");
}

TEST_F(AttackRunTest, RefusesModelsThatTakeOtherPictures) {
  auto plan = Plan("fgsm");
  plan.transferred = ParseAttacks("fgsm");
  const auto refuse = [&](const std::vector<std::string>& parts, auto change) {
    Bundle other = MakeModel("theirs", 2);
    change(&other.spec);
    ExpectError(ErrorKind::kMismatch, parts,
                [&] { AttackRun(plan, MakeModel("own", 1), {other}, torch::kCPU); });
  };
  refuse({"'theirs' takes pictures of 64 x 64 with 1 plane", "'own' of 32 x 32 with 1 plane"},
         [](ModelSpec* spec) { spec->preprocess.size = 64; });
  refuse({"32 x 32 with 3 planes"}, [](ModelSpec* spec) { spec->preprocess.channels = 3; });
  refuse({"'theirs' knows other classes"}, [](ModelSpec* spec) {
    spec->class_names = {"a", "b", "c", "d"};
  });
}

TEST_F(AttackRunTest, RefusesPlansThatCannotBe) {
  ExpectError(ErrorKind::kInvalid, {"none is named"},
              [] { AttackRun(Plan(" "), MakeModel("own", 1), {}, torch::kCPU); });
  auto plan = Plan("fgsm", {0.5 / 255, 0.4 / 255});
  plan.eight_bit = true;
  ExpectError(ErrorKind::kInvalid, {"0.5/255 or more"},
              [&] { AttackRun(plan, MakeModel("own", 1), {}, torch::kCPU); });
}

TEST_F(AttackRunTest, CostsAllAttacksAtAllBudgetsAndALookAtEachRow) {
  auto plan = Plan("fgsm pgd:steps=10", {.01, .02});
  AttackRun run(plan, MakeModel("own", 1), {}, torch::kCPU);
  EXPECT_EQ(run.Cost().backward, 2 * 11);
  EXPECT_EQ(run.Cost().forward, 2 * 11 + 7);
}

}  // namespace
}  // namespace hepar
