// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/train_options.h"

#include "models/nets/architecture.h"
#include "training/cli/source_options.h"

namespace hepar {
namespace {

constexpr double kLarge = 1e6;

void AddData(OptionTable& table, TrainOptions& o) {
  table.Heading("Data");
  table.Path("data", &o.data, "PATH",
             "Labelled scans: a folder with one folder for each class, a CSV file with the columns "
             "path, label and patient_id, or the .mat file of Byra 2018. Required");
  table.Path("folds", &o.folds, "FILE", "CSV file with the columns patient_id and fold");
  table.Integer("fold", &o.fold, -1, 1000, "Hold this fold out for testing; -1 holds out none");
  table.Number("validation-fraction", &o.validation_fraction, 0, 0.9,
               "Part of the patients of each grade that choose the epoch; 0 keeps the last epoch");
  table.Number("test-fraction", &o.test_fraction, 0, 0.9,
               "Part of the patients of each grade held out for testing, without --folds");
  table.Text("sector", &o.sector, "RULE",
             "Where the scan is in a picture: auto, full or x,y,width,height");
  AddSourceOptions(&table, &o.source);
}

void AddModel(OptionTable& table, TrainOptions& o) {
  table.Heading("Model");
  table.Choice("size", &o.size, DecouplerSizes(), "Size of the decouplers");
  table.Text("widths", &o.widths, "C,C,C,C,M,M,M,M",
             "Other widths of the stages and of their blocks than the size's; multiples of 16, or "
             "8, fill the vectors of processors");
  table.Choice("decouplers", &o.decouplers, {"both", "specific", "common", "none"},
               "Which decouplers stand before the classifier: both (the paper's system), one of "
               "them, or none: the classifier alone");
  table.Text(
      "classifier", &o.classifier, "NAME",
      "squeezenet1_0, squeezenet1_1, depth_squeezenet, resnet18, resnet50, se_resnet18, "
      "se_resnet50, cbam_resnet18, cbam_resnet50, vit_b_16, vit_tiny, or torchscript:FILE for a "
      "module of your own that makes (B, classes) logits of (B, planes, H, W)");
  table.Integer("input-size", &o.input_size, 32, 1024, "Side of the network's input, pixels");
  table.Choice("planes", &o.planes, {"y", "ycbcr", "rgb", "hsv_v", "lab_l"},
               "Colour planes that the network sees");
  table.Integer("feature-channels", &o.feature_channels, 1, 16, "Channels of Feat1 and of Feat2");
  table.Choice("ic2-skips", &o.ic2_skips, {"all", "no_top", "none"},
               "Skip connections of the decoupler of common features");
  table.Switch("final-relu", &o.final_relu, "ReLU behind SqueezeNet's last convolution");
  table.Path("init", &o.init, "FILE.hepar", "Start from all weights of this model");
  table.Path("weights", &o.weights, "FILE",
             "Start the classifier from a dict of tensors with torchvision's names; its input is "
             "then normalised as for ImageNet");
  table.Choice("first-layer", &o.first_layer, {"repeat", "luma"},
               "How the first layer of such weights meets the planes: cycle over all, or start on "
               "the picture's own only");
  table.Switch("freeze-weights", &o.freeze_weights,
               "What --weights gave does not learn; with --decouplers none, a linear probe of the "
               "classifier's last features");
}

// What the presets have in common. The paper gives no values: these are those of the works that its
// equations come from, and ours where those do not say either.
OptionTable::Values AdversarialPreset(const std::string& epsilon, const std::string& beta) {
  return {{"procedure", "adversarial"},
          {"epsilon", epsilon},
          {"beta", beta},
          {"sigma", "0.3"},
          {"mu", "0.5"},
          {"attack-steps", "10"},
          {"attack-step", "0"},
          {"scope", "image"},
          {"fairness", "cfa"},
          {"begin", "10"},
          {"ramp", "0"},
          {"lambda1", "1"},
          {"lambda2", "1"},
          {"lambda3", "1"},
          {"xi", "1e-3"},
          {"edge-filter", "laplacian"},
          {"auxiliary-target", "one-hot"},
          {"select", "robust"},
          {"report-steps", "20"}};
}

void AddProcedure(OptionTable& table, TrainOptions& o) {
  table.Heading("Training");
  table.Presets("preset", &o.preset,
                {{"clean", {{"procedure", "joint"}}},
                 {"paper", AdversarialPreset("8/255", "6")},
                 {"clinical", AdversarialPreset("2/255", "1")}},
                "Values for many options at once, which others override: clean pictures only, the "
                "paper's adversarial training, or the same with a mild attack");
  table.Choice("procedure", &o.procedure, {"joint", "adversarial"},
               "Train on clean pictures, or on attacked ones too");
  table.Integer("epochs", &o.epochs, 1, 100000, "Passes over the training part, at most");
  table.Integer("batch", &o.batch, 1, 4096, "Pictures in a step, at most");
  table.Choice("optimizer", &o.optimizer, {"adam", "adamw", "sgd"}, "Algorithm of the updates");
  table.Number("lr", &o.learning_rate, 0, 100, "Learning rate");
  table.Number("classifier-lr-factor", &o.classifier_factor, 0, 1000,
               "The classifier learns at this many times the rate");
  table.Number("weight-decay", &o.weight_decay, 0, 10,
               "On weights; biases and normalisation have none");
  table.Choice("schedule", &o.schedule, {"constant", "cosine", "step"},
               "How the learning rate goes");
  table.Integer("warmup", &o.warm_up_epochs, 0, 100000,
                "Epochs over which the learning rate rises from zero");
  table.List("milestones", &o.milestones, "N,N,...",
             "Epochs at which schedule step lowers the rate");
  table.Number("step-factor", &o.step_factor, 0, 1, "By what schedule step multiplies the rate");
  table.Number("gradient-clip", &o.gradient_clip, 0, kLarge,
               "Largest norm of the gradient; 0: no limit");
  table.Number("ema", &o.ema, 0, 0.99999,
               "Decay of the average of the weights that is kept and validated; 0: no average");
  table.Integer("patience", &o.patience, 0, 100000,
                "Epochs without a gain on the validation part that end training; 0: never");
  table.Number("min-delta", &o.min_delta, 0, kLarge, "Gains up to this do not count for patience");
  table.Switch("fawa", &o.fawa,
               "Keep and validate the average of the weights of fair epochs: those in which every "
               "class reaches --fawa-threshold of robust validation accuracy");
  table.Number("fawa-decay", &o.fawa_decay, 0, 0.99999, "Decay of that average");
  table.Number("fawa-threshold", &o.fawa_threshold, 0, 1, "Robust accuracy of the worst class");
  table.Integer("freeze-decouplers-after", &o.freeze_decouplers_after, 0, 100000,
                "Epochs after which the decouplers no longer learn; 0: never");
  table.Switch("freeze-normalisation", &o.freeze_normalisation,
               "Normalisation keeps the statistics of the model in --init, in training too");
  table.Choice("sampling", &o.sampling, {"each", "balanced"},
               "Each picture once in an epoch, or each class equally often");
  table.Choice("select", &o.select, {"balanced-accuracy", "loss", "robust", "last"},
               "What of the validation part chooses the epoch to keep; robust: accuracy under "
               "attack plus that of the worst class; last: nothing, the last epoch is kept");
  table.Integer("seed", &o.seed, 0, 2147483647,
                "Of everything random: split, first weights, order, augmentation, dropout");
}

void AddLoss(OptionTable& table, TrainOptions& o) {
  table.Heading("Loss: lambda1 reconstruction + lambda2 auxiliary + lambda3 severity");
  table.Number("lambda1", &o.lambda1, 0, kLarge, "Weight of the reconstruction by IC2");
  table.Number("lambda2", &o.lambda2, 0, kLarge, "Weight of the auxiliary prediction by IC1");
  table.Number("lambda3", &o.lambda3, 0, kLarge, "Weight of the severity");
  table.Number("xi", &o.xi, 1e-12, 1, "Smoothing of the edge loss at zero");
  table.Number("label-smoothing", &o.label_smoothing, 0, 0.99,
               "Part of the target that goes to all classes alike");
  table.Text("class-weights", &o.class_weights, "none|balanced|X,X,...",
             "Weights of the classes in the severity loss");
  table.Choice("edge-filter", &o.edge_filter, {"laplacian", "pyramid"},
               "High-pass filter of the reconstruction loss: 3x3 Laplacian, or a level of a "
               "Laplacian pyramid");
  table.Choice("auxiliary-target", &o.auxiliary_target, {"one-hot", "ordinal"},
               "What IC1 is asked: which grade, or whether it is at least each grade");
  table.Switch("detach-features", &o.detach_features,
               "The severity loss does not train the decouplers");
}

void AddAdversarial(OptionTable& table, TrainOptions& o) {
  table.Heading("Adversarial training (--procedure adversarial)");
  table.Number("epsilon", &o.epsilon, 0, 1,
               "Base budget of the attack, maximum norm, for pictures in [0,1]");
  table.Number("beta", &o.beta, 0, kLarge, "Base weight of the divergence");
  table.Integer("attack-steps", &o.attack_steps, 1, 10000, "Steps of the attack in training");
  table.Number("attack-step", &o.attack_step, 0, 1,
               "Length of a step; 0: a quarter of each picture's budget");
  table.Choice("attack-precision", &o.attack_precision, {"fp32", "bf16"},
               "What the training attack computes in");
  table.Choice("scope", &o.scope, {"image", "end2end"},
               "What the attack in training reaches: the classifier's view of the picture beside "
               "features of the clean one (the paper), or everything. What is measured is always "
               "end to end");
  table.Choice("perturb", &o.perturb, {"image", "luma"},
               "What is attacked: all channels, or the grey level alone");
  table.Choice("fairness", &o.fairness, {"none", "cfa", "dafa"},
               "How classes get budgets and weights of their own: none, by their robust accuracy "
               "(equations 1 and 2), or DAFA");
  table.Number("sigma", &o.sigma, 0, 10, "Added to the accuracy for a class's budget");
  table.Number("mu", &o.mu, 0, 10, "Added to the accuracy for a class's beta");
  table.OnOff("adapt-epsilon", &o.adapt_epsilon, "Classes have budgets of their own");
  table.OnOff("adapt-beta", &o.adapt_beta, "Classes have betas of their own");
  table.Number("dafa-lambda", &o.dafa_lambda, 0, 1.5, "How far DAFA's weights part");
  table.Integer("begin", &o.begin, 1, 100000, "First epoch at whose end the classes part");
  table.Integer("ramp", &o.ramp, 0, 100000,
                "Epochs over which epsilon and beta rise in equal steps to their values; 0: none");
  table.Choice("accuracy-source", &o.accuracy_source,
               {"robust", "robust-train-mode", "clean", "validation"},
               "Whose accuracy moves the classes: attacked training pictures in evaluation mode, "
               "or in training mode, clean ones, or the attacked validation part");
  table.Switch("detach-clean", &o.detach_clean, "The divergence trains the attacked branch only");
  table.Integer("check-steps", &o.check_steps, 0, 10000,
                "Steps of the end-to-end attack on the validation part after each epoch; 0: none");
  table.Integer("report-steps", &o.report_steps, 0, 10000,
                "Steps of the end-to-end attack on the final model; 0: none");
}

void AddAugmentation(OptionTable& table, TrainOptions& o) {
  AugmentationOptions& a = o.augmentation;
  table.Heading("Augmentation");
  table.OnOff("augment", &o.augment, "Change the training pictures at random");
  table.Number("augment-rotate", &a.rotate_degrees, 0, 180, "Rotation, +- degrees");
  table.Number("augment-zoom", &a.zoom, 0, 0.9, "Zoom, 1 +- this");
  table.Number("augment-shift", &a.shift, 0, 0.9, "Shift, +- this part of the side");
  table.Number("augment-flip", &a.flip_probability, 0, 1, "Probability of a left-right mirror");
  table.Number("augment-gain", &a.gain, 0, 1, "Added grey level, +-");
  table.Number("augment-gamma", &a.gamma, 0, 3, "Exponent, exp(+- this)");
  table.Number("augment-time-gain", &a.time_gain, 0, 1, "Gain that varies with depth, +-");
  table.Number("augment-speckle", &a.speckle, 0, 1, "Standard deviation of multiplied noise");
  table.Number("augment-blur", &a.blur_pixels, 0, 20, "Largest blur, pixels");
  table.Number("augment-depth", &a.depth, 0, 0.5, "Depth of view, 1 +- this");
  table.Number("augment-sector", &a.sector_angle, 0, 0.5, "Angle of the sector, 1 +- this");
}

void AddRun(OptionTable& table, TrainOptions& o) {
  table.Heading("Trust, fitted when training ends");
  AddTrustOptions(&table, &o.trust);

  table.Heading("Run");
  table.Text("device", &o.device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Integer("threads", &o.threads, 1, 256, "Threads of one operator");
  table.Path("out", &o.out, "FILE", "The model bundle (.hepar) to write. Required");
  table.Path("work", &o.work, "FOLDER",
             "Where checkpoint and logs (log.jsonl, log.csv) go; OUT.work when not given");
  table.Switch("resume", &o.resume,
               "Go on from the checkpoint in the work folder, if there is one");
  table.Integer("peer-timeout", &o.peer_timeout, 1, 3600,
                "Seconds after which a process of a training by several (started by torchrun, "
                "mpirun or srun) is given up");
  table.Integer("checkpoint-every", &o.checkpoint_every, 1, 100000, "Epochs between checkpoints");
  table.Path("json", &o.json, "FILE", "Write the final figures as JSON; - for standard output");
  table.Text("name", &o.name, "TEXT", "Name of the model; that of the file when not given");
  table.Text("licence", &o.licence, "TEXT", "Licence of the model");
  table.Text("citation", &o.citation, "TEXT", "What users of the model should cite");
}

}  // namespace

OptionTable MakeTrainOptionTable(TrainOptions* options) {
  OptionTable table("train", "--data PATH --out FILE.hepar [OPTION...]",
                    "Trains a severity model on labelled scans and writes it as a model bundle. "
                    "Parts of the data are split by patient. For research use only.");
  AddData(table, *options);
  AddModel(table, *options);
  AddProcedure(table, *options);
  AddLoss(table, *options);
  AddAdversarial(table, *options);
  AddAugmentation(table, *options);
  AddRun(table, *options);
  return table;
}

std::vector<std::string> IdleTrainOptions(const OptionTable& table, const TrainOptions& o) {
  const bool adversarial = o.procedure == "adversarial";
  const bool cfa = adversarial && o.fairness == "cfa";
  struct Rule {
    bool idle;
    std::vector<const char*> options;
    const char* because;
  };
  const std::vector<Rule> rules = {
      {!adversarial,
       {"beta", "sigma", "mu", "attack-steps", "attack-step", "attack-precision", "scope",
        "perturb", "fairness", "adapt-epsilon", "adapt-beta", "dafa-lambda", "begin",
        "accuracy-source", "detach-clean", "check-steps", "ramp"},
       "--procedure joint trains on clean pictures only"},
      {!adversarial && o.report_steps == 0, {"epsilon"}, "nothing is attacked"},
      {adversarial && o.fairness == "none",
       {"sigma", "mu", "adapt-epsilon", "adapt-beta", "dafa-lambda", "begin"},
       "with --fairness none all classes are alike"},
      {adversarial && o.fairness == "dafa",
       {"sigma", "mu", "adapt-epsilon", "adapt-beta"},
       "--fairness dafa has weights of its own"},
      {cfa, {"dafa-lambda"}, "it belongs to --fairness dafa"},
      {cfa && !o.adapt_epsilon, {"sigma"}, "with --adapt-epsilon off budgets stay as they are"},
      {cfa && !o.adapt_beta, {"mu"}, "with --adapt-beta off beta stays as it is"},
      {o.decouplers == "none",
       {"size", "widths", "feature-channels", "ic2-skips", "lambda1", "lambda2", "xi",
        "edge-filter", "auxiliary-target", "detach-features"},
       "there are no decouplers"},
      {o.decouplers == "specific",
       {"ic2-skips", "lambda1", "xi", "edge-filter"},
       "there is no decoupler of common features"},
      {o.decouplers == "common",
       {"lambda2", "auxiliary-target"},
       "there is no decoupler of specific features"},
      {o.schedule != "step", {"milestones", "step-factor"}, "they belong to --schedule step"},
      {!o.fawa, {"fawa-decay", "fawa-threshold"}, "they belong to --fawa"},
      {o.validation_fraction == 0,
       {"patience", "min-delta", "select"},
       "there is no validation part, so the last epoch is kept"},
      {o.validation_fraction == 0,
       {"abstain-share"},
       "there is no validation part; 'hepar trust --predictions' takes answers of other models"},
      {!o.augment,
       {"augment-rotate", "augment-zoom", "augment-shift", "augment-flip", "augment-gain",
        "augment-gamma", "augment-time-gain", "augment-speckle", "augment-blur", "augment-depth",
        "augment-sector"},
       "with --augment off pictures stay as they are"},
      {o.classifier.rfind("squeezenet", 0) != 0, {"final-relu"}, "only SqueezeNet has one"},
  };
  std::vector<std::string> idle;
  for (const Rule& rule : rules) {
    if (!rule.idle) continue;
    for (const char* option : rule.options) {
      if (!table.IsGiven(option)) continue;
      idle.push_back("--" + std::string(option) + " has no effect: " + rule.because);
    }
  }
  return idle;
}

}  // namespace hepar
