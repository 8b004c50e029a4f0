// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Runs the built program, whose path is in the environment variable HEPAR_PROGRAM.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "models/engine/engine.h"
#include "models/file_io.h"
#include "tests/training/temp_folder.h"
#include "training/exit_codes.h"

namespace hepar {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kMaxOutput = 16 << 20;

// A run of the program with its output in files.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    const char* program = std::getenv("HEPAR_PROGRAM");
    if (program == nullptr) throw std::runtime_error("HEPAR_PROGRAM is not set");
    std::vector<char*> argv = {const_cast<char*>(program)};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string out = folder_.Write("out", ""), err = folder_.Write("err", "");
    child_ = fork();
    if (child_ == 0) {
      dup2(open(out.c_str(), O_WRONLY), STDOUT_FILENO);
      dup2(open(err.c_str(), O_WRONLY), STDERR_FILENO);
      execv(program, argv.data());
      _exit(127);
    }
  }
  ~Program() {
    if (child_ > 0) kill(child_, SIGKILL), Wait();
  }

  void Interrupt() const { kill(child_, SIGINT); }

  int Wait() {
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string out() const { return ReadFile(folder_ / "out", kMaxOutput); }
  std::string err() const { return ReadFile(folder_ / "err", kMaxOutput); }

 private:
  TempFolder folder_;
  pid_t child_ = -1;
};

// Expects this exit code and a one-line message on standard error that holds `message`.
void ExpectFailure(const std::vector<std::string>& arguments, int code,
                   const std::string& message) {
  Program program(arguments);
  EXPECT_EQ(program.Wait(), code) << message;
  const std::string err = program.err();
  EXPECT_THAT(err, HasSubstr(message));
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_EQ(program.out(), "");
}

// Eight simulated patients, two of each grade, made once.
class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    Program simulate({"simulate", "--out", *folder_ / "scans", "--patients-per-grade", "2",
                      "--frames", "2", "--width", "160", "--height", "120"});
    ASSERT_EQ(simulate.Wait(), kExitOk) << simulate.err();
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string Path(const std::string& name) { return *folder_ / name; }
  static std::string Manifest() { return Path("scans/manifest.csv"); }

  static std::vector<std::string> Train(const std::string& out, int epochs,
                                        std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          Manifest(),
                                          "--out",
                                          Path(out),
                                          "--size",
                                          "nano",
                                          "--batch",
                                          "4",
                                          "--input-size",
                                          "64",
                                          "--epochs",
                                          std::to_string(epochs),
                                          "--device",
                                          "cpu",
                                          "--validation-fraction",
                                          "0.5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static TempFolder* folder_;
};

TempFolder* CliTest::folder_ = nullptr;

TEST_F(CliTest, HelpNamesEveryVerbAndExitCode) {
  Program help({"--help"});
  EXPECT_EQ(help.Wait(), kExitOk);
  EXPECT_THAT(help.out(), AllOf(HasSubstr("train"), HasSubstr("evaluate"), HasSubstr("inspect"),
                                HasSubstr("simulate"), HasSubstr("Exit codes")));
  for (const char* verb : {"train", "evaluate", "inspect", "simulate"}) {
    Program verb_help({verb, "--help"});
    EXPECT_EQ(verb_help.Wait(), kExitOk) << verb;
    EXPECT_THAT(verb_help.out(), HasSubstr("Usage: hepar " + std::string(verb)));
    EXPECT_THAT(verb_help.out(), HasSubstr("Exit codes"));
  }
}

TEST_F(CliTest, WrongUseExitsWithTwo) {
  ExpectFailure({"tarin"}, kExitUsage, "did you mean train?");
  ExpectFailure({"train", "--epoch", "3"}, kExitUsage, "did you mean --epochs?");
  ExpectFailure({"train"}, kExitUsage, "--data is missing");
  ExpectFailure({"evaluate", "--data", Manifest()}, kExitUsage, "--model is missing");
  ExpectFailure({"evaluate", "--model", "a,b", "--data", Manifest()}, kExitUsage, "--folds");
  ExpectFailure({"inspect"}, kExitUsage, "usage: hepar inspect");
  ExpectFailure({"simulate"}, kExitUsage, "--out is missing");
  ExpectFailure({"train", "--data", Manifest(), "--out", Path("none/m.hepar")}, kExitUsage,
                "does not exist");
  ExpectFailure(Train("m.hepar", 1, {"--device", "gpu"}), kExitUsage, "unknown device 'gpu'");
  Program weights(Train("m.hepar", 1, {"--class-weights", "1,2"}));
  EXPECT_EQ(weights.Wait(), kExitUsage);
  EXPECT_THAT(weights.err(), HasSubstr("--class-weights: expected 4 numbers"));
}

TEST_F(CliTest, InputDataModelAndDeviceHaveTheirOwnExitCodes) {
  ExpectFailure({"train", "--data", Path("none"), "--out", Path("m.hepar")}, kExitInputData,
                "none");
  ExpectFailure({"inspect", Path("none.hepar")}, kExitModel, "no such file");
  ExpectFailure({"inspect", Manifest()}, kExitModel, "no model bundle");
  ExpectFailure({"evaluate", "--model", Manifest(), "--data", Manifest()}, kExitModel,
                "no model bundle");
  ExpectFailure(
      {"evaluate", "--model", Path("m.hepar"), "--data", Manifest(), "--device", "cuda:99"},
      kExitDevice, "cuda:99");
}

TEST_F(CliTest, TrainsABundleThatTheOtherVerbsAndTheEngineAccept) {
  Program train(Train("a.hepar", 2, {"--json", Path("train.json"), "--licence", "CC0-1.0"}));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.out(), AllOf(HasSubstr("epoch 2/2"), HasSubstr("balanced accuracy"),
                                 HasSubstr("MiB"), HasSubstr("wrote ")));
  const json trained = json::parse(ReadFile(Path("train.json"), kMaxOutput));
  EXPECT_EQ(trained.at("epochs"), 2);
  EXPECT_TRUE(trained.at("validation").at("frame").contains("auc_severe"));
  EXPECT_THAT(ReadFile(Path("a.hepar.work/log.csv"), kMaxOutput), HasSubstr("\n2,"));
  EXPECT_FALSE(std::filesystem::exists(Path("a.hepar.work/last.ckpt")));

  EngineConfig config;
  config.model = Path("a.hepar");
  config.device = "cpu";
  const ModelSpec spec = Engine::Open(config)->spec();
  EXPECT_EQ(spec.name, "a");
  EXPECT_EQ(spec.licence, "CC0-1.0");
  EXPECT_EQ(spec.preprocess.size, 64);
  EXPECT_EQ(json::parse(spec.training_options).at("epochs"), 2);
  EXPECT_EQ(json::parse(spec.metrics).at("kept_epoch"), trained.at("kept_epoch"));
  EXPECT_EQ(spec.dataset_digest.size(), 64u);

  Program inspect({"inspect", Path("a.hepar"), "--json", "-"});
  ASSERT_EQ(inspect.Wait(), kExitOk) << inspect.err();
  const json description = json::parse(inspect.out());
  EXPECT_EQ(description.at("id"), spec.id);
  EXPECT_EQ(description.at("parts").at("total").at("parameters"), 972083);

  Program evaluate({"evaluate", "--model", Path("a.hepar"), "--data", Manifest(), "--json", "-",
                    "--csv", Path("p.csv")});
  ASSERT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
  EXPECT_THAT(evaluate.err(), HasSubstr("was trained on this data set"));
  const json figures = json::parse(evaluate.out());
  for (const char* level : {"frame", "patient"}) {
    for (const char* key : {"accuracy", "balanced_accuracy", "best_worst", "per_class", "auc_mild",
                            "auc_moderate", "auc_severe"}) {
      EXPECT_TRUE(figures.at(level).contains(key)) << level << " " << key;
    }
  }
  EXPECT_EQ(figures.at("frame").at("cases"), 16);
  EXPECT_EQ(figures.at("patient").at("cases"), 8);
  const std::string csv = ReadFile(Path("p.csv"), kMaxOutput);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 17);
}

TEST_F(CliTest, CrossValidationScoresEachPatientOnceByTheModelThatDidNotSeeIt) {
  std::string folds = "patient_id,fold\n";
  std::vector<std::string> patients;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("scans"))) {
    if (entry.is_directory() && entry.path().parent_path() != Path("scans")) {
      patients.push_back(entry.path().filename());
    }
  }
  std::sort(patients.begin(), patients.end());
  ASSERT_EQ(patients.size(), 8u);
  for (std::size_t i = 0; i < patients.size(); ++i) {
    folds += patients[i] + "," + std::to_string(i / 4) + "\n";
  }
  folder_->Write("folds.csv", folds);
  const std::string file = Path("folds.csv");
  for (const char* fold : {"0", "1"}) {
    Program train(Train("fold" + std::string(fold) + ".hepar", 1,
                        {"--folds", file, "--fold", fold, "--validation-fraction", "0"}));
    ASSERT_EQ(train.Wait(), kExitOk) << train.err();
    EXPECT_THAT(train.out(), HasSubstr("test part"));
  }
  Program evaluate({"evaluate", "--model", Path("fold0.hepar"), "--model", Path("fold1.hepar"),
                    "--data", Manifest(), "--folds", file, "--json", "-"});
  ASSERT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
  const json figures = json::parse(evaluate.out());
  EXPECT_EQ(figures.at("patient").at("cases"), 8);
  EXPECT_EQ(figures.at("models").size(), 2u);
  EXPECT_TRUE(figures.at("warnings").empty()) << figures.at("warnings");

  Program swapped({"evaluate", "--model", Path("fold1.hepar"), "--model", Path("fold0.hepar"),
                   "--data", Manifest(), "--folds", file, "--json", "-"});
  ASSERT_EQ(swapped.Wait(), kExitOk);
  EXPECT_EQ(json::parse(swapped.out()).at("warnings").size(), 2u);
}

TEST_F(CliTest, GoesOnAfterCtrlCToTheSameModel) {
  Program whole(Train("whole.hepar", 3));
  ASSERT_EQ(whole.Wait(), kExitOk) << whole.err();

  Program interrupted(Train("parts.hepar", 3));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!std::filesystem::exists(Path("parts.hepar.work/log.csv")) &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  interrupted.Interrupt();
  ASSERT_EQ(interrupted.Wait(), kExitInterrupted) << interrupted.err();
  EXPECT_THAT(interrupted.err(), HasSubstr("--resume"));
  EXPECT_FALSE(std::filesystem::exists(Path("parts.hepar")));

  ExpectFailure(Train("parts.hepar", 3), kExitUsage, "--resume");
  Program resumed(Train("parts.hepar", 3, {"--resume"}));
  ASSERT_EQ(resumed.Wait(), kExitOk) << resumed.err();
  const auto id_of = [](const std::string& name) {
    EngineConfig config;
    config.model = Path(name);
    config.device = "cpu";
    return Engine::Open(config)->spec().id;
  };
  EXPECT_EQ(id_of("parts.hepar"), id_of("whole.hepar"));
}

TEST_F(CliTest, ResumeOfAnotherRunIsRefused) {
  Program interrupted(Train("other.hepar", 1000));
  while (!std::filesystem::exists(Path("other.hepar.work/log.csv"))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  interrupted.Interrupt();
  ASSERT_EQ(interrupted.Wait(), kExitInterrupted);
  Program resumed(Train("other.hepar", 1000, {"--resume", "--lr", "0.5"}));
  EXPECT_EQ(resumed.Wait(), kExitModel);
  EXPECT_THAT(resumed.err(), HasSubstr("made with lr = 0.001, this run has 0.5"));
}

TEST_F(CliTest, OptionsComeFromAFile) {
  folder_->Write("run.ini", "[train]\ndata=" + Manifest() + "\nout=" + Path("ini.hepar") +
                                "\nsize=nano\ninput-size=64\nbatch=4\nepochs=5\ndevice=cpu\n");
  Program train({"train", "--config", Path("run.ini"), "--epochs", "1"});
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.out(), HasSubstr("epoch 1/1"));
  EXPECT_TRUE(std::filesystem::exists(Path("ini.hepar")));
}

}  // namespace
}  // namespace hepar
