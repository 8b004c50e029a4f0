// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/interchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hepar {
namespace {

using nlohmann::ordered_json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ModelSpec Spec() {
  ModelSpec spec;
  spec.name = "my: model";
  spec.id = "0123abcd";
  spec.architecture.feature_channels = 2;
  spec.preprocess.size = 128;
  spec.temperature = 0.8229;
  spec.licence = "LGPL-2.1-or-later";
  spec.citation = "Someone et al.";
  spec.metrics =
      R"({"validation": {"patient": {"cases": 52, "accuracy": 0.98077, "auc_mild": 0.998,
          "ece": null}}})";
  return spec;
}

TEST(MonaiMetadataTest, GivesTheFormatOfInputAndOutputs) {
  const ordered_json metadata = ordered_json::parse(MonaiMetadata(Spec(), "1.2.3"));
  EXPECT_EQ(metadata.at("name"), "my: model");
  EXPECT_EQ(metadata.at("version"), "1.2.3");
  EXPECT_EQ(metadata.at("license"), "LGPL-2.1-or-later");
  const ordered_json& format = metadata.at("network_data_format");
  const ordered_json& picture = format.at("inputs").at("picture");
  EXPECT_EQ(picture.at("num_channels"), 1);
  EXPECT_EQ(picture.at("spatial_shape"), ordered_json({128, 128}));
  EXPECT_EQ(picture.at("value_range"), ordered_json({0, 1}));
  EXPECT_EQ(picture.at("modality"), "US");
  const ordered_json& outputs = format.at("outputs");
  EXPECT_EQ(outputs.at("logits").at("num_channels"), 4);
  EXPECT_EQ(outputs.at("logits").at("channel_def").at("3"), "severe");
  std::vector<std::string> names;
  for (const auto& [name, output] : outputs.items()) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("logits", "specific", "common", "reconstruction", "auxiliary_logits"));
  EXPECT_EQ(outputs.at("specific").at("num_channels"), 2);
  EXPECT_EQ(outputs.at("reconstruction").at("num_channels"), 1);
  EXPECT_EQ(outputs.at("auxiliary_logits").at("num_channels"), 4);
  EXPECT_EQ(outputs.at("common").at("spatial_shape"), ordered_json({128, 128}));
}

TEST(MonaiMetadataTest, NamesOnlyOutputsThatTheModelHas) {
  ModelSpec spec = Spec();
  spec.architecture.decouplers = DecouplerSet::kNone;
  const ordered_json metadata = ordered_json::parse(MonaiMetadata(spec, "1"));
  const ordered_json& outputs = metadata.at("network_data_format").at("outputs");
  EXPECT_EQ(outputs.size(), 1U);
  EXPECT_TRUE(outputs.contains("logits"));
}

TEST(MonaiMetadataTest, GivesTheFiguresThatTheBundleHas) {
  const ordered_json figures = ordered_json::parse(MonaiMetadata(Spec(), "1")).at("eval_metrics");
  EXPECT_EQ(figures, ordered_json({{"accuracy", 0.98077}, {"auc_mild", 0.998}}));
  ModelSpec spec = Spec();
  spec.metrics = "{}";
  EXPECT_TRUE(ordered_json::parse(MonaiMetadata(spec, "1")).at("eval_metrics").empty());
}

TEST(ModelCardTest, BeginsWithLicenseTagsAndFigures) {
  const std::string card = ModelCard(Spec(), "onnx", "liver.onnx");
  EXPECT_THAT(card, StartsWith("---\nlicense: lgpl-2.1\npipeline_tag: image-classification\n"));
  EXPECT_THAT(card, HasSubstr("\n- onnx\nmodel-index:\n- name: \"my: model\"\n"));
  EXPECT_THAT(card,
              HasSubstr("    - type: accuracy\n      name: \"accuracy\"\n      value: 0.981"));
  EXPECT_THAT(card, HasSubstr("\n---\n\n# my: model\n\n**Research use only"));
  EXPECT_THAT(card, Not(HasSubstr("calibration error")));  // It is null.
  EXPECT_THAT(
      card, AllOf(HasSubstr("`liver.onnx`"), HasSubstr("(batch, 1, 128, 128)"),
                  HasSubstr("by 0.8229"), HasSubstr("(52 patients)"), HasSubstr("Someone et al.")));
}

TEST(ModelCardTest, LicensesThatAreNotInTheListKeepTheirName) {
  ModelSpec spec = Spec();
  spec.licence = "for \"us\" only";
  EXPECT_THAT(ModelCard(spec, "onnx", "x"),
              StartsWith("---\nlicense: other\nlicense_name: \"for \\\"us\\\" only\"\n"));
  spec.licence.clear();
  EXPECT_THAT(ModelCard(spec, "onnx", "x"), Not(HasSubstr("license")));
}

TEST(ModelCardTest, SaysThatThereAreNoFigures) {
  ModelSpec spec = Spec();
  spec.metrics = "{}";
  const std::string card = ModelCard(spec, "torchscript", "x.pt");
  EXPECT_THAT(card, Not(HasSubstr("model-index")));
  EXPECT_THAT(card, HasSubstr("The bundle holds no figures of a validation part."));
}

}  // namespace
}  // namespace hepar
