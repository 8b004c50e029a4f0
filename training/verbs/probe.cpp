// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <ostream>

#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "training/cli/common_options.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/output.h"
#include "training/cli/progress.h"
#include "training/data/dataset.h"
#include "training/data/prepared_dataset.h"
#include "training/data/split.h"
#include "training/evaluation/linear_probe.h"
#include "training/report/loading_report.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr int kGroups = 5;  // Of patients, where no folds are given.

struct ProbeOptions {
  std::string model;
  ScanOptions scans;
  int grid = 12;
  ModelPermission permission;
  DeviceOptions device;
  Output output;
};

OptionTable MakeTable(ProbeOptions* o) {
  OptionTable table(
      "probe", "--model FILE.hepar --data PATH [OPTION...]",
      "Measures how well the decouplers separate features: how well linear probes predict the "
      "grade of unseen patients, and which patient a frame is from, from Feat1, from Feat2 and "
      "from the picture itself. Feat1 should predict the grade better, Feat2 the patient.");
  table.Heading("Options");
  AddModelOption(&table, &o->model, "the model bundle to probe");
  AddPermissionOptions(&table, &o->permission);
  AddDataOption(&table, &o->scans, "the labeled scans to probe it with");
  table.Path("folds", &o->scans.folds, "FILE",
             "CSV file with the columns patient_id and fold: the folds for probing the grade; "
             "default: five folds that are stratified by grade");
  AddSourceOptions(&table, &o->scans.source);
  table.Integer("grid", &o->grid, 1, 64, "Pictures are averaged to this many rows and columns");
  AddDeviceOptions(&table, &o->device);
  o->output.AddTo(&table, "Write the results as JSON");
  return table;
}

// Distributes the patients of each grade over the folds in turn.
Folds StratifiedFolds(const Dataset& dataset) {
  std::vector<std::pair<int, std::string>> patients;
  for (const Sample& sample : dataset.samples) patients.emplace_back(sample.label, sample.patient);
  std::sort(patients.begin(), patients.end());
  patients.erase(std::unique(patients.begin(), patients.end()), patients.end());
  Folds groups;
  groups.count = kGroups;
  for (std::size_t i = 0; i < patients.size(); ++i) {
    groups.fold_of.emplace_back(patients[i].second, static_cast<int>(i) % kGroups);
  }
  std::sort(groups.fold_of.begin(), groups.fold_of.end());
  return groups;
}

void AppendRow(const cv::Mat& gray, int grid, cv::Mat* rows) {
  cv::Mat small;
  cv::resize(gray, small, cv::Size(grid, grid), 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_32F);
  rows->push_back(small.reshape(1, 1));
}

cv::Mat ToMat(GrayPicture& picture) {
  return {picture.size, picture.size, CV_8UC1, picture.pixels.data()};
}

ProbeFrames FramesOf(const ProbeOptions& o, const Engine& engine, const PreparedDataset& data) {
  const Dataset& dataset = data.dataset();
  const Folds groups = o.scans.folds.empty() ? StratifiedFolds(dataset) : LoadFolds(o.scans.folds);
  ProbeFrames frames;
  Progress progress(engine.spec().name, data.size(), "pictures");
  for (int i = 0; i < data.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    frames.labels.push_back(sample.label);
    frames.patients.push_back(sample.patient);
    frames.groups.push_back(groups.FoldOf(sample.patient));
    const auto inference = engine.Prepare(data.image(i));
    const std::pair<FeatureView, cv::Mat*> views[] = {{FeatureView::kSpecific, &frames.specific},
                                                      {FeatureView::kCommon, &frames.common}};
    for (const auto& [view, rows] : views) {
      if (!inference->has(view)) continue;
      GrayPicture picture = inference->View(view);
      AppendRow(ToMat(picture), o.grid, rows);
    }
    cv::Mat gray = data.image(i).pixels;
    if (gray.channels() == 3) cv::cvtColor(gray, gray, cv::COLOR_RGB2GRAY);
    AppendRow(gray, o.grid, &frames.picture);
    progress.Update(i + 1);
  }
  return frames;
}

// An interpretation of each measured value, in a line; none for a model without
// both decouplers.
std::vector<std::string> Verdicts(const std::vector<ProbedPicture>& probed) {
  std::vector<std::string> verdicts;
  if (probed.size() < 3) return verdicts;
  const ProbedPicture &specific = probed[0], &common = probed[1];
  if (std::isfinite(specific.grade)) {
    verdicts.emplace_back(
        specific.grade > common.grade
            ? "Feat1 predicts the grade better than Feat2, as intended"
            : "Feat1 predicts the grade no better than Feat2: the features of the "
              "grade were not decoupled");
  }
  if (std::isfinite(specific.patient)) {
    verdicts.emplace_back(common.patient > specific.patient
                              ? "Feat2 identifies the patient better than Feat1, as intended"
                              : "Feat2 identifies the patient no better than Feat1: the features "
                                "of patients were not separated");
  }
  return verdicts;
}

}  // namespace

int RunProbe(const std::vector<std::string>& arguments) {
  ProbeOptions options;
  OptionTable table = MakeTable(&options);
  if (!ReadOptions(&table, arguments)) return kExitOk;
  SetIntraOpThreads(options.device.threads);
  EngineConfig config;
  config.model = options.model;
  config.device = options.device.name;
  config.permission = options.permission;
  const auto engine = WithExitCode(kExitModel, [&] { return Engine::Open(config); });
  const auto data = WithExitCode(kExitInputData, [&] {
    return PreparedDataset(LoadDataset(options.scans.path, options.scans.source),
                           engine->spec().preprocess, options.device.threads);
  });
  ReportLoading("probe", data.dataset().summary, std::cerr);
  const auto frames =
      WithExitCode(kExitInputData, [&] { return FramesOf(options, *engine, data); });
  const int classes = static_cast<int>(data.dataset().class_names.size());
  const auto probed = ProbePictures(frames, classes);

  std::ostream& text = options.output.text();
  std::vector<std::vector<std::string>> rows = {{"probe of", "grade %", "patient %"}};
  ordered_json figures = ordered_json::object();
  for (const ProbedPicture& one : probed) {
    rows.push_back({one.name, Percent(one.grade), Percent(one.patient)});
    figures[one.name] = {{"grade", one.grade}, {"patient", one.patient}};
  }
  text << data.size() << " pictures; chance of the grade " << Percent(1.0 / classes) << " %\n"
       << FormatTable(rows);
  for (const std::string& verdict : Verdicts(probed)) text << verdict << "\n";
  options.output.Write({{"model", engine->spec().name},
                        {"model_id", engine->spec().id},
                        {"grid", options.grid},
                        {"probes", figures},
                        {"verdicts", Verdicts(probed)}});
  return kExitOk;
}

}  // namespace hepar
