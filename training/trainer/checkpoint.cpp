// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trainer/checkpoint.h"

#include <torch/serialize.h>

#include <ATen/CPUGeneratorImpl.h>

#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/file_io.h"

namespace hepar {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 2;
constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{16} << 30;

// The generators that a training step may draw from.
std::vector<std::pair<std::string, at::Generator>> Generators(torch::Device device) {
  std::vector<std::pair<std::string, at::Generator>> generators = {
      {"cpu_generator", at::detail::getDefaultCPUGenerator()}};
  if (device.is_cuda()) {
    generators.emplace_back("cuda_generator", at::globalContext().defaultGenerator(device));
  }
  return generators;
}

json ToJson(const EpochRecord& record) {
  json object = {{"epoch", record.epoch},     {"learning_rate", record.learning_rate},
                 {"terms", record.terms},     {"train_accuracy", record.train_accuracy},
                 {"seconds", record.seconds}, {"peak_memory_mib", record.peak_memory_mib}};
  if (const auto& v = record.validation) {
    object["validation"] = {v->loss, v->accuracy, v->balanced_accuracy,
                            v->patient_balanced_accuracy, v->feature_correlation};
    if (v->robust_accuracy) object["robust"] = {*v->robust_accuracy, *v->robust_worst};
  }
  for (const ClassFigures& figures : record.per_class) {
    object["per_class"].push_back({{"name", figures.name}, {"values", figures.values}});
  }
  return object;
}

// JSON has no infinity or NaN: null represents both.
double NumberFrom(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::vector<double> NumbersFrom(const json& values) {
  std::vector<double> numbers;
  for (const json& value : values) numbers.push_back(NumberFrom(value));
  return numbers;
}

EpochRecord RecordFromJson(const json& object) {
  EpochRecord record;
  record.epoch = object.at("epoch");
  record.learning_rate = object.at("learning_rate");
  record.terms = NumbersFrom(object.at("terms"));
  record.train_accuracy = object.at("train_accuracy");
  record.seconds = object.at("seconds");
  record.peak_memory_mib = object.at("peak_memory_mib");
  if (object.contains("validation")) {
    const auto v = NumbersFrom(object.at("validation"));
    record.validation = EpochRecord::Validation{v[0], v[1], v[2], v[3], v[4], {}, {}};
    if (object.contains("robust")) {
      record.validation->robust_accuracy = NumberFrom(object.at("robust").at(0));
      record.validation->robust_worst = NumberFrom(object.at("robust").at(1));
    }
  }
  for (const json& figures : object.value("per_class", json::array())) {
    record.per_class.push_back({figures.at("name"), NumbersFrom(figures.at("values"))});
  }
  return record;
}

// The numbers of a record by the names that the log gives them.
ordered_json LogEntry(const EpochRecord& record, const std::vector<std::string>& terms,
                      const std::vector<std::string>& class_names) {
  ordered_json entry = {{"epoch", record.epoch}, {"learning_rate", record.learning_rate}};
  for (std::size_t i = 0; i < terms.size(); ++i) entry[terms[i]] = record.terms[i];
  entry["train_accuracy"] = record.train_accuracy;
  if (const auto& v = record.validation) {
    entry["validation_loss"] = v->loss;
    entry["validation_accuracy"] = v->accuracy;
    entry["validation_balanced_accuracy"] = v->balanced_accuracy;
    entry["validation_patient_balanced_accuracy"] = v->patient_balanced_accuracy;
    entry["validation_feature_correlation"] = v->feature_correlation;
    if (v->robust_accuracy) {
      entry["validation_robust_accuracy"] = *v->robust_accuracy;
      entry["validation_robust_worst"] = *v->robust_worst;
    }
  }
  for (const ClassFigures& figures : record.per_class) {
    for (std::size_t k = 0; k < figures.values.size(); ++k) {
      entry[figures.name + "_" + class_names[k]] = figures.values[k];
    }
  }
  entry["seconds"] = record.seconds;
  entry["peak_memory_mib"] = record.peak_memory_mib;
  return entry;
}

void CheckSameRun(const json& saved, const json& wanted, const std::string& path) {
  for (const auto& [key, value] : wanted.items()) {
    const json other = saved.value(key, json());
    if (other == value) continue;
    throw Error(ErrorKind::kMismatch, path + ": was made with " + key + " = " + other.dump() +
                                          ", this run has " + value.dump() +
                                          "; give the same options, or another --work");
  }
}

template <typename Module>
void WriteModule(torch::serialize::OutputArchive& archive, const std::string& name,
                 const Module& module) {
  torch::serialize::OutputArchive part(archive.compilation_unit());
  module->save(part);
  archive.write(name, part);
}

template <typename Module>
void ReadModule(torch::serialize::InputArchive& archive, const std::string& name, Module& module) {
  torch::serialize::InputArchive part;
  archive.read(name, part);
  module->load(part);
}

void ReadState(const std::string& path, const std::string& content, const std::string& run,
               torch::Device device, TrainingState& state, Objective& objective) {
  std::istringstream stream(content);
  torch::serialize::InputArchive archive;
  archive.load_from(stream, device);
  c10::IValue text;
  archive.read("description", text);
  const json description = json::parse(text.toStringRef());
  if (description.at("version") != kVersion) {
    throw Error(ErrorKind::kMismatch, path + ": checkpoint version " +
                                          description.at("version").dump() +
                                          ", this program reads " + std::to_string(kVersion));
  }
  CheckSameRun(description.at("run"), json::parse(run), path);

  ReadModule(archive, "net", state.net);
  ReadModule(archive, "average", state.average);
  ReadModule(archive, "best", state.best);
  torch::serialize::InputArchive optimizer;
  archive.read("optimizer", optimizer);
  state.optimizer.Load(optimizer);

  state.epoch = description.at("epoch");
  state.step = description.at("step");
  state.updates = description.at("updates");
  state.seconds = description.at("seconds");
  state.best_epoch = description.at("best_epoch");
  state.best_value = NumberFrom(description.at("best_value"));
  state.best_loss = NumberFrom(description.at("best_loss"));
  state.stale_epochs = description.at("stale_epochs");
  state.fair_average_begun = description.at("fair_average_begun");
  state.history.clear();
  for (const json& record : description.at("history")) {
    state.history.push_back(RecordFromJson(record));
  }
  state.sums = torch::Tensor();
  if (description.at("has_sums")) archive.read("sums", state.sums);
  objective.Restore(description.at("objective").dump());

  for (auto& [name, generator] : Generators(device)) {
    torch::Tensor value;
    archive.read(name, value);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(value.cpu());
  }
}

}  // namespace

void SaveCheckpoint(const std::string& path, const std::string& run, const TrainingState& state,
                    const Objective& objective, torch::Device device) {
  json history = json::array();
  for (const EpochRecord& record : state.history) history.push_back(ToJson(record));
  const json description = {{"version", kVersion},
                            {"run", json::parse(run)},
                            {"epoch", state.epoch},
                            {"step", state.step},
                            {"updates", state.updates},
                            {"seconds", state.seconds},
                            {"best_epoch", state.best_epoch},
                            {"best_value", state.best_value},
                            {"best_loss", state.best_loss},
                            {"stale_epochs", state.stale_epochs},
                            {"fair_average_begun", state.fair_average_begun},
                            {"has_sums", state.sums.defined()},
                            {"objective", json::parse(objective.State())},
                            {"history", history}};

  torch::serialize::OutputArchive archive;
  archive.write("description", c10::IValue(description.dump()));
  WriteModule(archive, "net", state.net);
  WriteModule(archive, "average", state.average);
  WriteModule(archive, "best", state.best);
  torch::serialize::OutputArchive optimizer(archive.compilation_unit());
  state.optimizer.Save(optimizer);
  archive.write("optimizer", optimizer);
  if (state.sums.defined()) archive.write("sums", state.sums);
  for (auto& [name, generator] : Generators(device)) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    archive.write(name, generator.get_state());
  }
  std::ostringstream stream;
  archive.save_to(stream);
  WriteFileAtomically(path, stream.str());
}

std::string ReadCheckpoint(const std::string& path) { return ReadFile(path, kMaxCheckpointBytes); }

void LoadCheckpoint(const std::string& path, const std::string& content, const std::string& run,
                    torch::Device device, TrainingState& state, Objective& objective) {
  try {
    ReadState(path, content, run, device, state, objective);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kDamaged, path +
                                         ": is no checkpoint of this program, or a damaged one: " +
                                         error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kDamaged,
                path + ": is no checkpoint of this program, or a damaged one: " + error.what());
  }
}

std::string LogAsJsonLines(const TrainingState& state, const std::vector<std::string>& terms,
                           const std::vector<std::string>& class_names) {
  std::string text;
  for (const EpochRecord& record : state.history)
    text += LogEntry(record, terms, class_names).dump() + "\n";
  return text;
}

std::string LogAsCsv(const TrainingState& state, const std::vector<std::string>& terms,
                     const std::vector<std::string>& class_names) {
  std::string text;
  for (const EpochRecord& record : state.history) {
    const ordered_json entry = LogEntry(record, terms, class_names);
    if (text.empty()) {
      for (const auto& [name, value] : entry.items()) text += (text.empty() ? "" : ",") + name;
      text += "\n";
    }
    std::string line;
    for (const auto& [name, value] : entry.items())
      line += (line.empty() ? "" : ",") + value.dump();
    text += line + "\n";
  }
  return text;
}

}  // namespace hepar
