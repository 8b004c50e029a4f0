// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/export/interchange.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "training/report/table.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr char kTask[] = "Grading of hepatic steatosis (fatty liver) in B-mode ultrasound";
constexpr char kUse[] = "Research use only: no medical device, not for diagnosis.";

struct Figure {
  const char* key;
  const char* name;
};
constexpr Figure kFigures[] = {{"accuracy", "accuracy"},
                               {"balanced_accuracy", "balanced accuracy"},
                               {"auc_mild", "AUC, at least mild"},
                               {"auc_moderate", "AUC, at least moderate"},
                               {"auc_severe", "AUC, at least severe"},
                               {"qwk", "quadratic weighted kappa"},
                               {"ece", "calibration error"}};

// The figures by patient of the validation part, or an empty object.
ordered_json ValidationFigures(const ModelSpec& spec) {
  const ordered_json metrics = ordered_json::parse(spec.metrics);
  const ordered_json::json_pointer place("/validation/patient");
  return metrics.contains(place) && metrics[place].is_object() ? metrics[place]
                                                               : ordered_json::object();
}

// The figures that are numbers, in the order of kFigures.
std::vector<std::pair<Figure, double>> Shown(const ordered_json& figures) {
  std::vector<std::pair<Figure, double>> shown;
  for (const Figure& figure : kFigures) {
    const auto found = figures.find(figure.key);
    if (found != figures.end() && found->is_number()) {
      shown.emplace_back(figure, found->get<double>());
    }
  }
  return shown;
}

ordered_json TensorFormat(const std::string& type, const std::string& format, int channels,
                          const std::vector<int>& shape, const ordered_json& range,
                          const ordered_json& channel_names) {
  return {{"type", type},
          {"format", format},
          {"num_channels", channels},
          {"spatial_shape", shape},
          {"dtype", "float32"},
          {"value_range", range},
          {"is_patch_data", false},
          {"channel_def", channel_names}};
}

ordered_json NumberedNames(const std::vector<std::string>& names) {
  ordered_json numbered = ordered_json::object();
  for (std::size_t i = 0; i < names.size(); ++i) numbered[std::to_string(i)] = names[i];
  return numbered;
}

std::vector<std::string> PlaneNames(const ModelSpec& spec) {
  return spec.preprocess.channels == 1 ? std::vector<std::string>{"luma"}
                                       : std::vector<std::string>{"red", "green", "blue"};
}

// Those that ToOnnx() gives, in its order.
ordered_json Outputs(const ModelSpec& spec) {
  const Architecture& a = spec.architecture;
  const int side = spec.preprocess.size;
  ordered_json outputs;
  const auto add_logits = [&](const char* name) {
    outputs[name] = TensorFormat("logits", "classes", a.classes, {}, ordered_json::array(),
                                 NumberedNames(spec.class_names));
  };
  const auto add_planes = [&](const char* name, int channels, const std::string& what) {
    const std::vector<std::string> names(static_cast<std::size_t>(channels), what);
    outputs[name] =
        TensorFormat("feature", "features", channels, {side, side}, {0, 1}, NumberedNames(names));
  };
  add_logits("logits");
  if (HasSpecific(a.decouplers)) {
    add_planes("specific", a.feature_channels, "class-specific feature");
  }
  if (HasCommon(a.decouplers)) {
    add_planes("common", a.feature_channels, "feature common to all classes");
    add_planes("reconstruction", PlaneCount(a.planes), "reconstructed plane");
  }
  if (HasSpecific(a.decouplers)) add_logits("auxiliary_logits");
  return outputs;
}

// Text as a scalar of YAML: JSON's strings are such, whatever they hold.
std::string Quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// The collection's identifiers are SPDX's in small letters, but for those of the GNU licenses.
std::string LicenseHead(const std::string& license) {
  if (license.empty()) return "";
  static const std::vector<std::pair<std::string, std::string>> kKnown = {
      {"LGPL-2.1-or-later", "lgpl-2.1"}, {"LGPL-2.1-only", "lgpl-2.1"},
      {"CC-BY-4.0", "cc-by-4.0"},        {"CC0-1.0", "cc0-1.0"},
      {"Apache-2.0", "apache-2.0"},      {"MIT", "mit"},
      {"BSD-2-Clause", "bsd-2-clause"},  {"BSD-3-Clause", "bsd-3-clause"}};
  const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const auto& entry) { return entry.first == license; });
  if (known != kKnown.end()) return "license: " + known->second + "\n";
  return "license: other\nlicense_name: " + Quoted(license) + "\n";
}

std::string ResultsHead(const ModelSpec& spec) {
  const ordered_json figures = ValidationFigures(spec);
  const auto shown = Shown(figures);
  if (shown.empty()) return "";
  std::string text =
      "model-index:\n- name: " + Quoted(spec.name) +
      "\n  results:\n  - task:\n      type: image-classification\n      name: " + Quoted(kTask) +
      "\n    dataset:\n      type: validation\n      name: "
      "\"validation part of the training data, by patient\"\n    metrics:\n";
  for (const auto& [figure, value] : shown) {
    text += std::string("    - type: ") + figure.key + "\n      name: " + Quoted(figure.name) +
            "\n      value: " + Fixed(value, 3) + "\n";
  }
  return text;
}

std::string FiguresTable(const ModelSpec& spec) {
  const ordered_json figures = ValidationFigures(spec);
  const auto shown = Shown(figures);
  if (shown.empty()) {
    return "The bundle holds no figures of a validation part. Evaluate the model on data of your "
           "own before you rely on it.\n";
  }
  std::string text = "By patient, on the validation part of the training data";
  const auto cases = figures.find("cases");
  if (cases != figures.end() && cases->is_number()) {
    text += " (" + Fixed(cases->get<double>(), 0) + " patients)";
  }
  text +=
      ". The same part may have chosen the epoch, so figures on other data are likely "
      "lower.\n\n| | |\n|---|---|\n";
  for (const auto& [figure, value] : shown) {
    text += std::string("| ") + figure.name + " | " + Fixed(value, 3) + " |\n";
  }
  return text;
}

}  // namespace

std::string MonaiMetadata(const ModelSpec& spec, const std::string& version) {
  const int side = spec.preprocess.size, channels = spec.preprocess.channels;
  ordered_json metadata;
  metadata["name"] = spec.name;
  metadata["version"] = version;
  metadata["task"] = kTask;
  metadata["description"] =
      "Grades the severity of fatty liver in one ultrasound picture: two decouplers (ICFDNets) and "
      "a classifier. Exported by gst-hepar; model id " +
      spec.id + ".";
  metadata["intended_use"] = kUse;
  if (!spec.licence.empty()) metadata["license"] = spec.licence;
  if (!spec.citation.empty()) metadata["references"] = {spec.citation};
  metadata["data_type"] = "B-mode ultrasound, still pictures or frames of video";
  metadata["image_classes"] =
      channels == 1 ? "luma in [0,1], zero outside the sector" : "R'G'B' in [0,1], zero outside";
  metadata["pred_classes"] = "logits of the classes; softmax(logits / temperature)";
  metadata["temperature"] = spec.temperature;
  metadata["eval_metrics"] = ordered_json::object();
  for (const auto& [figure, value] : Shown(ValidationFigures(spec))) {
    metadata["eval_metrics"][figure.key] = value;
  }
  metadata["network_data_format"] = {
      {"inputs",
       {{"picture", TensorFormat("image", "magnitude", channels, {side, side}, {0, 1},
                                 NumberedNames(PlaneNames(spec)))}}},
      {"outputs", Outputs(spec)}};
  metadata["network_data_format"]["inputs"]["picture"]["modality"] = "US";
  return metadata.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string ModelCard(const ModelSpec& spec, const std::string& format, const std::string& file) {
  std::string classes;
  for (const std::string& name : spec.class_names) {
    classes += (classes.empty() ? "" : ", ") + name;
  }
  const std::string side = std::to_string(spec.preprocess.size);
  std::string text = "---\n" + LicenseHead(spec.licence) +
                     "pipeline_tag: image-classification\ntags:\n- medical\n- ultrasound\n- liver\n"
                     "- steatosis\n- gst-hepar\n- " +
                     format + "\n" + ResultsHead(spec) + "---\n\n# " + spec.name + "\n\n**" + kUse +
                     "**\n\n" + kTask + ", classes " + classes +
                     ". Exported by gst-hepar from the bundle with the id `" + spec.id + "`.\n\n";
  text += "## Use\n\n`" + file + "` takes `picture`, float32 (batch, " +
          std::to_string(spec.preprocess.channels) + ", " + side + ", " + side +
          ") in [0,1]: the sector of the scan, stretched to the square, zero outside. Divide the "
          "first output, `logits`, by " +
          Fixed(spec.temperature, 4) +
          " and take the softmax. The detection of the sector and the checks of the view are not "
          "in the file: without them, pictures that show no liver are graded too.\n\n";
  text += "## Figures\n\n" + FiguresTable(spec) + "\n";
  text +=
      "## Limits\n\nThe model knows the scanners and settings of its training data. Grades of "
      "others may be wrong with high confidence.\n";
  if (spec.abstain_below) {
    text += "A grade with a confidence below " + Fixed(*spec.abstain_below, 2) +
            " is to be taken for none.\n";
  }
  if (!spec.citation.empty()) text += "\n## Citation\n\n" + spec.citation + "\n";
  return text;
}

}  // namespace hepar
