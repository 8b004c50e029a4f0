// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A second implementation of the training step, reference/*.py, answers to the same nets, batches
// and starts. In double precision, where the sign of a gradient does not hang on its rounding.
#include <torch/nn/modules/dropout.h>
#include <torch/serialize.h>
#include <torch/utils.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "models/nets/color_space.h"
#include "tests/training/support/temp_folder.h"
#include "training/trainer/adversarial_objective.h"

namespace hepar {
namespace {

using Scope = AdversarialOptions::Scope;
using Tensors = std::map<std::string, torch::Tensor>;

constexpr int kClasses = 4;
const std::vector<double> kLambdas = {0.7, 1.3, 0.9};

struct Case {
  const char* name;
  const char* size;
  const char* squeezenet;  // "1_0" or "1_1".
  Scope scope;
  EdgeFilter filter;
  std::vector<std::int64_t> pictures;  // Their shape.
  torch::ScalarType type;
  int steps;  // Of the attack.
  int seed;
};

const Case kCases[] = {
    {"NanoImage",
     "nano",
     "1_1",
     Scope::kImage,
     EdgeFilter::kLaplacian,
     {5, 1, 64, 64},
     torch::kFloat64,
     10,
     1},
    {"NanoEndToEndColor",
     "nano",
     "1_0",
     Scope::kEndToEnd,
     EdgeFilter::kPyramid,
     {2, 3, 72, 65},
     torch::kFloat64,
     10,
     2},
    {"LiveImage",
     "live",
     "1_1",
     Scope::kImage,
     EdgeFilter::kPyramid,
     {2, 1, 96, 96},
     torch::kFloat64,
     10,
     3},
    {"LiveEndToEnd",
     "live",
     "1_1",
     Scope::kEndToEnd,
     EdgeFilter::kLaplacian,
     {2, 1, 64, 64},
     torch::kFloat64,
     10,
     4},
    // In single precision one step: each of the next multiplies the pixels whose sign fell to
    // rounding, until after ten of them two attacks of equal strength have little in common.
    {"NanoEndToEndFloat",
     "nano",
     "1_1",
     Scope::kEndToEnd,
     EdgeFilter::kLaplacian,
     {4, 1, 64, 64},
     torch::kFloat32,
     1,
     5},
};

// A Python that has torch: `python3`, or the system's where another comes first in PATH. Empty:
// there is none.
const std::string& Python() {
  static const std::string found = [] {
    for (const std::string python : {"python3", "/usr/bin/python3"}) {
      const std::string look =
          " -c 'import importlib.util as u, sys; sys.exit(u.find_spec(\"torch\") is None)'";
      if (std::system((python + look + " > /dev/null 2>&1").c_str()) == 0) return python;
    }
    return std::string();
  }();
  return found;
}

void WriteTensors(const Tensors& tensors, const std::string& path) {
  c10::Dict<std::string, torch::Tensor> dictionary;
  for (const auto& [name, value] : tensors) dictionary.insert(name, value);
  const std::vector<char> bytes = torch::pickle_save(dictionary);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Tensors ReadTensors(const std::string& path) {
  const std::string text = ReadText(path);
  Tensors tensors;
  for (const auto& entry :
       torch::pickle_load(std::vector<char>(text.begin(), text.end())).toGenericDict()) {
    tensors[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return tensors;
}

// Fresh, but with statistics as after training, so that evaluation mode differs from training mode,
// and logits far enough apart for a divergence. Dropout is off: its random numbers are its own.
SeverityNet MakeNet(const Case& c) {
  Architecture architecture;
  architecture.size = c.size;
  architecture.decoupler = DecouplerShapeOf(c.size);
  architecture.classifier = std::string("squeezenet") + c.squeezenet;
  architecture.classes = kClasses;
  SeverityNet net(architecture);
  const torch::NoGradGuard no_grad;
  for (const auto& module : net->modules()) {
    if (auto* normalization = module->as<BatchNorm2dImpl>()) {
      normalization->weight.uniform_(0.5, 1.5);
      normalization->bias.normal_(0, 0.1);
      normalization->running_mean.normal_(0, 0.1);
      normalization->running_var.uniform_(0.5, 1.5);
    } else if (auto* dropout = module->as<torch::nn::DropoutImpl>()) {
      dropout->options.p(0);
    }
  }
  net->classifier->named_parameters()["classifier.1.weight"].mul_(20);
  net->to(c.type);
  net->train();
  return net;
}

double LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

// Of a difference to the largest value; 0 where both are zero.
double RelativeDifference(const torch::Tensor& a, const torch::Tensor& b) {
  const double scale = std::max(a.abs().max().item<double>(), b.abs().max().item<double>());
  return scale > 0 ? LargestDifference(a, b) / scale : 0.0;
}

// What both sides are asked about.
struct Question {
  SeverityNet net;
  Batch batch;
  std::vector<double> epsilon, beta;  // Of each class.

  torch::Tensor OfSample(const std::vector<double>& of_class) const {
    return torch::tensor(of_class, torch::kFloat64)
        .index_select(0, batch.labels)
        .to(batch.pictures.scalar_type());
  }
};

Question MakeQuestion(const Case& c) {
  Question q{MakeNet(c), {}, {}, {}};
  // Gray levels at both ends too, where the attack has room on one side only.
  q.batch.pictures = (torch::rand(c.pictures, c.type) * 1.4 - 0.2).clamp(0, 1);
  const auto count = c.pictures.front();
  q.batch.labels = (torch::arange(count) + c.seed).remainder(kClasses);
  for (int i = 0; i < count; ++i) q.batch.seeds.push_back(100 * c.seed + i);
  // Class 1 can hardly move: by less than the noise that the attack starts with.
  q.epsilon = {8.4 / 255, 1e-5, 2.4 / 255, 10.1 / 255};
  const auto beta = torch::rand({kClasses}, torch::kFloat64);
  for (int k = 0; k < kClasses; ++k) q.beta.push_back(beta[k].item<double>());
  return q;
}

// The attack by itself, in evaluation mode.
struct Attacked {
  std::vector<torch::Tensor> pictures;  // At the start and after each step.
  torch::Tensor clean_log_p;
  torch::Tensor divergence;  // Of each sample, after the last step.
};

Attacked Attack(const Case& c, Question& q) {
  const AttackGuard guard(*q.net);
  const auto clean = q.net->Decouple(q.batch.pictures);
  const auto clean_logits = q.net->Classify(SeverityNetImpl::Concatenate(clean));
  Attacked attacked;
  const LogitsOf logits_of = [&](const torch::Tensor& pictures) {
    attacked.pictures.push_back(pictures.detach().clone());
    if (c.scope == Scope::kEndToEnd) return q.net->forward(pictures);
    auto parts = clean;
    parts.planes = SelectPlanes(pictures, q.net->architecture.planes);
    return q.net->Classify(SeverityNetImpl::Concatenate(parts));
  };
  PgdOptions options;
  options.steps = c.steps;
  const AttackInput input{q.batch.pictures, q.batch.labels, q.OfSample(q.epsilon), q.batch.seeds};
  const auto last = Pgd(logits_of, input, options, clean_logits);
  attacked.clean_log_p = torch::log_softmax(clean_logits, 1);
  attacked.divergence = KlDivergence(clean_logits, logits_of(last));
  return attacked;
}

// Gradients are in the net's parameters afterward.
struct Step {
  Losses losses;
  torch::Tensor softmax;  // Sum over each class's samples of p(f(x')): (K, K).
};

Step TakeStep(const Case& c, Question& q) {
  AdversarialOptions options;
  options.scope = c.scope;
  options.steps = c.steps;
  options.schedule.classes = kClasses;
  options.joint.edge_filter = c.filter;
  options.joint.lambda1 = kLambdas[0];
  options.joint.lambda2 = kLambdas[1];
  options.joint.lambda3 = kLambdas[2];
  AdversarialObjective objective(options);
  auto state = nlohmann::json::parse(objective.State());
  state["schedule"]["epsilon"] = q.epsilon;
  state["schedule"]["beta"] = q.beta;
  objective.Restore(state.dump());

  Step step;
  step.losses = objective.Compute(q.net, q.batch);
  step.losses.total.backward();
  step.softmax = objective.Counts().slice(/*dim=*/1, /*start=*/2);
  return step;
}

// What the reference makes of the question; empty, with a failure, when it cannot run.
Tensors AskReference(const Case& c, const Question& q, const torch::Tensor& start) {
  Tensors given = {{"pictures", q.batch.pictures},
                   {"labels", q.batch.labels},
                   {"start", start},
                   {"epsilon", q.OfSample(q.epsilon)},
                   {"beta", q.OfSample(q.beta)},
                   {"lambdas", torch::tensor(kLambdas, torch::kFloat64)}};
  for (const auto& item : q.net->named_parameters()) {
    given["net." + item.key()] = item.value().detach();
  }
  for (const auto& item : q.net->named_buffers()) given["net." + item.key()] = item.value();

  const TempFolder folder;
  WriteTensors(given, folder / "given");
  std::ostringstream command;
  command << Python() << " -B '" HEPAR_REFERENCE_FOLDER "/cross_check.py' '" << folder / "given"
          << "' '" << folder / "answer"
          << "' --size " << c.size << " --squeezenet " << c.squeezenet << " --scope "
          << (c.scope == Scope::kImage ? "image" : "end2end") << " --stencil "
          << (c.filter == EdgeFilter::kPyramid ? "pyramid" : "lap3") << " --steps " << c.steps
          << " 2> '" << folder / "errors"
          << "'";
  if (std::system(command.str().c_str()) != 0) {
    ADD_FAILURE() << command.str() << ": " << ReadText(folder / "errors");
    return {};
  }
  return ReadTensors(folder / "answer");
}

class CrossCheckTest : public testing::TestWithParam<Case> {};

TEST_P(CrossCheckTest, TheStepIsThatOfTheReference) {
  if (Python().empty()) GTEST_SKIP() << "no python3 with torch: the reference cannot be asked";
  const Case& c = GetParam();
  torch::manual_seed(c.seed);
  torch::set_num_threads(1);
  auto question = MakeQuestion(c);
  const auto attacked = Attack(c, question);
  auto expected = AskReference(c, question, attacked.pictures.front());
  if (expected.empty()) return;
  const auto step = TakeStep(c, question);

  const bool wide = c.type == torch::kFloat64;
  const double tolerance = wide ? 1e-9 : 1e-5;
  // Also where in single precision a few pixels went the other way.
  const double relative = wide ? 1e-9 : 5e-3;

  for (const int steps : std::set<int>{1, c.steps}) {
    const auto difference =
        (attacked.pictures.at(steps) - expected["attacked_" + std::to_string(steps)]).abs();
    const auto apart = (difference > tolerance).to(torch::kFloat64).mean().item<double>();
    EXPECT_LE(apart, wide ? 0.0 : 1e-2) << "of the pixels after " << steps << " steps";
  }
  EXPECT_LT(LargestDifference(attacked.clean_log_p, expected["clean_log_p"]), tolerance);
  EXPECT_LT(RelativeDifference(attacked.divergence, expected["divergence"]), relative);
  // Fresh networks hardly look at the picture; what the attack finds must be far above rounding.
  EXPECT_GT(attacked.divergence.max().item<double>(), wide ? 1e-6 : 1e-4)
      << "the attack found nothing";
  EXPECT_LT(LargestDifference(step.softmax, expected["attacked_softmax"]), tolerance);

  EXPECT_LT(LargestDifference(step.losses.total.detach(), expected["total"]), tolerance);
  // L_c, L_s, L_at.
  EXPECT_LT(LargestDifference(step.losses.terms.slice(0, 1, 4), expected["terms"]), tolerance);

  double gradients_apart = 0.0;
  for (const auto& item : question.net->named_parameters()) {
    const double apart =
        RelativeDifference(item.value().grad(), expected["gradient." + item.key()]);
    EXPECT_LT(apart, relative) << item.key();
    gradients_apart = std::max(gradients_apart, apart);
  }
  for (const auto& item : question.net->named_buffers()) {
    EXPECT_LT(RelativeDifference(item.value(), expected["buffer." + item.key()]), relative)
        << item.key();
  }
  std::ostringstream figures;
  figures << gradients_apart;
  RecordProperty("gradients_apart", figures.str());
}

INSTANTIATE_TEST_SUITE_P(Nets, CrossCheckTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace hepar
