// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Runs the built program, whose path is in the environment variable HEPAR_PROGRAM.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/engine/engine.h"
#include "models/file_io.h"
#include "models/tensor_file/safetensors.h"
#include "tests/support/tiny_model.h"
#include "tests/training/support/temp_folder.h"
#include "training/cli/exit_codes.h"

namespace hepar {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kMaxOutput = 16 << 20;

// What surrounds a run.
struct Surroundings {
  std::vector<std::pair<std::string, std::string>> variables;  // Of the environment.
  rlim_t file_bytes = RLIM_INFINITY;  // No file may grow larger, as on a full disk.
  std::string standard_output;        // In place of a file that out() reads.
};

// A run of the program with its output in files.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments,
                   const Surroundings& surroundings = {}) {
    const char* program = std::getenv("HEPAR_PROGRAM");
    if (program == nullptr) throw std::runtime_error("HEPAR_PROGRAM is not set");
    std::vector<char*> argv = {const_cast<char*>(program)};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string out = folder_.Write("out", ""), err = folder_.Write("err", "");
    child_ = fork();
    if (child_ == 0) {
      const std::string& taken = surroundings.standard_output;
      dup2(open(taken.empty() ? out.c_str() : taken.c_str(), O_WRONLY), STDOUT_FILENO);
      dup2(open(err.c_str(), O_WRONLY), STDERR_FILENO);
      for (const auto& [name, value] : surroundings.variables) {
        setenv(name.c_str(), value.c_str(), 1);
      }
      const rlimit limit = {surroundings.file_bytes, surroundings.file_bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
      signal(SIGXFSZ, SIG_IGN);  // Writing beyond it is then an error.
      execv(program, argv.data());
      _exit(127);
    }
  }
  ~Program() {
    if (child_ > 0) kill(child_, SIGKILL), Wait();
  }

  void Signal(int number) const { kill(child_, number); }
  void Interrupt() const { Signal(SIGINT); }
  void Kill() const { Signal(SIGKILL); }

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

// The id of a model, or "" when there is none.
std::string IdOf(const std::string& path) {
  if (!std::filesystem::exists(path)) return "";
  EngineConfig config;
  config.model = path;
  config.device = "cpu";
  return Engine::Open(config)->spec().id;
}

// Eight simulated patients, two of each grade, made once.
class CliTest : public ::testing::Test {
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

  // Two folds with a patient of each grade.
  static std::string WriteFolds() {
    std::string folds = "patient_id,fold\n";
    std::vector<std::string> patients;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("scans"))) {
      if (entry.is_directory() && entry.path().parent_path() != Path("scans")) {
        patients.push_back(entry.path().filename());
      }
    }
    std::sort(patients.begin(), patients.end());
    EXPECT_EQ(patients.size(), 8u);
    for (std::size_t i = 0; i < patients.size(); ++i) {
      folds += patients[i] + "," + std::to_string(i / 4) + "\n";
    }
    folder_->Write("folds.csv", folds);
    return Path("folds.csv");
  }

  static TempFolder* folder_;
};

TempFolder* CliTest::folder_ = nullptr;

TEST_F(CliTest, HelpNamesEveryVerbAndExitCode) {
  Program help({"--help"});
  EXPECT_EQ(help.Wait(), kExitOk);
  EXPECT_THAT(help.out(), AllOf(HasSubstr("train"), HasSubstr("evaluate"), HasSubstr("inspect"),
                                HasSubstr("simulate"), HasSubstr("Exit codes")));
  Program version({"--version"});
  EXPECT_EQ(version.Wait(), kExitOk);
  for (const char* verb :
       {"train", "evaluate", "grade", "attack", "ablate", "probe", "bench", "export", "import",
        "inspect", "simulate", "trust", "adapt", "average", "doctor"}) {
    Program verb_help({verb, "--help"});
    EXPECT_EQ(verb_help.Wait(), kExitOk) << verb;
    EXPECT_THAT(verb_help.out(), AllOf(HasSubstr("Usage: hepar " + std::string(verb)),
                                       HasSubstr("--json FILE"), HasSubstr("Exit codes")));
    Program verb_version({verb, "--version"});
    EXPECT_EQ(verb_version.Wait(), kExitOk) << verb;
    EXPECT_EQ(verb_version.out(), version.out()) << verb;
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
  ExpectFailure({"trust", "--model", "m.hepar", "--data", Manifest()}, kExitUsage,
                "--out is missing");
  ExpectFailure({"evaluate", "--model", "m.hepar", "--data", Manifest(), "--false-flags", "0.1"},
                kExitUsage, "--false-flags needs --ood");
  ExpectFailure({"train", "--data", Manifest(), "--out", Path("none/m.hepar")}, kExitUsage,
                "does not exist");
  ExpectFailure(Train("m.hepar", 1, {"--device", "gpu"}), kExitUsage,
                "--device: unknown device 'gpu'; choose auto, cpu, cuda or cuda:N");
  ExpectFailure({"evaluate", "m.hepar", "--data", Manifest()}, kExitUsage,
                "did you mean --model m.hepar?");
  ExpectFailure(Train("m.hepar", 1, {"--class-weights", "1,2"}), kExitUsage,
                "--class-weights: expected 4 numbers");
  // Before the data is read: there is none.
  ExpectFailure(
      {"train", "--data", Path("none"), "--out", Path("m.hepar"), "--classifier", "nosuch"},
      kExitUsage, "--classifier: unknown value 'nosuch'");
  ExpectFailure({"train", "--data", Path("none"), "--out", Path("m.hepar"), "--classifier",
                 "torchscript:" + Path("none.pt")},
                kExitModel, "none.pt");
  ExpectFailure({"attack", "--model", "m.hepar", "--data", Path("none"), "--attacks", "nosuch"},
                kExitUsage, "--attacks: ");
}

TEST_F(CliTest, WhatWouldFailAfterTheWorkFailsBeforeIt) {
  ExpectFailure(Train("m.hepar", 1, {"--batch", "1"}), kExitUsage, "batch normalization");
  ExpectFailure(Train("m.hepar", 1, {"--json", Path("none/m.json")}), kExitUsage,
                "--json: the folder");
  ExpectFailure({"evaluate", "--model", "m.hepar", "--data", Manifest(), "--csv", Manifest()},
                kExitUsage, "--csv: " + Manifest() + " is what --data reads");
  ExpectFailure({"evaluate", "--model", "m.hepar", "--data", Manifest(), "--csv", Path("x"),
                 "--html", Path("./x")},
                kExitUsage, "is where --csv writes");
  ExpectFailure({"train", "--config", Path("nope.ini")}, kExitUsage, "nope.ini");
  folder_->Write("there.hepar", "a model that took a week");
  ExpectFailure(Train("there.hepar", 1), kExitUsage, "--overwrite");
  EXPECT_EQ(ReadFile(Path("there.hepar"), kMaxOutput), "a model that took a week");
}

TEST_F(CliTest, DataThatNoModelCanLearnFromIsRefused) {
  std::filesystem::create_directories(Path("one-grade"));
  std::filesystem::copy(Path("scans/mild"), Path("one-grade/mild"),
                        std::filesystem::copy_options::recursive);
  ExpectFailure({"train", "--data", Path("one-grade"), "--out", Path("m.hepar"), "--size", "nano"},
                kExitInputData, "all pictures to train on are mild");
}

TEST_F(CliTest, BundleOfAnOddNumberOfPicturesInTwosOpens) {
  const std::string manifest = ReadFile(Manifest(), kMaxOutput);
  // Without its last picture, there are 15.
  const std::string odd = manifest.substr(0, manifest.rfind('\n', manifest.size() - 2) + 1);
  folder_->Write("scans/odd.csv", odd);
  Program train({"train", "--data", Path("scans/odd.csv"), "--out", Path("odd.hepar"), "--size",
                 "nano", "--input-size", "32", "--batch", "2", "--validation-fraction", "0",
                 "--epochs", "1", "--device", "cpu"});
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.out(), HasSubstr("15 pictures of 15 files and 8 patients"));
  EXPECT_NE(IdOf(Path("odd.hepar")), "");
}

TEST_F(CliTest, ReportSaysWhatWasSkippedAndWhatIsWrongWhateverTheNames) {
  Program train(Train("names.hepar", 1));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  std::filesystem::copy(Path("scans"), Path("names"), std::filesystem::copy_options::recursive);
  folder_->Write("names/mild/notes \xe9.txt", "text");
  Program evaluate({"evaluate", "--model", Path("names.hepar"), "--data", Path("names"), "--json",
                    Path("names.json"), "--html", Path("names.html")});
  ASSERT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
  const json figures = json::parse(ReadFile(Path("names.json"), kMaxOutput));
  EXPECT_EQ(figures.at("data").at("files"), 16);
  EXPECT_EQ(figures.at("data").at("skipped").back().at("reason"),
            "no picture or video by name or content");
  EXPECT_THAT(ReadFile(Path("names.html"), kMaxOutput), HasSubstr("Skipped files"));
  EXPECT_THAT(evaluate.out(), HasSubstr("16 pictures of 16 files and 8 patients"));
}

TEST_F(CliTest, InputDataModelAndDeviceHaveTheirOwnExitCodes) {
  ExpectFailure({"train", "--data", Path("none"), "--out", Path("m.hepar")}, kExitInputData,
                "none");
  ExpectFailure({"train", "--data", folder_->Write("scan.mp4", "frames"), "--out", Path("m.hepar")},
                kExitInputData, "'hepar grade' takes scans without labels");
  ExpectFailure({"inspect", Path("none.hepar")}, kExitModel, "no such file");
  ExpectFailure({"inspect", Manifest()}, kExitModel, "no model bundle");
  ExpectFailure({"evaluate", "--model", Manifest(), "--data", Manifest()}, kExitModel,
                "no model bundle");
  ExpectFailure(
      {"evaluate", "--model", Path("m.hepar"), "--data", Manifest(), "--device", "cuda:99"},
      kExitDevice, "cuda:99");
}

TEST_F(CliTest, HostileModelsAreRefusedByTheirOwnExitCode) {
  const std::string sound = hepar::testing::WriteTinyModel(Path(""), "sound.hepar");
  const std::vector<std::pair<std::string, std::function<void(std::string*)>>> changes = {
      {"data/0", [](std::string* part) { part->clear(); }},
      {"data.pkl",
       [](std::string* part) { *part = "\x80\2)" + std::string(1000000, '\x85') + "."; }},
      {"extra/hepar.json",
       [](std::string* part) {
         part->insert(1, "\"name\":" + std::string(100000, '[') + std::string(100000, ']') + ",");
       }},
      {"code/__torch__.py",
       [](std::string* part) {
         *part += "\n  def f(self) -> int:\n    return " + std::string(200000, '(');
       }},
  };
  for (const auto& [part, change] : changes) {
    const std::string path = hepar::testing::WithPart(sound, part, change);
    ExpectFailure({"inspect", path}, kExitModel, part.substr(part.rfind('/') + 1));
  }
}

TEST_F(CliTest, CodeOfAModelRunsOnlyWhereItIsAllowed) {
  const std::string path = hepar::testing::WriteCodeModel(Path(""));
  ExpectFailure({"inspect", path}, kExitModel, "set allow-code, or model-sha256");
  ExpectFailure({"evaluate", "--model", path, "--data", Manifest()}, kExitModel, "allow-code");
  ExpectFailure({"attack", "--model", path, "--data", Manifest()}, kExitModel, "allow-code");
  ExpectFailure({"probe", "--model", path, "--data", Manifest()}, kExitModel, "allow-code");
  ExpectFailure({"bench", "--model", path}, kExitModel, "allow-code");
  ExpectFailure({"export", "--model", path, "--format", "torchscript", "--out", Path("x.pt")},
                kExitModel, "allow-code");
  ExpectFailure({"trust", "--model", path, "--data", Manifest(), "--out", Path("x.hepar")},
                kExitModel, "allow-code");
  Program allowed({"inspect", path, "--allow-code"});
  EXPECT_EQ(allowed.Wait(), kExitOk) << allowed.err();
  ExpectFailure({"inspect", path, "--model-sha256", std::string(64, 'a')}, kExitModel,
                "its SHA-256 is ");
  ExpectFailure({"inspect", path, "--model-sha256", "abc"}, kExitUsage, "64 hexadecimal digits");

  Program script(Train("own.hepar", 1, {"--classifier", "torchscript:" + path}));
  EXPECT_EQ(script.Wait(), kExitModel);
  EXPECT_THAT(script.err(), HasSubstr("allow-code"));
}

TEST_F(CliTest, SignsAModelAndOpensOnlySignedOnes) {
  const std::string path = hepar::testing::WriteTinyModel(Path(""), "signed.hepar");
  const std::string other = hepar::testing::WriteTinyModel(Path(""), "unsigned.hepar", 2);
  Program keys({"sign", "--new-key", Path("maker"), "--json", Path("keys.json")});
  ASSERT_EQ(keys.Wait(), kExitOk) << keys.err();
  EXPECT_EQ(json::parse(ReadFile(Path("keys.json"), kMaxOutput))["public_key"], Path("maker.pub"));
  Program sign({"sign", path, "--key", Path("maker.key"), "--json", Path("sign.json")});
  ASSERT_EQ(sign.Wait(), kExitOk) << sign.err();
  EXPECT_EQ(std::filesystem::file_size(path + ".sig"), 64u);

  Program verify(
      {"verify", path, "--trusted-keys", Path("maker.pub"), "--json", Path("verify.json")});
  ASSERT_EQ(verify.Wait(), kExitOk) << verify.err();
  EXPECT_THAT(verify.out(), HasSubstr("signed by " + Path("maker.pub")));
  EXPECT_EQ(json::parse(ReadFile(Path("verify.json"), kMaxOutput))["key_sha256"],
            json::parse(ReadFile(Path("sign.json"), kMaxOutput))["key_sha256"]);
  Program inspect({"inspect", path, "--trusted-keys", Path("maker.pub")});
  EXPECT_EQ(inspect.Wait(), kExitOk) << inspect.err();

  // Each verb that opens models refuses others.
  const std::vector<std::vector<std::string>> verbs = {
      {"verify", other},
      {"inspect", other},
      {"grade", "--model", other, Path("scans")},
      {"evaluate", "--model", other, "--data", Manifest()},
      {"attack", "--model", other, "--data", Manifest()},
      {"probe", "--model", other, "--data", Manifest()},
      {"bench", "--model", other},
      {"export", "--model", other, "--format", "torchscript", "--out", Path("x.pt")},
      {"trust", "--model", other, "--data", Manifest(), "--out", Path("x.hepar")},
      {"adapt", "--model", other, "--data", Path("scans"), "--out", Path("x.hepar")},
      {"average", "--model", path, "--model", other, "--out", Path("x.hepar")},
      Train("x.hepar", 1, {"--init", other})};
  for (std::vector<std::string> arguments : verbs) {
    arguments.insert(arguments.end(), {"--trusted-keys", Path("maker.pub")});
    Program program(arguments);
    EXPECT_EQ(program.Wait(), kExitModel) << arguments[0];
    EXPECT_THAT(program.err(), HasSubstr("is not signed")) << arguments[0];
  }

  ExpectFailure({"sign", path, "--key", Path("maker.key")}, kExitUsage, "--overwrite");
  Program again({"sign", path, "--key", Path("maker.key"), "--overwrite"});
  EXPECT_EQ(again.Wait(), kExitOk) << again.err();
  ExpectFailure({"sign", "--new-key", Path("maker")}, kExitUsage, "a key is never replaced");
  ExpectFailure({"sign", path}, kExitUsage, "which key?");
  ExpectFailure({"sign", "--key", Path("maker.key")}, kExitUsage, "which model?");
  ExpectFailure({"sign", path, "--key", "a", "--new-key", "b"}, kExitUsage, "give one of them");
  ExpectFailure({"sign", Manifest(), "--key", Path("maker.key")}, kExitModel, "manifest.csv");
  ExpectFailure({"verify", path, "--trusted-keys", Path("none")}, kExitUsage, "no such file");
  ExpectFailure({"verify", path}, kExitUsage, "--trusted-keys is missing");
}

TEST_F(CliTest, ImportSaysWhatWeightsGiveAndConvertsThem) {
  const std::vector<float> numbers(64, 0.5F);
  const std::string weights = Path("published.safetensors"), converted = Path("own.safetensors");
  WriteFileAtomically(
      weights,
      WriteSafetensors({{"features.0.bias", {TensorType::kFloat32, {64}, {1}, numbers.data()}},
                        {"classifier.1.bias", {TensorType::kFloat32, {10}, {1}, numbers.data()}},
                        {"more\n", {TensorType::kFloat32, {2, 3}, {3, 1}, numbers.data()}}},
                       {}));
  Program import({"import", weights, "--classifier", "squeezenet1_1", "--out", converted, "--json",
                  Path("import.json"), "--license", "CC0-1.0"});
  ASSERT_EQ(import.Wait(), kExitOk) << import.err();
  EXPECT_THAT(import.out(), AllOf(HasSubstr("1 taken, 1 other shape, 50 missing, 1 unexpected"),
                                  HasSubstr("more?"), HasSubstr("wrote ")));
  const json report = json::parse(ReadFile(Path("import.json"), kMaxOutput));
  EXPECT_EQ(report.at("counts").at("taken"), 1);
  EXPECT_EQ(report.at("tensors").size(), 53u);

  const std::string bytes = ReadFile(converted, kMaxOutput);
  const SafetensorsFile file(bytes, converted);
  EXPECT_EQ(file.metadata().at("license"), "CC0-1.0");
  EXPECT_EQ(file.metadata().at("source"), "published.safetensors");
  EXPECT_EQ(file.metadata().at("source_sha256"), report.at("sha256"));
  ASSERT_EQ(file.tensors().size(), 1u);
  EXPECT_EQ(static_cast<const float*>(file.tensors().at("features.0.bias").data)[63], 0.5F);

  ExpectFailure({"import", weights, "--classifier", "resnet18"}, kExitModel,
                "none of its 3 tensors");
  ExpectFailure({"import", weights}, kExitUsage, "--classifier is missing");
  ExpectFailure({"import", weights, "--classifier", "resnet19"}, kExitUsage, "resnet18");
  ExpectFailure({"import", Path("none.pt"), "--classifier", "resnet18"}, kExitModel, "none.pt");
}

TEST_F(CliTest, TrainsABundleThatTheOtherVerbsAndTheEngineAccept) {
  Program train(Train("a.hepar", 2, {"--json", Path("train.json"), "--license", "CC0-1.0"}));
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
  Program inspect_by_flag({"inspect", "--model", Path("a.hepar"), "--json", "-"});
  ASSERT_EQ(inspect_by_flag.Wait(), kExitOk) << inspect_by_flag.err();
  EXPECT_EQ(inspect_by_flag.out(), inspect.out());

  Program probe({"probe", "--model", Path("a.hepar"), "--data", Manifest(), "--json", "-"});
  ASSERT_EQ(probe.Wait(), kExitOk) << probe.err();
  EXPECT_THAT(probe.err(), AllOf(HasSubstr("Feat1 predicts the grade"), HasSubstr("the patient")));
  const json probes = json::parse(probe.out()).at("probes");
  EXPECT_GT(probes.at("common").at("patient").get<double>(), 0.0);
  EXPECT_LE(probes.at("specific").at("grade").get<double>(), 1.0);

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

// Of a file of CSV text without quotes, the rows as fields.
std::vector<std::vector<std::string>> RowsOf(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream fields(line + ",");
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

TEST_F(CliTest, GradesWhatNobodyLabelledAsEvaluateScoresIt) {
  const std::string model = PRETRAINED_DIR "/steatosis-sim-live.hepar";
  // A recording beside stills, and one file that is damaged.
  const TempFolder folder;
  std::vector<std::string> stills;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("scans"))) {
    if (entry.path().extension() == ".png") stills.push_back(entry.path());
  }
  std::sort(stills.begin(), stills.end());
  ASSERT_EQ(stills.size(), 16u);
  const std::string video = folder / "clip.avi";
  cv::VideoWriter writer(video, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10.0, {160, 120});
  ASSERT_TRUE(writer.isOpened());
  for (const std::string& still : stills) writer.write(cv::imread(still));
  writer.release();
  folder.Write("damaged.png", "no picture");
  folder.Write("notes.txt", "not looked at");

  Program grade({"grade", "--model", model, folder.path(), Path("scans"), "--frames-per-video", "5",
                 "--csv", Path("grades.csv"), "--json", "-"});
  EXPECT_EQ(grade.Wait(), kExitInputData);
  EXPECT_THAT(grade.err(), AllOf(HasSubstr("hepar grade: " + folder / "damaged.png"),
                                 HasSubstr("for research use only")));
  const json graded = json::parse(grade.out());
  EXPECT_EQ(graded.at("model"), "steatosis-sim-live");
  const json& files = graded.at("files");
  ASSERT_EQ(files.size(), 18u);
  EXPECT_EQ(files[0].at("path"), video);
  EXPECT_EQ(files[0].at("frames"), 5);
  EXPECT_EQ(files[1].at("state"), "error");
  EXPECT_THAT(files[1].at("error"), HasSubstr("no picture that can be decoded"));
  EXPECT_FALSE(files[1].contains("probabilities"));

  folder.Write("clip.csv", "path,label,patient_id\nclip.avi,normal,P1\n");
  const auto scores = [&](const std::string& data) {
    Program evaluate({"evaluate", "--model", model, "--data", data, "--frames-per-video", "5",
                      "--bootstrap", "0", "--csv", Path("scores.csv")});
    EXPECT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
    return RowsOf(ReadFile(Path("scores.csv"), kMaxOutput));
  };
  const auto of_stills = scores(Manifest()), of_clip = scores(folder / "clip.csv");
  ASSERT_EQ(of_stills.size(), 17u);
  const std::vector<std::string> names = {"normal", "mild", "moderate", "severe"};
  for (std::size_t i = 0; i < stills.size(); ++i) {
    const json& file = files[2 + i];
    ASSERT_EQ(file.at("path"), of_stills[1 + i][0]);
    for (std::size_t k = 0; k < names.size(); ++k) {
      EXPECT_DOUBLE_EQ(file.at("probabilities").at(names[k]).get<double>(),
                       std::stod(of_stills[1 + i][5 + k]));
    }
    EXPECT_EQ(file.at("frames"), 1);
    EXPECT_THAT(file.at("state"),
                ::testing::AnyOf("graded", "uncertain", "unfamiliar", "not-liver"));
    if (file.at("state") != "unfamiliar") {
      EXPECT_EQ(file.at("severity").is_null(), file.at("state") != "graded");
    }
  }
  ASSERT_EQ(of_clip.size(), 6u);
  for (std::size_t k = 0; k < names.size(); ++k) {
    double mean = 0.0;
    for (int i = 1; i <= 5; ++i) mean += std::stod(of_clip[i][5 + k]) / 5;
    EXPECT_NEAR(files[0].at("probabilities").at(names[k]).get<double>(), mean, 1e-9);
  }

  const auto rows = RowsOf(ReadFile(Path("grades.csv"), kMaxOutput));
  ASSERT_EQ(rows.size(), 19u);
  // The message of an error is quoted and may have commas, which RowsOf() does not know.
  for (const auto& row : rows) EXPECT_TRUE(row.size() == 15u || row[1] == "error") << row[0];
  EXPECT_EQ(rows[1][0], video);
  EXPECT_DOUBLE_EQ(std::stod(rows[1][4]), files[0].at("probabilities").at("normal").get<double>());
  EXPECT_EQ(rows[2][1], "error");

  // Where all is well, a table and nothing else.
  Program table({"grade", "--model", model, stills[0]});
  EXPECT_EQ(table.Wait(), kExitOk);
  EXPECT_EQ(table.err(), "");
  EXPECT_THAT(table.out(), AllOf(HasSubstr(stills[0]), HasSubstr("severe %")));
  // A threshold that nothing reaches, and a view that nothing checks.
  Program strict({"grade", "--model", model, stills[0], "--min-confidence", "1", "--check-view",
                  "off", "--json", "-"});
  EXPECT_EQ(strict.Wait(), kExitOk);
  const json strict_file = json::parse(strict.out()).at("files")[0];
  EXPECT_THAT(strict_file.at("state"), ::testing::AnyOf("uncertain", "unfamiliar"));
  EXPECT_TRUE(strict_file.at("severity").is_null());

  ExpectFailure({"grade", stills[0]}, kExitUsage, "--model is missing");
  ExpectFailure({"grade", "--model", model}, kExitUsage, "nothing to grade");
  ExpectFailure({"grade", "--model", Manifest(), stills[0]}, kExitModel, "no model bundle");
}

TEST_F(CliTest, TrainingWarnsOfAModelThatIsNoBetterThanGuessing) {
  // Weights that never move.
  Program train(Train("guess.hepar", 1, {"--lr", "0", "--json", Path("guess.json")}));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.err(),
              AllOf(HasSubstr("warning: on the validation part"), HasSubstr("better than guessing"),
                    HasSubstr("of 4 patients"), HasSubstr("try more --epochs")));
  const json guessing = json::parse(ReadFile(Path("guess.json"), kMaxOutput)).at("guessing");
  EXPECT_EQ(guessing.at("patients"), 4);
  EXPECT_GT(guessing.at("p_value").get<double>(), 0.05);
}

// What a model says of its trustworthiness.
ModelSpec SpecOf(const std::string& path) {
  EngineConfig config;
  config.model = path;
  config.device = "cpu";
  return Engine::Open(config)->spec();
}

TEST_F(CliTest, TrainingFitsTrustAndTheVerbFitsItAnewAlike) {
  Program train(
      Train("trusted.hepar", 1, {"--unfamiliar-share", "0.1", "--abstain-share", "0.25"}));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.out(), AllOf(HasSubstr("temperature"), HasSubstr("no liver view above score")));
  const ModelSpec trained = SpecOf(Path("trusted.hepar"));
  ASSERT_TRUE(trained.domain.has_value());
  EXPECT_GT(trained.out_of_domain_above.value(), 0.0);
  EXPECT_TRUE(trained.abstain_below.has_value());
  const json told = json::parse(trained.metrics).at("trust");
  EXPECT_EQ(told.at("domain").at("unfamiliar_share"), 0.1);
  EXPECT_EQ(told.at("answers").at("patients"), 4);

  Program trust({"trust", "--model", Path("trusted.hepar"), "--data", Manifest(), "--out",
                 Path("again.hepar"), "--unfamiliar-share", "0.1", "--abstain-share", "0.25",
                 "--json", "-"});
  ASSERT_EQ(trust.Wait(), kExitOk) << trust.err();
  EXPECT_THAT(trust.err(), HasSubstr("wrote "));
  const ModelSpec again = SpecOf(Path("again.hepar"));
  EXPECT_EQ(again.id, trained.id);
  EXPECT_TRUE(again.domain == trained.domain);
  EXPECT_EQ(again.out_of_domain_above, trained.out_of_domain_above);
  EXPECT_TRUE(again.familiarity == trained.familiarity);
  EXPECT_NEAR(again.temperature, trained.temperature, 1e-4);
  EXPECT_NEAR(again.abstain_below.value(), trained.abstain_below.value(), 1e-4);
  EXPECT_EQ(again.dataset_digest, trained.dataset_digest);
  EXPECT_EQ(json::parse(trust.out()).at("domain").at("patients"), 8);

  // Nothing else is looked at for the score of pictures than the pictures; evaluate tells of it.
  Program evaluate({"evaluate", "--model", Path("again.hepar"), "--data", Manifest(), "--ood",
                    Path("scans"), "--bootstrap", "10", "--json", "-"});
  ASSERT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
  EXPECT_THAT(evaluate.err(), HasSubstr("no liver view"));
  const json domain = json::parse(evaluate.out()).at("domain");
  EXPECT_EQ(domain.at("liver").at("frames"), 16);
  EXPECT_EQ(domain.at("other").at("frames"), 16);
  // Here the others are the same pictures.
  EXPECT_EQ(domain.at("auc"), 0.5);
  EXPECT_EQ(domain.at("other").at("flagged"), domain.at("liver").at("flagged"));

  // A file of answers of other models takes the place of the validation part.
  Program answers({"evaluate", "--model", Path("trusted.hepar"), "--data", Manifest(),
                   "--bootstrap", "0", "--csv", Path("answers.csv")});
  ASSERT_EQ(answers.Wait(), kExitOk) << answers.err();
  Program by_answers({"trust", "--model", Path("trusted.hepar"), "--data", Manifest(), "--out",
                      Path("by_answers.hepar"), "--predictions", Path("answers.csv")});
  ASSERT_EQ(by_answers.Wait(), kExitOk) << by_answers.err();
  EXPECT_THAT(by_answers.out(), HasSubstr("16 frames of 8 patients (the answers in answers.csv)"));
  ExpectFailure({"trust", "--model", Path("trusted.hepar"), "--data", Manifest(), "--out",
                 Path("x.hepar"), "--predictions", Manifest()},
                kExitInputData, "p_normal");
}

TEST_F(CliTest, WithoutAValidationPartTrainingSaysThatTemperatureStays) {
  Program train(Train("bare.hepar", 1, {"--validation-fraction", "0"}));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.out(), HasSubstr("temperature and abstention are unchanged"));
  const ModelSpec spec = SpecOf(Path("bare.hepar"));
  EXPECT_EQ(spec.temperature, 1.0);
  EXPECT_FALSE(spec.abstain_below.has_value());
  EXPECT_TRUE(spec.domain.has_value());

  // Other scans than it was trained on are all unseen.
  Program simulate({"simulate", "--out", Path("more"), "--patients-per-grade", "1", "--frames", "2",
                    "--width", "160", "--height", "120", "--seed", "99"});
  ASSERT_EQ(simulate.Wait(), kExitOk) << simulate.err();
  Program trust({"trust", "--model", Path("bare.hepar"), "--data", Path("more/manifest.csv"),
                 "--out", Path("moved.hepar")});
  ASSERT_EQ(trust.Wait(), kExitOk) << trust.err();
  EXPECT_THAT(trust.out(), HasSubstr("8 frames of 4 patients (all of the data"));
  EXPECT_TRUE(SpecOf(Path("moved.hepar")).abstain_below.has_value());
}

TEST_F(CliTest, CrossValidationScoresEachPatientOnceByTheModelThatDidNotSeeIt) {
  const std::string file = WriteFolds();
  for (const char* fold : {"0", "1"}) {
    Program train(Train("fold" + std::string(fold) + ".hepar", 1,
                        {"--folds", file, "--fold", fold, "--validation-fraction", "0"}));
    ASSERT_EQ(train.Wait(), kExitOk) << train.err();
    EXPECT_THAT(train.out(), HasSubstr("test part"));
  }
  ExpectFailure(
      {"trust", "--model", Path("fold0.hepar"), "--data", Manifest(), "--out", Path("x.hepar")},
      kExitUsage, "--folds is missing: the model was trained with fold 0 held out");
  Program trust({"trust", "--model", Path("fold0.hepar"), "--data", Manifest(), "--folds", file,
                 "--out", Path("x.hepar")});
  ASSERT_EQ(trust.Wait(), kExitOk) << trust.err();
  EXPECT_THAT(trust.out(), HasSubstr("of 4 patients are"));  // Those of the other fold.
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

TEST_F(CliTest, ExternalSetsStandApartByNameWithWhatTheirLabelsTell) {
  Program train(Train("external.hepar", 1));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  Program simulate({"simulate", "--out", Path("external"), "--patients-per-grade", "2", "--frames",
                    "2", "--width", "160", "--height", "120", "--seed", "321"});
  ASSERT_EQ(simulate.Wait(), kExitOk) << simulate.err();
  const std::string scans = Path("external/manifest.csv");
  Program evaluate({"evaluate", "--model", Path("external.hepar"), "--data", Manifest(),
                    "--external", "graded=" + scans, "--external",
                    "bare=" + Path("external/normal"), "--external-fatty", "fatty=" + scans,
                    "--bootstrap", "20", "--json", "-"});
  ASSERT_EQ(evaluate.Wait(), kExitOk) << evaluate.err();
  EXPECT_THAT(evaluate.err(), AllOf(HasSubstr("external set graded"), HasSubstr("fatty or not"),
                                    HasSubstr("near / far brightness")));
  const json figures = json::parse(evaluate.out());
  EXPECT_TRUE(figures.at("beats_baseline").is_boolean());
  EXPECT_EQ(figures.at("states").at("all").at("frames"), figures.at("frame").at("cases"));
  const json& sets = figures.at("external");
  ASSERT_EQ(sets.size(), 3u);
  EXPECT_EQ(sets[0].at("name"), "graded");
  EXPECT_EQ(sets[0].at("patient").at("cases"), 8);
  EXPECT_EQ(sets[0].at("patient").at("per_class").size(), 4u);
  EXPECT_EQ(sets[1].at("labels"), "none");
  EXPECT_FALSE(sets[1].contains("patient"));
  EXPECT_EQ(sets[2].at("labels"), "fatty");
  EXPECT_EQ(sets[2].at("patient").at("auc_mild"), sets[0].at("patient").at("auc_mild"));

  const std::vector<std::string> start = {"evaluate", "--model", Path("external.hepar"), "--data",
                                          Manifest()};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = start;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  ExpectFailure(with({"--external", scans}), kExitUsage, "expected NAME=PATH");
  ExpectFailure(with({"--external", "a=" + scans, "--external", "a=" + scans}), kExitUsage,
                "two sets are named 'a'");
  ExpectFailure(with({"--external-fatty", "a=" + Path("external/normal")}), kExitUsage,
                "has no labels");
  ExpectFailure(with({"--external", "a=" + Path("nowhere")}), kExitInputData, "no such file");
}

TEST_F(CliTest, AdaptsAModelToScansWithoutGradesAndSaysWhatItDid) {
  Program train(Train("adaptable.hepar", 1));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  Program simulate({"simulate", "--out", Path("mine"), "--patients-per-grade", "4", "--frames", "2",
                    "--width", "160", "--height", "120", "--seed", "77"});
  ASSERT_EQ(simulate.Wait(), kExitOk) << simulate.err();
  Program adapt({"adapt", "--model", Path("adaptable.hepar"), "--data", Path("mine/manifest.csv"),
                 "--out", Path("mine.hepar"), "--confidence", "0.4"});
  ASSERT_EQ(adapt.Wait(), kExitOk) << adapt.err();
  EXPECT_THAT(adapt.out(), AllOf(HasSubstr("## Adapted to a scanner"), HasSubstr("16 patients")));
  const ModelSpec before = SpecOf(Path("adaptable.hepar")), after = SpecOf(Path("mine.hepar"));
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.name, before.name + "-adapted");
  EXPECT_FALSE(after.domain == before.domain);
  EXPECT_GE(after.temperature, before.temperature);
  EXPECT_EQ(json::parse(after.metrics).at("adaptation").at("patients"), 16);
  Program inspect({"inspect", Path("mine.hepar")});
  ASSERT_EQ(inspect.Wait(), kExitOk);
  EXPECT_THAT(inspect.out(), HasSubstr("## Adapted to a scanner"));

  ExpectFailure(
      {"adapt", "--model", Path("adaptable.hepar"), "--data", Manifest(), "--out", Path("x.hepar")},
      kExitInputData, "are too few");
  ExpectFailure({"adapt", "--model", Path("adaptable.hepar"), "--data", Manifest()}, kExitUsage,
                "--out is missing");
}

TEST_F(CliTest, EvaluatesWithAllEvidenceOnOnePage) {
  Program train(Train("evidence.hepar", 1));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  std::string folds = "patient_id,fold\n", groups = "patient_id,scanner\n";
  for (int patient = 1; patient <= 8; ++patient) {
    const std::string id = "S0000" + std::to_string(patient);
    folds += id + "," + std::to_string((patient - 1) / 4) + "\n";
    groups += id + "," + (patient % 3 == 0 ? "A" : "B") + "\n";
  }
  folder_->Write("evidence_folds.csv", folds);
  folder_->Write("groups.csv", groups);
  const auto evaluate = [](const std::string& page) {
    Program program({"evaluate",
                     "--model",
                     Path("evidence.hepar"),
                     "--data",
                     Manifest(),
                     "--folds",
                     Path("evidence_folds.csv"),
                     "--subgroups",
                     Path("groups.csv"),
                     "--compare",
                     Path("evidence.hepar"),
                     "--corruptions",
                     "gain,jpeg",
                     "--bootstrap",
                     "100",
                     "--seed",
                     "5",
                     "--json",
                     "-",
                     "--html",
                     Path(page)});
    EXPECT_EQ(program.Wait(), kExitOk) << program.err();
    EXPECT_THAT(program.err(), AllOf(HasSubstr("95 % intervals"), HasSubstr("kept %"),
                                     HasSubstr("chosen on the patients of the other folds")));
    return json::parse(program.out());
  };
  json figures = evaluate("evidence.html"), again = evaluate("again.html");
  EXPECT_EQ(figures.at("bootstrap").at("resamples"), 100);
  EXPECT_TRUE(figures.at("choice").at("possible"));
  EXPECT_EQ(figures.at("choice").at("temperatures").size(), 2u);
  EXPECT_TRUE(figures.at("patient").at("calibration").at("after").is_object());
  EXPECT_EQ(figures.at("corruptions").at("kinds").size(), 2u);
  EXPECT_EQ(figures.at("comparison").at("patient").at("figures").at("qwk").at("difference"), 0.0);
  int patients = 0;
  for (const auto& group : figures.at("subgroups")) {
    patients += group.at("patient").at("cases").get<int>();
  }
  EXPECT_EQ(patients, 8);
  EXPECT_LE(figures.at("failures").size(), 12u);
  const std::string report = ReadFile(Path("evidence.html"), 1 << 28);
  std::size_t maps = 0;
  for (std::size_t at = 0; (at = report.find("alt=\"what spoke for ", at)) != report.npos; ++at) {
    ++maps;
  }
  EXPECT_EQ(maps, figures.at("failures").size());
  EXPECT_EQ(figures.at("models").at(0).at("training_options").at("epochs"), 1);
  EXPECT_EQ(figures.at("data").at("name"), "manifest.csv");
  // Wall times differ.
  EXPECT_TRUE(figures.at("cost").contains("median_inference_ms"));
  for (json* one : {&figures, &again}) {
    one->erase("cost");
    one->at("options").erase("html");
  }
  EXPECT_EQ(figures, again);

  const std::string page = ReadFile(Path("evidence.html"), kMaxOutput);
  EXPECT_THAT(page, AllOf(HasSubstr("Evaluation of evidence"), HasSubstr("Reporting checklist"),
                          HasSubstr("Robustness to image corruptions"), HasSubstr("</html>")));
}

TEST_F(CliTest, ChoosesOnTheValidationPartOnlyWhatItDoesNotScore) {
  Program train(Train("scored.hepar", 1));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  const auto evaluate = [](const std::string& part) {
    Program program({"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--part",
                     part, "--bootstrap", "0", "--json", "-"});
    EXPECT_EQ(program.Wait(), kExitOk) << program.err();
    return json::parse(program.out());
  };
  const json train_part = evaluate("train"), validation = evaluate("validation");
  EXPECT_EQ(train_part.at("patient").at("cases"), 4);
  EXPECT_TRUE(train_part.at("choice").at("possible"));
  EXPECT_EQ(validation.at("patient").at("cases"), 4);
  EXPECT_FALSE(validation.at("choice").at("possible"));
  EXPECT_THAT(validation.at("choice").at("source").get<std::string>(), HasSubstr("--choose-on"));
  EXPECT_TRUE(validation.at("patient").at("operating_points").at("mild").is_null());

  // The patients that are scored may not choose.
  Program same({"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--choose-on",
                Manifest()});
  EXPECT_EQ(same.Wait(), kExitInputData);
  EXPECT_THAT(same.err(), HasSubstr("chosen on the same patient"));
  Program no_test(
      {"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--part", "test"});
  EXPECT_EQ(no_test.Wait(), kExitInputData);
  EXPECT_THAT(no_test.err(), HasSubstr("without a test part"));
  ExpectFailure(
      {"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--corruptions", "fog"},
      kExitUsage, "unknown corruption 'fog'");
  ExpectFailure({"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--part",
                 "test", "--folds", Path("x.csv")},
                kExitUsage, "--part and --folds");
  ExpectFailure({"evaluate", "--model", Path("scored.hepar"), "--data", Manifest(), "--subgroups",
                 Path("nowhere.csv")},
                kExitInputData, "nowhere.csv");
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
  EXPECT_EQ(IdOf(Path("parts.hepar")), IdOf(Path("whole.hepar")));
}

TEST_F(CliTest, SignalsOfBatchSystemsEndTrainingWithACheckpoint) {
  Program whole(Train("undisturbed.hepar", 6));
  ASSERT_EQ(whole.Wait(), kExitOk) << whole.err();

  struct Stop {
    int number;
    const char* requeue_signal;
    int code;
  };
  const Stop stops[] = {{SIGHUP, "none", kExitInterrupted}, {SIGTERM, "usr1", kExitInterrupted},
                        {SIGUSR1, "usr1", kExitRequeue},    {SIGTERM, "term", kExitRequeue},
                        {SIGHUP, "hup", kExitRequeue},      {SIGUSR1, "none", kExitInterrupted}};
  const std::string log = Path("batch.hepar.work/log.csv");
  for (const Stop& stop : stops) {
    std::filesystem::remove_all(Path("batch.hepar.work"));
    Program run(Train("batch.hepar", 6, {"--requeue-signal", stop.requeue_signal}));
    for (int i = 0; i < 60000 && !std::filesystem::exists(log); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    run.Signal(stop.number);
    ASSERT_EQ(run.Wait(), stop.code) << stop.number << " " << stop.requeue_signal << run.err();
    EXPECT_THAT(run.err(), HasSubstr("--resume"));
    EXPECT_TRUE(std::filesystem::exists(Path("batch.hepar.work/last.ckpt")));
  }
  // Another --requeue-signal does not make it another run.
  Program resumed(Train("batch.hepar", 6, {"--resume", "--requeue-signal", "term"}));
  ASSERT_EQ(resumed.Wait(), kExitOk) << resumed.err();
  EXPECT_EQ(IdOf(Path("batch.hepar")), IdOf(Path("undisturbed.hepar")));
}

TEST_F(CliTest, RequeueSignalOutsideTrainingEndsAtOnceWithItsCode) {
  Program run(Train("early.hepar", 1000, {"--requeue-signal", "usr1"}));
  const std::string lock = Path("early.hepar.work");
  for (int i = 0; i < 60000 && !std::filesystem::exists(lock); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  run.Signal(SIGUSR1);
  EXPECT_EQ(run.Wait(), kExitRequeue) << run.err();
}

const std::vector<std::string> kAdversarial = {"--preset",      "paper", "--attack-steps", "2",
                                               "--check-steps", "1",     "--report-steps", "2",
                                               "--begin",       "1",     "--ramp",         "2"};

TEST_F(CliTest, KillAtAnyMomentLosesAtMostTheRunningEpoch) {
  Program whole(Train("unkilled.hepar", 4, kAdversarial));
  ASSERT_EQ(whole.Wait(), kExitOk) << whole.err();

  auto arguments = Train("killed.hepar", 4, kAdversarial);
  arguments.push_back("--resume");
  int kills = 0;
  // Later and later, so that all moments of the run get their turn, the writing of files included.
  for (int wait = 300; wait < 60000; wait += wait / 3) {
    Program run(arguments);
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    run.Kill();
    const int status = run.Wait();
    if (status == kExitOk) break;
    ASSERT_EQ(status, -SIGKILL) << run.err();
    ++kills;
  }
  EXPECT_GE(kills, 2);
  ASSERT_NE(IdOf(Path("killed.hepar")), "");
  EXPECT_EQ(IdOf(Path("killed.hepar")), IdOf(Path("unkilled.hepar")));
}

TEST_F(CliTest, ResultsThatTheDiskDoesNotTakeAreAFailure) {
  const std::string path = hepar::testing::WriteTinyModel(Path(""), "unwritten.hepar");
  Surroundings full;
  full.standard_output = "/dev/full";
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"inspect", path},
                                                    {"inspect", path, "--json", "-"},
                                                    {"grade", "--model", path, Path("scans")},
                                                    {"--help"},
                                                    {"train", "--help"},
                                                    {"--version"}}) {
    Program program(arguments, full);
    EXPECT_EQ(program.Wait(), kExitFailure) << arguments[0];
    EXPECT_THAT(program.err(), HasSubstr("cannot be written")) << arguments[0];
  }
  // Files: what was there before stays, and nothing half written is left.
  Surroundings small;
  small.file_bytes = 100;
  folder_->Write("old.json", "old");
  Program program({"inspect", path, "--json", Path("old.json")}, small);
  EXPECT_NE(program.Wait(), kExitOk);
  EXPECT_EQ(ReadFile(Path("old.json"), kMaxOutput), "old");
  Program export_program(
      {"export", "--model", path, "--format", "torchscript", "--out", Path("full.pt")}, small);
  EXPECT_NE(export_program.Wait(), kExitOk);
  EXPECT_FALSE(std::filesystem::exists(Path("full.pt")));
}

TEST_F(CliTest, FullDiskWhileWritingACheckpointLeavesTheLastOneWhole) {
  Program whole(Train("roomy.hepar", 3));
  ASSERT_EQ(whole.Wait(), kExitOk) << whole.err();

  Program first(Train("full.hepar", 3));
  const std::string log = Path("full.hepar.work/log.csv");
  for (int i = 0; i < 60000 && !std::filesystem::exists(log); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  first.Interrupt();
  ASSERT_EQ(first.Wait(), kExitInterrupted) << first.err();
  const std::string checkpoint = Path("full.hepar.work/last.ckpt");
  const std::string before = ReadFile(checkpoint, kMaxOutput * 4);

  Surroundings full;
  full.file_bytes = 1 << 20;
  Program starved(Train("full.hepar", 3, {"--resume"}), full);
  EXPECT_EQ(starved.Wait(), kExitFailure);
  EXPECT_THAT(starved.err(), AllOf(HasSubstr("last.ckpt"), HasSubstr("cannot be written")));
  EXPECT_EQ(ReadFile(checkpoint, kMaxOutput * 4), before);
  EXPECT_FALSE(std::filesystem::exists(Path("full.hepar")));

  Program resumed(Train("full.hepar", 3, {"--resume"}));
  ASSERT_EQ(resumed.Wait(), kExitOk) << resumed.err();
  EXPECT_EQ(IdOf(Path("full.hepar")), IdOf(Path("roomy.hepar")));
}

TEST_F(CliTest, PaperPresetTrainsAndReportsItsClasses) {
  Program train(Train("paper.hepar", 2, [] {
    auto more = kAdversarial;
    more.insert(more.end(), {"--classifier", "resnet18", "--json", "-"});
    return more;
  }()));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  EXPECT_THAT(train.err(), AllOf(HasSubstr("epsilon x 255: normal 4.000"), HasSubstr("beta: "),
                                 HasSubstr("under an end-to-end attack")));
  const json figures = json::parse(train.out());
  EXPECT_EQ(figures.at("options").at("procedure"), "adversarial");
  EXPECT_EQ(figures.at("validation").at("under_attack").at("attack").at("scope"), "end2end");
  const std::string log = ReadFile(Path("paper.hepar.work/log.jsonl"), kMaxOutput);
  for (const char* key :
       {"epsilon_normal", "beta_severe", "robust_train_accuracy_mild", "validation_robust_worst"}) {
    EXPECT_THAT(log, HasSubstr(key));
  }
  EXPECT_THAT(ReadFile(Path("paper.hepar.work/report.html"), kMaxOutput),
              AllOf(HasSubstr("<svg"), HasSubstr("severe")));
  EXPECT_FALSE(IdOf(Path("paper.hepar")).empty());

  Program attack({"attack", "--model", Path("paper.hepar"), "--data", Manifest(), "--part",
                  "validation", "--attacks", "noise pgd:steps=2", "--json", "-"});
  ASSERT_EQ(attack.Wait(), kExitOk) << attack.err();
  const json results = json::parse(attack.out()).at("results");
  ASSERT_EQ(results.size(), 4u);  // Clean, two attacks, the worst of both.
  EXPECT_LE(results[3].at("accuracy").get<double>(), results[0].at("accuracy").get<double>());

  Program more(Train("more.hepar", 1, {"--init", Path("paper.hepar"), "--classifier", "resnet18"}));
  EXPECT_EQ(more.Wait(), kExitOk) << more.err();
  Program foreign(Train("other.hepar", 1, {"--init", Path("paper.hepar")}));
  EXPECT_EQ(foreign.Wait(), kExitModel);
  EXPECT_THAT(foreign.err(), HasSubstr("cannot start from it"));
}

TEST_F(CliTest, AModelWithFrozenFeaturesIsTrainedFurther) {
  const std::vector<std::string> features = {
      "--classifier",     "depth_squeezenet", "--decouplers",    "none",
      "--freeze-weights", "--weights",        Path("weights.pt")};
  testing::WriteWeights(Path(""), "depth_squeezenet");
  Program first(Train("first.hepar", 1, features));
  ASSERT_EQ(first.Wait(), kExitOk) << first.err();

  auto init = features;
  init.insert(init.end(), {"--init", Path("first.hepar")});
  Program second(Train("second.hepar", 1, init));
  ASSERT_EQ(second.Wait(), kExitOk) << second.err();
  EXPECT_THAT(second.out(), AllOf(HasSubstr("init:       first.hepar"), HasSubstr(", frozen, ")));
  EXPECT_NE(IdOf(Path("second.hepar")), IdOf(Path("first.hepar")));

  init.erase(std::find(init.begin(), init.end(), "--freeze-weights"));
  ExpectFailure(Train("third.hepar", 1, init), kExitUsage, "give one of them");
}

TEST_F(CliTest, AblationTrainsScoresAndGoesOnWhereItStopped) {
  const std::string plan = Path("plan.ini");
  WriteFileAtomically(plan,
                      "[ablation]\nattacks=noise\nepsilon=2/255\n[train]\nsize=nano\n"
                      "input-size=64\nepochs=1\nbatch=4\nvalidation-fraction=0\n"
                      "[classifier SqueezeNet]\n[variant base]\ndecouplers=none\n"
                      "[variant +ICFDNet]\n[variant more]\ninit-from=base\ndecouplers=none\n");
  std::vector<std::string> arguments = {"ablate",      plan,
                                        "--data",      Manifest(),
                                        "--folds",     WriteFolds(),
                                        "--out",       Path("abl"),
                                        "--jobs",      "2",
                                        "--resamples", "20",
                                        "--json",      Path("ablation.json")};
  Program run(arguments);
  ASSERT_EQ(run.Wait(), kExitOk) << run.err();
  EXPECT_THAT(run.out(), AllOf(HasSubstr("[15/15]"), HasSubstr("the paper's SqueezeNet+ICFDNet"),
                               HasSubstr("| SqueezeNet more |"), HasSubstr("Under attack")));
  const json summary = json::parse(ReadFile(Path("ablation.json"), kMaxOutput));
  const json& rows = summary.at("rows");
  EXPECT_EQ(summary.at("nested").at("folds").size(), 2u);
  EXPECT_EQ(summary.at("nested").at("configurations"), 3);
  EXPECT_EQ(summary.at("nested").at("patient").at("cases"), 8);
  EXPECT_TRUE(summary.at("plan").at("before_first_run"));
  EXPECT_TRUE(rows[0].at("beats_baseline").is_boolean());
  EXPECT_THAT(run.out(), AllOf(HasSubstr("Configurations compared: 3"), HasSubstr("one of 3"),
                               HasSubstr("near / far brightness")));
  EXPECT_TRUE(std::filesystem::exists(Path("abl/plan.json")));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].at("patient").at("cases"), 8);
  EXPECT_EQ(rows[1].at("attacks").size(), 2u);

  std::filesystem::remove(Path("abl/SqueezeNet/+ICFDNet/seed1/fold1.hepar"));
  arguments.push_back("--list");
  Program list(arguments);
  ASSERT_EQ(list.Wait(), kExitOk) << list.err();
  EXPECT_THAT(list.out(), HasSubstr("to do    SqueezeNet +ICFDNet, seed 1, fold1: training"));
  EXPECT_THAT(list.out(), HasSubstr("done     SqueezeNet +ICFDNet, seed 1, fold0: training"));
  arguments.pop_back();
  Program again(arguments);
  ASSERT_EQ(again.Wait(), kExitOk) << again.err();
  EXPECT_THAT(again.out(), Not(HasSubstr("fold0: training")));

  WriteFileAtomically(plan, "[train]\nsize=live\n[classifier SqueezeNet]\n[variant base]\n");
  ExpectFailure(arguments, kExitUsage, "other settings");
  ExpectFailure({"ablate", plan, "--data", Manifest(), "--out", Path("x")}, kExitUsage, "--folds");
}

TEST_F(CliTest, AttackPresetGivesTheWholeTable) {
  for (const auto& [file, more] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"attacked.hepar", {}},
           {"source.hepar", {"--seed", "7"}},
           {"small.hepar", {"--input-size", "32"}}}) {
    Program train(Train(file, 1, more));
    ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  }
  const auto attack = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "attack", "--model", Path("attacked.hepar"), "--data", Manifest(), "--part", "validation"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  Program table(attack({"--preset", "table", "--attacks",
                        "fgsm pgd:steps=2,feat1=1,feat2=1 pgd:steps=2,scope=image square:queries=3",
                        "--transfer-from", Path("source.hepar"), "--transfer-attacks",
                        "pgd:steps=2", "--json", Path("table.json")}));
  ASSERT_EQ(table.Wait(), kExitOk) << table.err();
  EXPECT_THAT(table.err(), HasSubstr("8 pictures, each up to"));
  EXPECT_THAT(table.out(),
              AllOf(HasSubstr("8 pictures of 4 patients (normal 2, mild 2, moderate 2, severe 2)"),
                    HasSubstr("pgd:steps=2,scope=image (weak), 8 bit, 0.50/255"),
                    HasSubstr("pgd:steps=2 from source, 8.00/255"), HasSubstr("\nweak: ")));
  const json figures = json::parse(ReadFile(Path("table.json"), kMaxOutput));
  const json& results = figures.at("results");
  // Clean, and for each of 5 budgets 4 attacks, one from elsewhere and the worst; each twice.
  ASSERT_EQ(results.size(), 2u + 5u * 6u * 2u);
  for (const json& row : results) {
    EXPECT_EQ(row.at("pictures"), 8) << row;
    EXPECT_LE(row.at("wilson")[0], row.at("accuracy")) << row;
    EXPECT_GE(row.at("wilson")[1], row.at("accuracy")) << row;
  }
  EXPECT_EQ(results[10].at("source"), "source");
  EXPECT_EQ(results[10].at("source_id"), IdOf(Path("source.hepar")));
  EXPECT_EQ(figures.at("rows"), "separate");
  EXPECT_EQ(results.back().at("attack"), "worst case");
  EXPECT_NEAR(results.back().at("epsilon").get<double>(), 8.0 / 255, 1e-12);
  EXPECT_EQ(figures.at("passes_per_picture").at("backward"), 5 * (1 + 2 + 2 + 2));

  ExpectFailure(attack({"--attacks", "fgsm", "--transfer-from", Path("small.hepar")}), kExitModel,
                "'small' takes pictures of 32 x 32 with 1 plane, the attacked model 'attacked' of "
                "64 x 64");
  ExpectFailure(attack({"--transfer-from", Path("nowhere.hepar")}), kExitModel, "nowhere.hepar");
  ExpectFailure(attack({"--transfer-from", Path("source.hepar"), "--transfer-attacks", " "}),
                kExitUsage, "--transfer-attacks");
  ExpectFailure(attack({"--eight-bit", "--epsilon", "0.3/255"}), kExitUsage, "0.5/255 or more");
  ExpectFailure(attack({"--attacks", "pgd:feat1=-1"}), kExitUsage, "'feat1'");
  ExpectFailure(attack({"--preset", "tabel"}), kExitUsage, "--preset");
  // Its own attacks can be read: what fails is the model.
  ExpectFailure({"attack", "--preset", "table", "--model", Path("nowhere.hepar"), "--data", "."},
                kExitModel, "nowhere.hepar");
}

TEST_F(CliTest, FlagsWinOverPresets) {
  ExpectFailure(Train("m.hepar", 1, {"--preset", "papre"}), kExitUsage, "--preset");
  ExpectFailure(Train("m.hepar", 1, {"--fawa"}), kExitUsage, "--fawa needs");
  ExpectFailure(Train("m.hepar", 1, {"--freeze-normalization"}), kExitUsage, "needs --init");
  ExpectFailure(Train("m.hepar", 1, {"--select", "robust"}), kExitUsage, "--procedure adversarial");
  ExpectFailure(Train("m.hepar", 1, {"--epsilon", "8/0"}), kExitUsage, "--epsilon");
  Program train(Train("flags.hepar", 1,
                      {"--preset", "paper", "--procedure", "joint", "--select", "loss",
                       "--report-steps", "0", "--json", "-"}));
  ASSERT_EQ(train.Wait(), kExitOk) << train.err();
  const json options = json::parse(train.out()).at("options");
  EXPECT_EQ(options.at("procedure"), "joint");
  EXPECT_NEAR(options.at("epsilon").get<double>(), 8.0 / 255.0, 1e-9);
}

// Starts one process for each rank, as torchrun would.
std::vector<std::unique_ptr<Program>> StartTogether(const std::vector<std::string>& arguments,
                                                    int port) {
  std::vector<std::unique_ptr<Program>> processes;
  for (const char* rank : {"0", "1"}) {
    Surroundings surroundings;
    surroundings.variables = {{"RANK", rank},
                              {"WORLD_SIZE", "2"},
                              {"MASTER_ADDR", "127.0.0.1"},
                              {"MASTER_PORT", std::to_string(port)}};
    processes.push_back(std::make_unique<Program>(arguments, surroundings));
  }
  return processes;
}

// A port that was free a moment ago.
int FreePort() { return 20000 + static_cast<int>(getpid() % 20000) + std::rand() % 1000; }

TEST_F(CliTest, TwoProcessesTrainOneModelAndGoOnWhenOneWasKilled) {
  if (!HEPAR_HAS_GLOO) GTEST_SKIP() << "built without Gloo";
  auto arguments = Train("both.hepar", 3, kAdversarial);
  arguments.push_back("--resume");
  const std::string log = Path("both.hepar.work/log.csv");
  {
    auto processes = StartTogether(arguments, FreePort());
    for (int i = 0; i < 60000 && !std::filesystem::exists(log); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ASSERT_TRUE(std::filesystem::exists(log)) << processes[0]->err();
    const auto start = std::chrono::steady_clock::now();
    processes[1]->Kill();
    EXPECT_EQ(processes[0]->Wait(), kExitFailure);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
    EXPECT_THAT(processes[0]->err(), AllOf(HasSubstr("lost contact"), HasSubstr("--resume")));
    EXPECT_TRUE(std::filesystem::exists(Path("both.hepar.work/last.ckpt")));
  }
  auto processes = StartTogether(arguments, FreePort());
  EXPECT_EQ(processes[1]->Wait(), kExitOk) << processes[1]->err();
  ASSERT_EQ(processes[0]->Wait(), kExitOk) << processes[0]->err();
  EXPECT_THAT(processes[0]->out(),
              AllOf(HasSubstr("processes:  2"), HasSubstr("resumed:"), HasSubstr("epoch 3/3")));
  EXPECT_EQ(processes[1]->out(), "");
  EXPECT_NE(IdOf(Path("both.hepar")), "");
}

TEST_F(CliTest, AWorkFolderBelongsToOneTraining) {
  Program first(Train("locked.hepar", 1000));
  const std::string lock = Path("locked.hepar.work/lock");
  for (int i = 0; i < 3000 && !std::filesystem::exists(lock); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(std::filesystem::exists(lock));
  Program second(Train("locked.hepar", 1, {"--resume"}));
  EXPECT_EQ(second.Wait(), kExitUsage);
  EXPECT_THAT(second.err(), HasSubstr("locked.hepar.work is in use by process "));
  first.Kill();
  first.Wait();
  // What a killed process left, as if it had been killed while it wrote the checkpoint.
  const std::string leftover =
      folder_->Write("locked.hepar.work/.last.ckpt.0123456789abcdef.tmp", "half");
  Program third(Train("locked.hepar", 1, {"--resume"}));
  EXPECT_EQ(third.Wait(), kExitOk) << third.err();
  EXPECT_FALSE(std::filesystem::exists(leftover));
  EXPECT_FALSE(std::filesystem::exists(lock));
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
