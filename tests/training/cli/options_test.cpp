// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "tests/training/support/temp_folder.h"
#include "training/cli/common_options.h"
#include "training/cli/train_options.h"
#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<std::string> kClassifiers = {"squeezenet1_1", "vit_tiny", "torchscript"};

// The message of the error that parsing `arguments` as `hepar train` ends in.
std::string ErrorOf(const std::vector<std::string>& arguments,
                    ErrorKind kind = ErrorKind::kInvalid) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  try {
    table.Parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TrainOptions Parsed(const std::vector<std::string>& arguments) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  EXPECT_TRUE(table.Parse(arguments));
  return options;
}

TEST(OptionTableTest, FlagsSetTheirVariablesAndLeaveTheOthers) {
  const TrainOptions o = Parsed({"--lr", "0.5", "--epochs=7", "--size", "nano", "--augment", "off",
                                 "--final-relu", "--milestones", "3,5", "--data", "a b/\xe4.csv"});
  EXPECT_EQ(o.trainer.learning_rate.base, 0.5);
  EXPECT_EQ(o.trainer.epochs, 7);
  EXPECT_EQ(o.architecture.size, "nano");
  EXPECT_FALSE(o.augment);
  EXPECT_TRUE(o.architecture.final_relu);
  EXPECT_THAT(o.trainer.learning_rate.milestones, ElementsAre(3, 5));
  EXPECT_EQ(o.scans.path, "a b/\xe4.csv");
  EXPECT_EQ(o.batches.size, TrainOptions().batches.size);
}

TEST(OptionTableTest, FlagsWinOverTheFile) {
  const TempFolder folder;
  const std::string file = folder.Write(
      "run.ini",
      "[train]\nlr=0.25\nepochs=9\nfinal-relu=true\nmilestones=4,8\n[evaluate]\nfold=1\n");
  const TrainOptions o =
      Parsed({"--epochs", "3", "--config", file, "--milestones", "5", "--milestones", "6"});
  EXPECT_EQ(o.trainer.learning_rate.base, 0.25);
  EXPECT_EQ(o.trainer.epochs, 3);
  EXPECT_TRUE(o.architecture.final_relu);
  EXPECT_THAT(o.trainer.learning_rate.milestones, ElementsAre(5, 6));
}

TEST(OptionTableTest, DescribesEveryOptionAsJson) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  ASSERT_FALSE(table.Parse({"--describe"}));
  const json description = json::parse(table.Reply());
  EXPECT_EQ(description.at("verb"), "train");
  const auto find = [&description](const std::string& name) {
    for (const json& option : description.at("options")) {
      if (option.at("name") == name) return option;
    }
    return json();
  };
  EXPECT_EQ(find("data").at("value"), "file");
  EXPECT_TRUE(find("data").at("required"));
  EXPECT_EQ(find("final-relu").at("value"), "none");
  EXPECT_EQ(find("epochs").at("default"), std::to_string(TrainOptions().trainer.epochs));
  EXPECT_EQ(find("augment").at("choices"), json({"on", "off"}));
  EXPECT_EQ(find("lr").at("value"), "text");
}

TEST(OptionTableTest, UnknownFlagNamesTheNearest) {
  EXPECT_THAT(ErrorOf({"--epoch", "3"}),
              HasSubstr("unknown option --epoch; did you mean --epochs?"));
  EXPECT_THAT(ErrorOf({"--weigth-decay=3"}), HasSubstr("did you mean --weight-decay?"));
  EXPECT_THAT(ErrorOf({"--zzzzzzzz"}),
              AllOf(HasSubstr("unknown option --zzzzzzzz ("), HasSubstr("hepar train --help")));
}

// Found by fuzzing: these ended the program.
TEST(OptionTableTest, FlagWithoutANameIsUnknown) {
  EXPECT_THAT(ErrorOf({"--=8"}), HasSubstr("unknown option -- ("));
  EXPECT_THAT(ErrorOf({"-="}), HasSubstr("unknown option - ("));
  EXPECT_THAT(ErrorOf({"---"}), HasSubstr("unknown option --- ("));
}

TEST(OptionTableTest, UnknownKeyOrGroupOfTheFileNamesTheNearest) {
  const TempFolder folder;
  const std::string key = folder.Write("key.ini", "[train]\nlambda4=1\n");
  EXPECT_THAT(ErrorOf({"--config", key}),
              AllOf(HasSubstr("key.ini: [train] lambda4"), HasSubstr("did you mean lambda1?")));
  const std::string group = folder.Write("group.ini", "[trian]\nlr=1\n");
  EXPECT_THAT(ErrorOf({"--config", group}),
              HasSubstr("unknown group [trian]; did you mean train?"));
  const std::string broken = folder.Write("broken.ini", "lr\n");
  EXPECT_THAT(ErrorOf({"--config", broken}), HasSubstr("broken.ini: "));
  EXPECT_THAT(ErrorOf({"--config", folder / "none.ini"}), HasSubstr("none.ini: no such file"));
}

TEST(OptionTableTest, WrongValuesNameOptionRangeAndValue) {
  EXPECT_THAT(ErrorOf({"--lr", "fast"}),
              HasSubstr("--lr: expected a number in 0..100, got 'fast'"));
  EXPECT_THAT(ErrorOf({"--lr", "nan"}), HasSubstr("got 'nan'"));
  EXPECT_THAT(ErrorOf({"--lr", ""}), HasSubstr("got ''"));
  EXPECT_THAT(ErrorOf({"--epochs", "0"}), HasSubstr("--epochs: expected an integer in 1..100000"));
  EXPECT_THAT(ErrorOf({"--epochs", "3.5"}), HasSubstr("got '3.5'"));
  EXPECT_THAT(ErrorOf({"--size", "huge"}), HasSubstr("choose one of nano, live, paper"));
  EXPECT_THAT(ErrorOf({"--augment", "maybe"}), HasSubstr("expected on or off, got 'maybe'"));
  EXPECT_THAT(ErrorOf({"--optimizer", "lion"}), HasSubstr("choose one of adam, adamw, sgd"));
  EXPECT_THAT(ErrorOf({"--planes", "cmyk"}), HasSubstr("choose one of y, ycbcr, rgb"));
  EXPECT_THAT(ErrorOf({"--milestones", "3,0"}), HasSubstr("--milestones: expected an integer"));
  EXPECT_THAT(ErrorOf({"--widths", "16,16"}), HasSubstr("--widths: "));
  EXPECT_THAT(ErrorOf({"--sector", "round"}), HasSubstr("--sector: "));
  EXPECT_THAT(ErrorOf({"--lr"}), HasSubstr("--lr"));

  const TempFolder folder;
  const std::string file = folder.Write("run.ini", "[train]\nlr=fast\n");
  EXPECT_THAT(ErrorOf({"--config", file}), HasSubstr("run.ini: [train] lr: expected a number"));
}

TEST(OptionTableTest, UnknownClassifierIsFoundBeforeAnyDataIsRead) {
  EXPECT_THAT(ErrorOf({"--classifier", "nosuch"}),
              AllOf(HasSubstr("--classifier: unknown value 'nosuch'"), HasSubstr("squeezenet1_1"),
                    HasSubstr("vit_tiny")));
  EXPECT_EQ(Parsed({"--classifier", "torchscript:own.pt"}).architecture.classifier,
            "torchscript:own.pt");
}

TEST(OptionTableTest, EveryNameOfAnEnumIsReadBackAsItWasGiven) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> enums = {
      {"decouplers", {"both", "specific", "common", "none"}},
      {"planes", {"y", "ycbcr", "rgb", "hsv_v", "lab_l"}},
      {"ic2-skips", {"all", "no_top", "none"}},
      {"first-layer", {"repeat", "luma"}},
      {"procedure", {"joint", "adversarial"}},
      {"optimizer", {"adam", "adamw", "sgd"}},
      {"schedule", {"constant", "cosine", "step"}},
      {"sampling", {"each", "balanced"}},
      {"select", {"balanced-accuracy", "loss", "robust", "last"}},
      {"edge-filter", {"laplacian", "pyramid"}},
      {"auxiliary-target", {"one-hot", "ordinal"}},
      {"attack-precision", {"fp32", "bf16"}},
      {"scope", {"image", "end2end"}},
      {"perturb", {"image", "luma"}},
      {"fairness", {"none", "cfa", "dafa"}},
      {"accuracy-source", {"robust", "robust-train-mode", "clean", "validation"}}};
  for (const auto& [option, names] : enums) {
    std::string key = option;
    std::replace(key.begin(), key.end(), '-', '_');
    for (const std::string& name : names) {
      TrainOptions options;
      OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
      ASSERT_TRUE(table.Parse({"--" + option, name})) << option;
      EXPECT_EQ(json::parse(table.ToJson()).at(key), name) << option;
    }
  }
}

TEST(OptionTableTest, FormerNamesStayValidAndAreTheKeysOfRecords) {
  const TempFolder folder;
  const std::string file = folder.Write("run.ini", "[train]\nlicence=CC0-1.0\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--license", "CC0-1.0", "--freeze-normalization"},
        std::vector<std::string>{"--licence", "CC0-1.0", "--freeze-normalisation"},
        std::vector<std::string>{"--config", file, "--freeze-normalization"}}) {
    TrainOptions options;
    OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
    ASSERT_TRUE(table.Parse(arguments));
    EXPECT_EQ(options.license, "CC0-1.0");
    EXPECT_TRUE(options.trainer.freeze_normalization);
    EXPECT_TRUE(table.IsGiven("license"));
    const json values = json::parse(table.ToJson());
    EXPECT_EQ(values.at("licence"), "CC0-1.0");
    EXPECT_EQ(values.at("freeze_normalisation"), true);
    EXPECT_FALSE(values.contains("license"));
  }
}

TEST(OptionTableTest, RequiredOptionsAreMissedByName) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  ASSERT_TRUE(table.Parse({"--out", "m.hepar"}));
  try {
    table.CheckRequired();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr("--data is missing: the labeled scans to train on"));
  }
  ASSERT_TRUE(table.Parse({"--data", "labels.csv"}));
  EXPECT_NO_THROW(table.CheckRequired());
}

TEST(OptionTableTest, VersionIsAnsweredLikeHelp) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  EXPECT_FALSE(table.Parse({"--version"}));
  EXPECT_THAT(table.Reply(), testing::StartsWith("hepar "));
}

TEST(OptionTableTest, AnArgumentWithoutFlagCanBeTheValueOfAnOption) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"m.hepar"}, std::vector<std::string>{"--model", "m.hepar"}}) {
    std::string model;
    OptionTable table("inspect", "FILE", "Shows a file.");
    AddModelOption(&table, &model, "the model bundle");
    table.AlsoPositional();
    ASSERT_TRUE(table.Parse(arguments));
    EXPECT_EQ(model, "m.hepar");
  }
  std::string model;
  OptionTable table("inspect", "FILE", "Shows a file.");
  AddModelOption(&table, &model, "the model bundle");
  table.AlsoPositional();
  EXPECT_THROW(table.Parse({"a.hepar", "--model", "b.hepar"}), Error);
  EXPECT_THROW(table.Parse({"a.hepar", "b.hepar"}), Error);
}

TEST(OptionTableTest, ListsOfNumbersShowTheTextThatWasGiven) {
  std::vector<double> budgets;
  OptionTable table("attack", "", "Attacks.");
  table.Numbers("epsilon", &budgets, "8/255", 0, 1, "X,X,...", "Budgets");
  EXPECT_THAT(budgets, ElementsAre(8.0 / 255));
  ASSERT_TRUE(table.Parse({"--epsilon", "0.5/255,1/255", "--epsilon", "0.25"}));
  EXPECT_THAT(budgets, ElementsAre(0.5 / 255, 1.0 / 255, 0.25));
  EXPECT_EQ(json::parse(table.ToJson()).at("epsilon"), "0.5/255,1/255,0.25");
  EXPECT_THROW(table.Parse({"--epsilon", "2"}), Error);
}

TEST(OptionTableTest, ArgumentsWithoutFlagAreTakenUpToTheirNumber) {
  EXPECT_THAT(ErrorOf({"scan.png"}), HasSubstr("unexpected argument 'scan.png'"));

  std::vector<std::string> files;
  OptionTable table("inspect", "FILE", "Shows a file.");
  table.Positional(&files, 1);
  EXPECT_TRUE(table.Parse({"--", "a.hepar"}));
  EXPECT_THAT(files, ElementsAre("a.hepar"));
  EXPECT_THROW(table.Parse({"b.hepar"}), Error);
}

TEST(OptionTableTest, ArgumentsThatMissTheirFlagAreGivenIt) {
  EXPECT_THAT(ErrorOf({"scans"}), HasSubstr("did you mean --data scans?"));
  EXPECT_THAT(ErrorOf({"m.hepar"}), testing::Not(HasSubstr("did you mean")));  // No --model here.

  std::string model;
  OptionTable table("export", "--model FILE", "Writes a model.");
  table.Path("model", &model, "FILE", "The model");
  const auto error_of = [](OptionTable& t, const std::vector<std::string>& arguments) {
    try {
      t.Parse(arguments);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(error_of(table, {"m.hepar"}), HasSubstr("did you mean --model m.hepar?"));
  EXPECT_THAT(error_of(table, {"scans"}), testing::Not(HasSubstr("did you mean")));
}

TEST(OptionTableTest, AFileWithoutTheGroupOfTheVerbIsAnError) {
  const TempFolder folder;
  EXPECT_THAT(ErrorOf({"--config", folder.Write("a.ini", "[attack]\nepsilon=1\n")}),
              HasSubstr("has no group [train], which 'hepar train' reads; it has [attack]"));
  EXPECT_THAT(ErrorOf({"--config", folder.Write("b.ini", "epochs=1\n")}),
              HasSubstr("put the line [train] above its keys"));
  EXPECT_THAT(ErrorOf({"--config", folder.Write("c.ini", "[training]\nepochs=1\n")}),
              HasSubstr("unknown group [training]; did you mean train?"));
  EXPECT_THAT(ErrorOf({"--config", folder.Write("d.ini", "")}), HasSubstr("has no group [train]"));
}

TEST(OptionTableTest, HelpListsEachOptionWithItsDefault) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  EXPECT_FALSE(table.Parse({"--help", "--epochs", "7"}));
  const std::string help = table.Help();
  const json values = json::parse(table.ToJson());
  for (const auto& [key, value] : values.items()) {
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    EXPECT_THAT(help, HasSubstr(flag)) << flag;  // Or as a former name.
  }
  EXPECT_THAT(help, HasSubstr("(default 60)"));
  EXPECT_THAT(help, HasSubstr("--config FILE"));
  EXPECT_THAT(help, HasSubstr("  --license TEXT"));
  for (const std::string& name : kClassifiers) EXPECT_THAT(help, HasSubstr(name));
  EXPECT_THAT(help, HasSubstr("75 stopped by --requeue-signal"));
  EXPECT_THAT(help, HasSubstr("130 interrupted"));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(OptionTableTest, JsonHasTypesAndNoFoldersOfThisMachine) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  ASSERT_TRUE(table.Parse({"--data", "/home/somebody/labels.csv", "--lr", "1e-4", "--resume"}));
  const json values = json::parse(table.ToJson());
  EXPECT_EQ(values.at("data"), "labels.csv");
  EXPECT_EQ(values.at("lr"), 1e-4);
  EXPECT_EQ(values.at("epochs"), 60);
  EXPECT_EQ(values.at("resume"), true);
  EXPECT_EQ(values.at("size"), "live");
  EXPECT_EQ(table.ToJson().find("somebody"), std::string::npos);
}

std::vector<std::string> IdleOf(const std::vector<std::string>& arguments) {
  TrainOptions options;
  OptionTable table = MakeTrainOptionTable(&options, kClassifiers);
  EXPECT_TRUE(table.Parse(arguments));
  return IdleTrainOptions(table, options);
}

TEST(IdleTrainOptionsTest, NamesWhatHasNoEffectAndWhy) {
  EXPECT_THAT(IdleOf({"--beta", "3", "--epochs", "5"}),
              ElementsAre(AllOf(HasSubstr("--beta"), HasSubstr("--procedure joint"))));
  EXPECT_THAT(IdleOf({"--epsilon", "2/255"}), SizeIs(1));
  EXPECT_THAT(IdleOf({"--preset", "paper", "--fairness", "dafa", "--sigma", "0.5"}),
              ElementsAre(HasSubstr("--sigma")));
  EXPECT_THAT(IdleOf({"--milestones", "3,4", "--augment", "off", "--augment-gain", "0.1"}),
              SizeIs(2));
}

TEST(IdleTrainOptionsTest, IsSilentWhereOptionsActOrOnlyThePresetSetThem) {
  EXPECT_THAT(IdleOf({}), IsEmpty());
  EXPECT_THAT(IdleOf({"--preset", "paper"}), IsEmpty());
  EXPECT_THAT(IdleOf({"--preset", "paper", "--procedure", "joint"}), IsEmpty());
  EXPECT_THAT(IdleOf({"--preset", "paper", "--beta", "3", "--sigma", "0.2"}), IsEmpty());
  EXPECT_THAT(IdleOf({"--epsilon", "2/255", "--report-steps", "20"}), IsEmpty());
}

TEST(NearestNameTest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(NearestName("evalute", VerbNames()), "evaluate");
  EXPECT_EQ(NearestName("frobnicate", VerbNames()), "");
}

TEST(FormatTableTest, AlignsColumns) {
  EXPECT_EQ(FormatTable({{"", "n"}, {"mild", "9"}, {"all", "100"}}),
            "        n\n---------\nmild    9\nall   100\n");
}

TEST(FormatTableTest, NumbersThatAreNoneShowAsADash) {
  EXPECT_EQ(Percent(0.76667), "76.67");
  EXPECT_EQ(Percent(std::nan("")), "-");
  EXPECT_EQ(Fixed(0.5, 3), "0.500");
}

}  // namespace
}  // namespace hepar
