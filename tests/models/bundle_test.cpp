// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/bundle.h"

#include <torch/utils.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "models/error.h"
#include "models/file_io.h"
#include "models/signature.h"
#include "models/signing.h"
#include "models/torch_archive.h"
#include "tests/models/python.h"
#include "tests/support/pickle_writer.h"
#include "tests/support/tiny_model.h"

namespace hepar {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    dir_ = ::testing::TempDir() + "hepar_bundle_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_);
    path_ = hepar::testing::WriteTinyModel(dir_);
  }
  ~BundleTest() override { std::filesystem::remove_all(dir_); }

  // A copy with its bytes changed.
  std::string Altered(const std::function<void(std::string*)>& change) {
    std::string bytes = ReadFile(path_, kNoLimit);
    change(&bytes);
    const std::string path = dir_ + "/altered.hepar";
    WriteFileAtomically(path, bytes);
    return path;
  }

  // A copy with hepar.json changed and the container sound.
  std::string WithDescription(const std::function<void(json*)>& change) {
    const std::string path = dir_ + "/described.hepar";
    std::filesystem::copy_file(path_, path, std::filesystem::copy_options::overwrite_existing);
    int code = 0;
    zip_t* archive = zip_open(path.c_str(), 0, &code);
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
      const std::string name = zip_get_name(archive, i, 0);
      if (name.find("extra/hepar.json") == std::string::npos) continue;
      zip_stat_t stat;
      zip_stat_index(archive, i, 0, &stat);
      std::string text(stat.size, '\0');
      zip_file_t* file = zip_fopen_index(archive, i, 0);
      EXPECT_EQ(zip_fread(file, text.data(), text.size()), static_cast<zip_int64_t>(text.size()));
      zip_fclose(file);
      json description = json::parse(text);
      change(&description);
      text_ = description.dump();
      zip_source_t* source = zip_source_buffer(archive, text_.data(), text_.size(), 0);
      EXPECT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE), 0);
      zip_set_file_compression(archive, i, ZIP_CM_STORE, 0);
    }
    EXPECT_EQ(zip_close(archive), 0);
    return path;
  }

  // A copy with its parts changed and the container sound.
  std::string WithParts(const std::function<void(ArchiveParts*)>& change) {
    ArchiveParts parts = ReadTorchArchive(ReadFile(path_, kNoLimit), path_, "model bundle");
    change(&parts);
    const std::string path = dir_ + "/parts.hepar";
    WriteFileAtomically(path, WriteTorchArchive(parts));
    return path;
  }

  // A copy whose root has one attribute more: the pickled value `value`.
  std::string WithAttribute(const std::string& name, const std::string& value) {
    return WithParts([&](ArchiveParts* parts) {
      std::string& pickle = (*parts)["data.pkl"];
      const std::string end = pickle.substr(pickle.rfind("ub"));
      pickle.resize(pickle.size() - end.size());
      const std::string entry = hepar::testing::PickleWriter().Text(name).Raw(value).Done();
      pickle += entry.substr(2, entry.size() - 3) + end;
    });
  }

  // The error that loading `path` gives.
  static Error LoadError(const std::string& path) {
    try {
      LoadBundle(path);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << path << " was accepted";
    return Error(ErrorKind::kFailed, "");
  }

  std::string dir_, path_, text_;
};

TEST_F(BundleTest, RoundTripKeepsEveryNumberAndField) {
  torch::manual_seed(7);
  Architecture a;
  a.size = "nano";
  a.decoupler = DecouplerShapeOf("nano");
  a.ic2_skips = DecouplerSkips::kNoTop;
  a.feature_channels = 2;
  a.final_relu = true;
  ModelSpec spec;
  spec.name = "round trip";
  spec.preprocess.size = 96;
  spec.preprocess.sector = SectorRule::Parse("10,20,300,200");
  spec.temperature = 1.75;
  spec.abstain_below = 0.4;
  spec.training_options = R"({"epochs":3})";
  spec.metrics = R"({"accuracy":0.5})";
  spec.dataset_digest = "abc";
  spec.licence = "CC-BY-4.0";
  spec.citation = "Someone, 2026";
  SeverityNet net(a);
  net->ic1->trunk->stem->bn->running_mean.uniform_();
  const ModelSpec written = SaveBundle(dir_ + "/round.hepar", spec, net);

  Bundle loaded = LoadBundle(dir_ + "/round.hepar");
  EXPECT_EQ(ModelSpecToJson(loaded.spec), ModelSpecToJson(written));
  EXPECT_EQ(loaded.spec.id.size(), 64u);
  EXPECT_EQ(ParameterDigest(loaded.net), ParameterDigest(net));
  EXPECT_FALSE(loaded.net->is_training());

  net->eval();
  torch::NoGradGuard no_grad;
  const auto x = torch::rand({1, 1, 96, 96});
  EXPECT_TRUE(torch::equal(loaded.net(x), net(x)));
}

TEST_F(BundleTest, EveryKindOfClassifierComesBack) {
  const torch::NoGradGuard no_grad;
  for (const char* name : {"resnet18", "se_resnet18", "cbam_resnet18", "vit_tiny"}) {
    SCOPED_TRACE(name);
    Architecture a;
    a.size = "nano";
    a.decoupler = DecouplerShapeOf("nano");
    a.classifier = name;
    SeverityNet net(a);
    // Untrained transformers return 0 for everything, and initial statistics are all equal.
    for (auto& tensor : net->classifier->parameters()) tensor.add_(torch::randn_like(tensor), 0.02);
    for (auto& tensor : net->classifier->buffers()) {
      if (tensor.is_floating_point()) tensor.uniform_(0.5, 1.5);
    }
    ModelSpec spec;
    spec.preprocess.size = 64;
    const ModelSpec written = SaveBundle(dir_ + "/kind.hepar", spec, net);
    Bundle loaded = LoadBundle(dir_ + "/kind.hepar");
    EXPECT_EQ(loaded.spec.architecture.classifier, name);
    EXPECT_EQ(loaded.spec.id, written.id);
    EXPECT_EQ(loaded.spec.id, ParameterDigest(loaded.net));
    net->eval();
    const auto x = torch::rand({1, 1, 64, 64});
    EXPECT_TRUE(torch::equal(loaded.net(x), net(x)));
  }
}

TEST_F(BundleTest, DecouplersThatAreLeftOutStayOut) {
  for (const DecouplerSet set :
       {DecouplerSet::kSpecific, DecouplerSet::kCommon, DecouplerSet::kNone}) {
    SCOPED_TRACE(ToString(set));
    Architecture a;
    a.size = "nano";
    a.decoupler = DecouplerShapeOf("nano");
    a.decouplers = set;
    SeverityNet net(a);
    const std::string path = dir_ + "/" + ToString(set) + ".hepar";
    SaveBundle(path, ModelSpec(), net);
    const Bundle loaded = LoadBundle(path);
    EXPECT_EQ(loaded.spec.architecture.decouplers, set);
    EXPECT_EQ(loaded.net->ic1.is_empty(), !HasSpecific(set));
    EXPECT_EQ(loaded.net->ic2.is_empty(), !HasCommon(set));
    EXPECT_EQ(ParameterDigest(loaded.net), ParameterDigest(net));
  }
}

TEST_F(BundleTest, BundlesThatDoNotNameTheirDecouplersHaveBoth) {
  const Bundle loaded =
      LoadBundle(WithDescription([](json* d) { (*d)["architecture"].erase("decouplers"); }));
  EXPECT_EQ(loaded.spec.architecture.decouplers, DecouplerSet::kBoth);
}

TEST_F(BundleTest, SameNumbersGiveTheSameIdAndOthersAnother) {
  const auto id = [&](unsigned seed) {
    return LoadBundle(hepar::testing::WriteTinyModel(dir_, "other.hepar", seed)).spec.id;
  };
  const std::string first = id(1);
  EXPECT_EQ(first, LoadBundle(path_).spec.id);
  EXPECT_NE(first, id(2));
}

TEST_F(BundleTest, MissingFileIsNotFound) {
  const Error error = LoadError(dir_ + "/absent.hepar");
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("absent.hepar"));
}

TEST_F(BundleTest, FolderIsUnreadable) {
  EXPECT_EQ(LoadError(dir_).kind(), ErrorKind::kUnreadable);
}

TEST_F(BundleTest, EmptyAndForeignFilesAreDamaged) {
  EXPECT_EQ(LoadError(Altered([](std::string* b) { b->clear(); })).kind(), ErrorKind::kDamaged);
  EXPECT_EQ(LoadError(Altered([](std::string* b) { *b = "not a zip file at all"; })).kind(),
            ErrorKind::kDamaged);
}

TEST_F(BundleTest, TorchScriptWithoutDescriptionIsForeign) {
  torch::jit::Module module("Foreign");
  module.register_parameter("weight", torch::ones({2}), false);
  module.save(dir_ + "/foreign.pt");
  const Error error = LoadError(dir_ + "/foreign.pt");
  EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
  EXPECT_THAT(error.what(), HasSubstr("hepar.json"));
}

TEST_F(BundleTest, EveryTruncationIsDamaged) {
  const std::size_t size = std::filesystem::file_size(path_);
  for (std::size_t kept :
       {std::size_t{1}, std::size_t{100}, size / 4, size / 2, size - 1000, size - 1}) {
    SCOPED_TRACE(kept);
    EXPECT_EQ(LoadError(Altered([&](std::string* b) { b->resize(kept); })).kind(),
              ErrorKind::kDamaged);
  }
}

TEST_F(BundleTest, FlippedBitsNeverLoadAsOtherNumbers) {
  const std::string id = LoadBundle(path_).spec.id;
  const std::size_t size = std::filesystem::file_size(path_);
  int refused = 0;
  constexpr int kFlips = 60;
  for (int i = 0; i < kFlips; ++i) {
    const std::size_t position = size / kFlips * i + 17;
    const std::string path = Altered([&](std::string* b) { (*b)[position] ^= 0x10; });
    // A flip in padding between parts changes nothing; any other is refused.
    try {
      EXPECT_EQ(LoadBundle(path).spec.id, id) << position;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kFlips / 2);
}

TEST_F(BundleTest, DamagedPartIsNamed) {
  const std::string path = Altered([](std::string* bytes) {
    const std::size_t at = bytes->find("\"class_names\"");
    ASSERT_NE(at, std::string::npos);
    (*bytes)[at + 1] = 'X';
  });
  EXPECT_THAT(LoadError(path).what(), HasSubstr("hepar.json"));
}

TEST_F(BundleTest, DescriptionOfAnotherVersionSaysSo) {
  const Error error = LoadError(WithDescription([](json* d) { (*d)["schema_version"] = 99; }));
  EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
  EXPECT_THAT(error.what(), HasSubstr("99"));
}

TEST_F(BundleTest, EveryFieldIsNeededAndTyped) {
  const json description = json::parse(ModelSpecToJson(LoadBundle(path_).spec));
  for (const auto& [key, value] : description.items()) {
    SCOPED_TRACE(key);
    const std::string name = key;
    EXPECT_THAT(LoadError(WithDescription([&](json* d) { d->erase(name); })).what(),
                HasSubstr(name));
    LoadError(WithDescription([&](json* d) { (*d)[name] = json::array({nullptr}); }));
  }
  for (const auto& [key, value] : description["architecture"].items()) {
    SCOPED_TRACE(key);
    const std::string name = key;
    if (name != "decouplers") {  // Older bundles lack it.
      LoadError(WithDescription([&](json* d) { (*d)["architecture"].erase(name); }));
    }
    if (value.is_number() || value.is_array()) {
      LoadError(WithDescription([&](json* d) { (*d)["architecture"][name] = -1e12; }));
    }
  }
}

TEST_F(BundleTest, AnOutOfDomainScoreComesBackAsItWasWritten) {
  DomainModel domain = hepar::testing::FlatDomain();
  domain.mean[1] = -0.1234567890123;
  domain.factor[1] = 0.3;
  const std::string path =
      hepar::testing::WriteTinyModel(dir_, "domain.hepar", 1, [&](ModelSpec* spec) {
        spec->domain = domain;
        spec->out_of_domain_above = 1.25;
        spec->temperature = 1.5;
      });
  const ModelSpec spec = LoadBundle(path).spec;
  EXPECT_TRUE(spec.domain == domain);
  EXPECT_EQ(spec.out_of_domain_above, 1.25);
  // Weights are the same, so the id is.
  EXPECT_EQ(spec.id, LoadBundle(path_).spec.id);
}

void SetFamiliarity(ModelSpec* spec) {
  spec->domain = hepar::testing::FlatDomain();
  spec->out_of_domain_above = 1.25;
  spec->familiarity = Familiarity{spec->domain->factor, 0.9, 1.125, 0.27};
}

TEST_F(BundleTest, FamiliarityComesBackAsItWasWritten) {
  const ModelSpec spec =
      LoadBundle(hepar::testing::WriteTinyModel(dir_, "familiar.hepar", 1, SetFamiliarity)).spec;
  ASSERT_TRUE(spec.familiarity.has_value());
  EXPECT_TRUE(*spec.familiarity == (Familiarity{spec.domain->factor, 0.9, 1.125, 0.27}));
  EXPECT_EQ(spec.id, LoadBundle(path_).spec.id);
}

TEST_F(BundleTest, DamagedFamiliarityIsRefused) {
  hepar::testing::WriteTinyModel(dir_, "tiny.hepar", 1, SetFamiliarity);
  LoadBundle(path_);  // As it is, it loads.
  const auto damaged = [&](const std::function<void(json&)>& change) {
    return LoadError(WithDescription([&](json* d) { change((*d)["familiarity"]); }));
  };
  for (const char* part :
       {"version", "factor", "unfamiliar_above", "full_doubt_above", "evidence"}) {
    SCOPED_TRACE(part);
    EXPECT_THAT(damaged([&](json& f) { f.erase(part); }).what(), HasSubstr(part));
    EXPECT_EQ(damaged([&](json& f) { f[part] = "x"; }).kind(), ErrorKind::kDamaged);
  }
  EXPECT_EQ(damaged([](json& f) { f["factor"][2] = 0.0; }).kind(), ErrorKind::kDamaged);
  EXPECT_EQ(damaged([](json& f) { f["unfamiliar_above"] = 0.0; }).kind(), ErrorKind::kDamaged);
  EXPECT_THAT(damaged([](json& f) { f["full_doubt_above"] = 0.9; }).what(),
              HasSubstr("above unfamiliar_above"));
  EXPECT_EQ(damaged([](json& f) { f["evidence"] = 1.1; }).kind(), ErrorKind::kDamaged);
  const Error newer = damaged([](json& f) { f["version"] = 99; });
  EXPECT_EQ(newer.kind(), ErrorKind::kMismatch);
  EXPECT_THAT(newer.what(), HasSubstr("familiarity is of version 99"));
  EXPECT_THAT(LoadError(WithDescription([](json* d) { d->erase("domain"); })).what(),
              HasSubstr("none without a 'domain'"));
}

TEST_F(BundleTest, ABundleWithoutOutOfDomainScoreLoads) {
  const ModelSpec spec =
      LoadBundle(WithDescription([](json* d) { (*d)["out_of_domain_above"] = 0.2; })).spec;
  EXPECT_FALSE(spec.domain.has_value());
  EXPECT_FALSE(spec.familiarity.has_value());
}

TEST_F(BundleTest, DamagedOutOfDomainScoresAreRefused) {
  hepar::testing::WriteTinyModel(dir_, "tiny.hepar", 1, [&](ModelSpec* spec) {
    spec->domain = hepar::testing::FlatDomain();
    spec->out_of_domain_above = 1.25;
  });
  LoadBundle(path_);  // As it is, it loads.
  const auto damaged = [&](const std::function<void(json&)>& change) {
    return LoadError(WithDescription([&](json* d) { change((*d)["domain"]); }));
  };
  for (const char* part : {"version", "mean", "scale", "factor"}) {
    SCOPED_TRACE(part);
    EXPECT_THAT(damaged([&](json& domain) { domain.erase(part); }).what(), HasSubstr(part));
    EXPECT_EQ(damaged([&](json& domain) { domain[part] = "x"; }).kind(), ErrorKind::kDamaged);
  }
  for (const char* part : {"mean", "scale", "factor"}) {
    SCOPED_TRACE(part);
    EXPECT_EQ(damaged([&](json& domain) { domain[part].erase(0); }).kind(), ErrorKind::kDamaged);
    EXPECT_EQ(damaged([&](json& domain) { domain[part][0] = nullptr; }).kind(),
              ErrorKind::kDamaged);
    EXPECT_EQ(damaged([&](json& domain) { domain[part][0] = 1e300; }).kind(), ErrorKind::kDamaged);
  }
  EXPECT_EQ(damaged([](json& domain) { domain["scale"][2] = 0.0; }).kind(), ErrorKind::kDamaged);
  // The last value of the second row, on the diagonal.
  EXPECT_EQ(damaged([](json& domain) { domain["factor"][2] = 0.0; }).kind(), ErrorKind::kDamaged);
  EXPECT_EQ(damaged([](json& domain) { domain = 3; }).kind(), ErrorKind::kDamaged);

  const Error newer = damaged([](json& domain) { domain["version"] = 99; });
  EXPECT_EQ(newer.kind(), ErrorKind::kMismatch);
  EXPECT_THAT(newer.what(), HasSubstr("update gst-hepar"));
  const Error older = damaged([](json& domain) { domain["version"] = 0; });
  EXPECT_EQ(older.kind(), ErrorKind::kMismatch);
  EXPECT_THAT(older.what(), HasSubstr("hepar trust"));

  for (const json& limit : {json(nullptr), json(0.0), json(-1.0)}) {
    const Error error =
        LoadError(WithDescription([&](json* d) { (*d)["out_of_domain_above"] = limit; }));
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
    EXPECT_THAT(error.what(), HasSubstr("out_of_domain_above"));
  }
}

TEST_F(BundleTest, HugeSizesAreRefusedBeforeMemoryIsTaken) {
  EXPECT_EQ(LoadError(WithDescription([](json* d) {
              (*d)["architecture"]["widths"] = {1 << 30, 1 << 30, 1 << 30, 1 << 30};
            })).kind(),
            ErrorKind::kDamaged);
  EXPECT_EQ(LoadError(WithDescription([](json* d) { (*d)["input"]["size"] = 1 << 20; })).kind(),
            ErrorKind::kDamaged);
}

TEST_F(BundleTest, UnknownNamesListTheKnownOnes) {
  const auto with = [&](const char* key, const char* value) {
    return WithDescription([&](json* d) { (*d)["architecture"][key] = value; });
  };
  EXPECT_THAT(LoadError(with("classifier", "alexnet")).what(), HasSubstr("squeezenet1_1"));
  EXPECT_THAT(LoadError(with("planes", "cmyk")).what(), HasSubstr("ycbcr"));
  EXPECT_EQ(LoadError(with("ic2_skips", "some")).kind(), ErrorKind::kMismatch);
  EXPECT_THAT(LoadError(with("decouplers", "three")).what(), HasSubstr("specific"));
}

TEST_F(BundleTest, ShapesThatDoNotFitTheArchitectureNameTheTensor) {
  const Error error = LoadError(WithDescription([](json* d) {
    (*d)["architecture"]["widths"] = {16, 24, 40, 64};
    (*d)["architecture"]["inner_widths"] = {8, 12, 20, 32};
  }));
  EXPECT_EQ(error.kind(), ErrorKind::kMismatch);
  EXPECT_THAT(error.what(), HasSubstr("tensor '"));
}

TEST_F(BundleTest, TensorsThatAreNotWhatTheDescriptionSaysAreRefused) {
  EXPECT_EQ(LoadError(WithDescription([](json* d) { (*d)["tensors"].erase(0); })).kind(),
            ErrorKind::kMismatch);
  EXPECT_EQ(LoadError(WithDescription([](json* d) { (*d)["id"] = std::string(64, '0'); })).kind(),
            ErrorKind::kDamaged);
}

TEST_F(BundleTest, NumbersThatAreNotFiniteAreRefused) {
  Bundle bundle = LoadBundle(path_);
  {
    torch::NoGradGuard no_grad;
    bundle.net->ic2->reconstruction_head->bias.fill_(std::nan(""));
  }
  const std::string path = dir_ + "/nan.hepar";
  SaveBundle(path, bundle.spec, bundle.net);
  EXPECT_THAT(LoadError(path).what(), HasSubstr("reconstruction_head.bias"));
}

TEST_F(BundleTest, OneWrongNumberAmongManyIsNamed) {
  for (const float value : {NAN, INFINITY, -INFINITY}) {
    Bundle bundle = LoadBundle(path_);
    {
      torch::NoGradGuard no_grad;
      bundle.net->classifier->named_parameters()["features.3.squeeze.weight"].view(-1)[3] = value;
    }
    SaveBundle(dir_ + "/one.hepar", bundle.spec, bundle.net);
    EXPECT_THAT(LoadError(dir_ + "/one.hepar").what(), HasSubstr("features.3.squeeze.weight"));
  }
}

TEST_F(BundleTest, WhatIsNoTensorOrExpectedModuleIsRefused) {
  EXPECT_NO_THROW(LoadBundle(WithParts([](ArchiveParts*) {})));
  EXPECT_THAT(LoadError(WithAttribute("more", "K\1")).what(), HasSubstr("an integer as 'more'"));
  EXPECT_THAT(LoadError(WithAttribute("more", "ctorch\nload\n)R")).what(), HasSubstr("torch.load"));
  // A submodule beside the trees, as it would be that runs code when LibTorch loads it.
  const std::string hook =
      "c__torch__\nHook\n)\x81K\1\x85"
      "b";
  EXPECT_THAT(LoadError(WithAttribute("hook", hook)).what(), HasSubstr("__torch__.Hook"));
  const std::string named = "c__torch__\nhepar_hook\n)\x81}b";
  EXPECT_THAT(LoadError(WithAttribute("hook",
                                      "c__torch__\nhepar_hook\n)\x81K\1\x85"
                                      "b"))
                  .what(),
              HasSubstr("without attributes"));
  // An empty one changes nothing; a tensor more does.
  EXPECT_NO_THROW(LoadBundle(WithAttribute("hook", named)));
  const std::string tensor = hepar::testing::PickleWriter().Tensor("0", 432, {1}, {1}).Done();
  EXPECT_THAT(LoadError(WithAttribute("more", tensor.substr(2, tensor.size() - 3))).what(),
              HasSubstr("data/0"));
}

TEST_F(BundleTest, PartsThatNoBundleHasAreRefused) {
  const auto error = [&](const std::string& part, const std::string& content) {
    return std::string(
        LoadError(WithParts([&](ArchiveParts* parts) { (*parts)[part] = content; })).what());
  };
  EXPECT_THAT(error("code/other.py", "x"), HasSubstr("'code/other.py' is nothing"));
  EXPECT_THAT(error("extra/other.json", "x"), HasSubstr("'extra/other.json' is nothing"));
  EXPECT_THAT(error("data/9999", "x"), HasSubstr("'data/9999'"));
  EXPECT_THAT(error("constants/0", "x"), HasSubstr("constants/0"));
  EXPECT_THAT(error("constants.pkl", "\x80\2K\1\x85."), HasSubstr("holds constants"));
  EXPECT_THAT(error("data/0", ""), HasSubstr("'data/0' has"));
  EXPECT_THAT(error("data/0", "1234"), HasSubstr("'data/0' has"));
  EXPECT_THAT(error("data.pkl", "\x80\2)" + std::string(1000000, '\x85') + "."),
              HasSubstr("nested too deeply"));
  const auto code = [&](const std::string& more) {
    return std::string(LoadError(WithParts([&](ArchiveParts* parts) {
                         (*parts)["code/__torch__.py"] += more;
                       })).what());
  };
  EXPECT_THAT(code("\n  def f(self) -> int:\n    return 1\n"), HasSubstr("holds code"));
  EXPECT_THAT(code("\n  def f(self) -> int:\n    return " + std::string(200000, '(')),
              HasSubstr("holds code"));
}

TEST_F(BundleTest, DeepDescriptionsAreRefused) {
  const auto error = [&](const std::string& key, const std::string& value) {
    return LoadError(WithParts([&](ArchiveParts* parts) {
      std::string& text = (*parts)["extra/hepar.json"];
      const auto at = text.find('{');
      text.insert(at + 1, "\"" + key + "\": " + value + ",");
    }));
  };
  const auto nested = [](const std::string& left, const std::string& inner,
                         const std::string& right, int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += left;
    text += inner;
    for (int i = 0; i < depth; ++i) text += right;
    return text;
  };
  for (const char* key : {"name", "metrics", "unknown"}) {
    for (const int depth : {100, 100000}) {
      EXPECT_THAT(error(key, nested("[", "", "]", depth)).what(), HasSubstr("nested too deeply"));
      EXPECT_THAT(error(key, nested("{\"a\":", "1", "}", depth)).what(),
                  HasSubstr("nested too deeply"));
      EXPECT_EQ(error(key, nested("[", "", "", depth)).kind(), ErrorKind::kDamaged);
    }
  }
}

// What earlier releases and Python wrote stays readable: the models that come with gst-hepar.
TEST_F(BundleTest, ShippedModelsKeepTheirIds) {
  for (const auto& [file, id] :
       {std::pair{"steatosis-byra-live.hepar",
                  "8a00eef22f19eb7b5dd527f6890ac0992d968805f1e599f4e9c5f25d88a10dd7"},
        {"steatosis-sim-live.hepar",
         "d56279901b7f3f84e153ca9a409755315262a074866f921c75acd465cb5d99d9"}}) {
    const Bundle bundle = LoadBundle(std::string(PRETRAINED_DIR) + "/" + file);
    EXPECT_EQ(bundle.spec.id, id);
    EXPECT_EQ(ParameterDigest(bundle.net), id);
  }
}

TEST_F(BundleTest, PythonsHostileBundlesRunNothing) {
  const std::string python = hepar::testing::PythonWithTorch();
  if (python.empty()) GTEST_SKIP() << "no python3 with torch here";
  ASSERT_TRUE(hepar::testing::RunPython(python, dir_, R"(
import torch
from typing import Tuple
class Hook(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(4))
    @torch.jit.export
    def __getstate__(self):
        return (self.w, self.training)
    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]):
        mark = torch.from_file("marker", shared=True, size=16, dtype=torch.uint8)
        mark.fill_(66)
        self.w = state[0] + mark.float().sum() * 0.0
        self.training = state[1]
    def forward(self, x):
        return x
extra = {"hepar.json": ""}
loaded = torch.jit.load("tiny.hepar", _extra_files=extra)
class Carrier(torch.nn.Module):
    def __init__(self, inside):
        super().__init__()
        for name, child in loaded.named_children():
            if name != inside:
                setattr(self, name, child)
        setattr(self, inside or "hook", torch.jit.script(Hook()))
    def forward(self, x):
        return x
for inside in ["", "ic2", "classifier"]:
    torch.jit.script(Carrier(inside)).save("hook" + inside + ".hepar", _extra_files={"hepar.json": extra["hepar.json"]})
import os
if os.path.exists("marker"):
    os.remove("marker")
)"));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir_);
  for (const char* file : {"hook.hepar", "hookic2.hepar", "hookclassifier.hepar"}) {
    SCOPED_TRACE(file);
    EXPECT_EQ(LoadError(file).kind(), ErrorKind::kDamaged);
    EXPECT_FALSE(std::filesystem::exists("marker"));
  }
  std::filesystem::current_path(before);
}

// The bytes that are checked are those that are used: whoever exchanges the file in between does
// not get another model past its signature.
TEST_F(BundleTest, ExchangedWhileItIsLoadedIsTheSignedModelOrAnError) {
  WriteSigningKeys(dir_ + "/maker");
  const std::string sound = ReadFile(path_, kNoLimit);
  const std::string other =
      ReadFile(hepar::testing::WriteTinyModel(dir_, "other.hepar", 2), kNoLimit);
  const std::string id = LoadBundle(path_).spec.id;
  WriteFileAtomically(path_ + kSignatureEnd, SignBytes(sound, dir_ + "/maker.key").bytes);
  ModelPermission permission;
  permission.trusted_keys = dir_ + "/maker.pub";

  std::atomic<bool> stop{false};
  std::thread exchanger([&] {
    while (!stop) {
      WriteFileAtomically(path_, other);
      WriteFileAtomically(path_, sound);
    }
  });
  int loaded = 0, refused = 0;
  for (int i = 0; i < 2000 && (loaded == 0 || refused == 0 || i < 50); ++i) {
    try {
      EXPECT_EQ(LoadBundle(path_, permission).spec.id, id);
      ++loaded;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnreadable) << error.what();
      ++refused;
    }
  }
  stop = true;
  exchanger.join();
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(BundleTest, WrongNumberOfClassNamesIsNotSaved) {
  Bundle bundle = LoadBundle(path_);
  bundle.spec.class_names.pop_back();
  EXPECT_THROW(SaveBundle(dir_ + "/x.hepar", bundle.spec, bundle.net), Error);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/x.hepar"));
}

TEST_F(BundleTest, FailedWriteKeepsTheOldFileAndLeavesNoRubbish) {
  const std::string folder = dir_ + "/sub";
  std::filesystem::create_directories(folder);
  EXPECT_THROW(WriteFileAtomically(folder, "content"), Error);  // A folder cannot be replaced.
  EXPECT_TRUE(std::filesystem::is_directory(folder));
  EXPECT_THROW(WriteFileAtomically(dir_ + "/no/such/folder/file", "content"), Error);
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace hepar
