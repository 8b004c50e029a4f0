// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "models/engine/device.h"
#include "models/engine/engine.h"
#include "models/error.h"
#include "training/cli/exit_codes.h"
#include "training/cli/options.h"
#include "training/cli/progress.h"
#include "training/cli/source_options.h"
#include "training/data/dataset.h"
#include "training/evaluation/linear_probe.h"
#include "training/report/report.h"
#include "training/report/table.h"
#include "training/verbs/verbs.h"

namespace hepar {
namespace {

using nlohmann::ordered_json;

constexpr int kGroups = 5;  // Of patients, where no folds are given.

struct ProbeOptions {
  std::string model, data, folds, device = "auto", json;
  int grid = 12, threads = 1;
  SourceOptions source;
};

OptionTable MakeTable(ProbeOptions* o) {
  OptionTable table(
      "probe", "--model FILE.hepar --data PATH [OPTION...]",
      "Asks what the decouplers decoupled: how well linear probes tell the grade of patients that "
      "they did not see, and which patient a frame is of, from Feat1, from Feat2 and from the "
      "picture itself. Feat1 should tell more of the grade, Feat2 more of the patient.");
  table.Heading("Options");
  table.Path("model", &o->model, "FILE", "The model bundle. Required");
  table.Path("data", &o->data, "PATH", "Labelled scans, as for 'hepar train'. Required");
  table.Path("folds", &o->folds, "FILE",
             "CSV file with the columns patient_id and fold: groups of patients that the grade is "
             "probed by; without, five groups of like grades");
  AddSourceOptions(&table, &o->source);
  table.Integer("grid", &o->grid, 1, 64, "Pictures are averaged to this many rows and columns");
  table.Text("device", &o->device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Integer("threads", &o->threads, 1, 256, "Threads of one operator");
  table.Path("json", &o->json, "FILE", "Write the figures as JSON; - for standard output");
  return table;
}

// Patients of each grade are dealt out in turn.
Folds DealtGroups(const Dataset& dataset) {
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
  const Folds groups = o.folds.empty() ? DealtGroups(dataset) : LoadFolds(o.folds);
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

// What the figures mean, in a line each; nothing of what was not measured, and of a model without
// both decouplers.
std::vector<std::string> Verdicts(const std::vector<ProbedPicture>& probed) {
  std::vector<std::string> verdicts;
  if (probed.size() < 3) return verdicts;
  const ProbedPicture &specific = probed[0], &common = probed[1];
  if (std::isfinite(specific.grade)) {
    verdicts.emplace_back(specific.grade > common.grade
                              ? "Feat1 tells the grade better than Feat2, as it should"
                              : "Feat1 tells the grade no better than Feat2: what belongs to the "
                                "grade was not decoupled");
  }
  if (std::isfinite(specific.patient)) {
    verdicts.emplace_back(common.patient > specific.patient
                              ? "Feat2 tells the patient better than Feat1, as it should"
                              : "Feat2 tells the patient no better than Feat1: what patients have "
                                "of their own was not kept apart");
  }
  return verdicts;
}

}  // namespace

int RunProbe(const std::vector<std::string>& arguments) {
  ProbeOptions options;
  OptionTable table = MakeTable(&options);
  if (!table.Parse(arguments)) {
    std::cout << table.Help();
    return kExitOk;
  }
  if (options.model.empty()) {
    throw Error(ErrorKind::kInvalid, "--model is missing: the model bundle to probe");
  }
  if (options.data.empty()) {
    throw Error(ErrorKind::kInvalid, "--data is missing: the labelled scans to probe it with");
  }
  SetIntraOpThreads(options.threads);
  EngineConfig config;
  config.model = options.model;
  config.device = options.device;
  const auto engine = WithExitCode(kExitModel, [&] { return Engine::Open(config); });
  const auto data = WithExitCode(kExitInputData, [&] {
    return PreparedDataset(LoadDataset(options.data, options.source), engine->spec().preprocess,
                           options.threads);
  });
  const auto frames =
      WithExitCode(kExitInputData, [&] { return FramesOf(options, *engine, data); });
  const int classes = static_cast<int>(data.dataset().class_names.size());
  const auto probed = ProbePictures(frames, classes);

  std::ostream& text = options.json == "-" ? std::cerr : std::cout;
  std::vector<std::vector<std::string>> rows = {{"probe of", "grade %", "patient %"}};
  ordered_json figures = ordered_json::object();
  for (const ProbedPicture& one : probed) {
    rows.push_back({one.name, Percent(one.grade), Percent(one.patient)});
    figures[one.name] = {{"grade", one.grade}, {"patient", one.patient}};
  }
  text << data.size() << " pictures; chance of the grade " << Percent(1.0 / classes) << " %\n"
       << FormatTable(rows);
  for (const std::string& verdict : Verdicts(probed)) text << verdict << "\n";
  if (!options.json.empty()) {
    WriteJson(options.json, {{"model", engine->spec().name},
                             {"model_id", engine->spec().id},
                             {"grid", options.grid},
                             {"probes", figures},
                             {"verdicts", Verdicts(probed)}});
  }
  return kExitOk;
}

}  // namespace hepar
