// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/cli/train_options.h"

#include "training/cli/stop_request.h"

namespace hepar {
namespace {

constexpr double kLarge = 1e6;

constexpr char kOwnClassifier[] = "torchscript";

// Two-valued options that have names for both values.
constexpr NamedValue<bool> kFirstLayers[] = {{"repeat", false}, {"luma", true}};
constexpr NamedValue<bool> kAttackPrecisions[] = {{"fp32", false}, {"bf16", true}};
constexpr NamedValue<bool> kPerturbations[] = {{"image", false}, {"luma", true}};
constexpr NamedValue<Procedure> kProcedures[] = {{"joint", Procedure::kJoint},
                                                 {"adversarial", Procedure::kAdversarial}};

void AddData(OptionTable& table, TrainOptions& o) {
  table.Heading("Data");
  table.Path("data", &o.scans.path, "PATH",
             "Labeled scans: a folder with one folder for each class, a CSV file with the columns "
             "path, label and patient_id, or the .mat file of Byra 2018");
  table.Required("the labeled scans to train on");
  table.Path("extra-data", &o.extra_data, "PATH",
             "More labeled scans, such as simulated ones of many scanners, that train only: they "
             "are in the training part of every fold and in no other part");
  table.Number("extra-share", &o.extra_share, 0.01, 0.99,
               "Their share of the pictures of an epoch; the scarcer kind is repeated");
  AddFoldOptions(&table, &o.scans, "Hold out this fold for testing; -1 holds out none");
  table.Number("validation-fraction", &o.validation_fraction, 0, 0.9,
               "Share of the patients of each grade that choose the epoch; 0 keeps the last epoch");
  table.Number("test-fraction", &o.test_fraction, 0, 0.9,
               "Share of the patients of each grade held out for testing, without --folds");
  table.Parsed("sector", &o.preprocess.sector, "RULE",
               "Where the scan is in a picture: auto, full or x,y,width,height");
  AddSourceOptions(&table, &o.scans.source);
}

// The classifiers that there are, and how a user's own is named.
std::string ClassifierHelp(const std::vector<std::string>& classifiers) {
  std::string help;
  for (const std::string& name : classifiers) {
    if (name != kOwnClassifier) help += name + ", ";
  }
  return help + "or " + kOwnClassifier +
         ":FILE for your own module, which computes (B, classes) logits from (B, planes, H, W)";
}

// Accepts the names and any file of a user's own classifier, which is read later.
OptionTable::Check ClassifierCheck(const std::vector<std::string>& classifiers) {
  return [classifiers](const std::string& text) {
    const std::string own = std::string(kOwnClassifier) + ":";
    if (text.rfind(own, 0) != 0) IndexOf(text, classifiers);
  };
}

void AddModel(OptionTable& table, TrainOptions& o, const std::vector<std::string>& classifiers) {
  Architecture& a = o.architecture;
  table.Heading("Model");
  AddDecouplerOptions(&table, &a.size, &o.widths);
  table.Enum(
      "decouplers", &a.decouplers,
      {DecouplerSet::kBoth, DecouplerSet::kSpecific, DecouplerSet::kCommon, DecouplerSet::kNone},
      "Decouplers before the classifier: both (the paper's system), one of them, or none: "
      "the classifier alone");
  table.Text("classifier", &a.classifier, "NAME", ClassifierHelp(classifiers),
             ClassifierCheck(classifiers));
  AddPermissionOptions(&table, &o.permission);
  table.Integer("input-size", &o.preprocess.size, 32, 1024, "Side of the network's input, pixels");
  table.Enum("planes", &a.planes,
             {ColorPlanes::kY, ColorPlanes::kYcbcr, ColorPlanes::kRgb, ColorPlanes::kHsvV,
              ColorPlanes::kLabL},
             "Color planes that the network sees");
  table.Integer("feature-channels", &a.feature_channels, 1, 16, "Channels of Feat1 and of Feat2");
  table.Enum("ic2-skips", &a.ic2_skips,
             {DecouplerSkips::kAll, DecouplerSkips::kNoTop, DecouplerSkips::kNone},
             "Skip connections of the decoupler of common features");
  table.Switch("final-relu", &a.final_relu, "ReLU after SqueezeNet's last convolution");
  table.Path("init", &o.init, "FILE.hepar", "Start from all weights of this model");
  table.Path("weights", &o.weights, "FILE",
             "Start the classifier from a state_dict with torchvision's names, as torch.save() "
             "writes it; its input is then normalized as for ImageNet. With --init only if they "
             "are frozen");
  table.Enum("first-layer", &o.first_layer_luma, kFirstLayers,
             "How such weights of the first layer, made for RGB, are adapted to the planes: cycle "
             "through all, or start on the planes of the picture only");
  table.Switch("freeze-weights", &o.freeze_weights,
               "Freeze the weights that --weights loaded; with --decouplers none, this is a linear "
               "probe of the classifier's last features");
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
  TrainerOptions& trainer = o.trainer;
  LearningRateSchedule& rate = trainer.learning_rate;
  table.Heading("Training");
  table.Presets("preset", &o.preset,
                {{"clean", {{"procedure", "joint"}}},
                 {"paper", AdversarialPreset("8/255", "6")},
                 {"clinical", AdversarialPreset("2/255", "1")}},
                "Sets many options at once, which others override: training on clean pictures, the "
                "paper's adversarial training, or the same with a mild attack");
  table.Enum("procedure", &o.procedure, kProcedures,
             "Train on clean pictures, or on attacked pictures too");
  table.Integer("epochs", &trainer.epochs, 1, 100000, "Passes over the training part, at most");
  table.Integer("batch", &o.batches.size, 1, 4096, "Pictures in a step, at most");
  table.Enum("optimizer", &o.optimizer.kind, kOptimizerKinds, "Optimization algorithm");
  table.Number("lr", &rate.base, 0, 100, "Learning rate");
  table.Number("classifier-lr-factor", &o.optimizer.classifier_factor, 0, 1000,
               "Factor of the learning rate for the classifier");
  table.Number("weight-decay", &o.optimizer.weight_decay, 0, 10,
               "Of weights; biases and normalization have none");
  table.Enum("schedule", &rate.kind, kScheduleKinds, "Schedule of the learning rate");
  table.Integer("warmup", &rate.warm_up, 0, 100000,
                "Epochs over which the learning rate rises from zero");
  table.Integers("milestones", &rate.milestones, "30,45", 1, 1000000, "N,N,...",
                 "Epochs at which schedule step lowers the rate");
  table.Number("step-factor", &rate.step_factor, 0, 1,
               "Factor by which schedule step lowers the rate");
  table.Number("gradient-clip", &trainer.gradient_clip, 0, kLarge,
               "Largest norm of the gradient; 0: no limit");
  table.Number("ema", &trainer.ema, 0, 0.99999,
               "Decay of the average of the weights that is kept and validated; 0: no average");
  table.Integer("patience", &trainer.patience, 0, 100000,
                "Epochs without a gain on the validation part that end training; 0: never");
  table.Number("min-delta", &trainer.min_delta, 0, kLarge,
               "Gains up to this do not count for patience");
  table.Switch("fawa", &o.fawa,
               "Keep and validate the average of the weights over fair epochs: those in which "
               "every class reaches --fawa-threshold of robust validation accuracy");
  table.Number("fawa-decay", &o.fair_average.decay, 0, 0.99999, "Decay of that average");
  table.Number("fawa-threshold", &o.fair_average.threshold, 0, 1,
               "Robust accuracy of the worst class");
  table.Integer("freeze-decouplers-after", &trainer.freeze_decouplers_after, 0, 100000,
                "Epochs after which the decouplers no longer learn; 0: never");
  table.Switch("freeze-normalization", &trainer.freeze_normalization,
               "Normalization keeps the statistics of the model in --init, in training too");
  table.FormerName("freeze-normalisation");
  table.Enum("sampling", &o.batches.sampling, kSamplings,
             "Each picture once in an epoch, or each class equally often");
  table.Enum("select", &trainer.select, kSelections,
             "Criterion on the validation part that chooses the epoch to keep; robust: accuracy "
             "under attack plus that of the worst class; last: always the last epoch");
  AddSeedOption(&table, &o.seed,
                "everything random: split, initial weights, order, augmentation, dropout");
}

void AddLoss(OptionTable& table, TrainOptions& o) {
  JointObjectiveOptions& loss = o.adversarial.joint;
  table.Heading("Loss: lambda1 reconstruction + lambda2 auxiliary + lambda3 severity");
  table.Number("lambda1", &loss.lambda1, 0, kLarge, "Weight of the reconstruction by IC2");
  table.Number("lambda2", &loss.lambda2, 0, kLarge, "Weight of the auxiliary prediction by IC1");
  table.Number("lambda3", &loss.lambda3, 0, kLarge, "Weight of the severity");
  table.Number("xi", &loss.xi, 1e-12, 1, "Smoothing of the edge loss at zero");
  table.Number("label-smoothing", &loss.label_smoothing, 0, 0.99,
               "Share of the target that is spread evenly over all classes");
  table.Number(
      "soft-grades", &loss.soft_grades, 0, 4,
      "Scans with a percentage of fat (column fat_pct) have targets spread over the grades "
      "on both sides of the nearest cut points: this standard deviation of a cut point, in "
      "grades; 0: one grade");
  table.Parsed("class-weights", &o.class_weights, "none|balanced|X,X,...",
               "Weights of the classes in the severity loss");
  table.Enum("edge-filter", &loss.edge_filter, kEdgeFilters,
             "High-pass filter of the reconstruction loss: 3x3 Laplacian, or a level of a "
             "Laplacian pyramid");
  table.Enum("auxiliary-target", &loss.auxiliary_target, kAuxiliaryTargets,
             "What IC1 predicts: the grade, or whether it is at least each grade");
  table.Switch("detach-features", &loss.detach_features,
               "The severity loss does not train the decouplers");
}

void AddAdversarial(OptionTable& table, TrainOptions& o) {
  AdversarialOptions& a = o.adversarial;
  ClassScheduleOptions& schedule = a.schedule;
  table.Heading("Adversarial training (--procedure adversarial)");
  table.Number("epsilon", &schedule.epsilon, 0, 1,
               "Base budget of the attack, maximum norm, for pictures in [0,1]");
  table.Number("beta", &schedule.beta, 0, kLarge, "Base weight of the divergence");
  table.Integer("attack-steps", &a.steps, 1, 10000, "Steps of the attack in training");
  table.Number("attack-step", &a.step_size, 0, 1,
               "Length of a step; 0: a quarter of each picture's budget");
  table.Enum("attack-precision", &a.bf16_attack, kAttackPrecisions,
             "Precision of the attack in training");
  table.Enum("scope", &a.scope, kAttackScopes,
             "What the attack in training reaches: the classifier's view of the picture beside "
             "features of the clean one (the paper), or everything. Robust accuracy is always "
             "measured end to end");
  table.Enum("perturb", &a.luma_only, kPerturbations,
             "What the attack perturbs: all channels, or the gray level alone");
  table.Enum("fairness", &schedule.fairness, kFairness,
             "How classes get their own budgets and weights: none, by their robust accuracy "
             "(equations 1 and 2), or DAFA");
  table.Number("sigma", &schedule.sigma, 0, 10, "Added to the accuracy for a class's budget");
  table.Number("mu", &schedule.mu, 0, 10, "Added to the accuracy for a class's beta");
  table.OnOff("adapt-epsilon", &schedule.adapt_epsilon, "Each class has its own budget");
  table.OnOff("adapt-beta", &schedule.adapt_beta, "Each class has its own beta");
  table.Number("dafa-lambda", &schedule.dafa_lambda, 0, 1.5,
               "How strongly DAFA's weights differ between classes");
  table.Integer("begin", &schedule.begin, 1, 100000,
                "First epoch after which budgets and weights differ between classes");
  table.Integer("ramp", &schedule.ramp, 0, 100000,
                "Epochs over which epsilon and beta rise in equal steps to their values; 0: none");
  table.Enum("accuracy-source", &a.accuracy, kAccuracySources,
             "Accuracy that the class-wise schedule follows: on attacked training pictures in "
             "evaluation mode, or in training mode, on clean ones, or on the attacked validation "
             "part");
  table.Switch("detach-clean", &a.detach_clean, "The divergence trains the attacked branch only");
  table.Integer("check-steps", &o.check_steps, 0, 10000,
                "Steps of the end-to-end attack on the validation part after each epoch; 0: none");
  table.Integer("report-steps", &o.report_steps, 0, 10000,
                "Steps of the end-to-end attack on the final model; 0: none");
}

void AddAugmentation(OptionTable& table, TrainOptions& o) {
  AugmentationOptions& a = o.augmentation;
  table.Heading("Augmentation");
  table.OnOff("augment", &o.augment, "Augment the training pictures at random");
  table.Number("augment-rotate", &a.rotate_degrees, 0, 180, "Rotation, +- degrees");
  table.Number("augment-zoom", &a.zoom, 0, 0.9, "Zoom, 1 +- this");
  table.Number("augment-shift", &a.shift, 0, 0.9, "Shift, +- this share of the side");
  table.Number("augment-flip", &a.flip_probability, 0, 1, "Probability of a left-right mirror");
  table.Number("augment-gain", &a.gain, 0, 1, "Added gray level, +-");
  table.Number("augment-gamma", &a.gamma, 0, 3, "Exponent, exp(+- this)");
  table.Number("augment-time-gain", &a.time_gain, 0, 1, "Gain that varies with depth, +-");
  table.Number("augment-speckle", &a.speckle, 0, 1, "Standard deviation of multiplicative noise");
  table.Number("augment-blur", &a.blur_pixels, 0, 20, "Largest blur, pixels");
  table.Number("augment-depth", &a.depth, 0, 0.5, "Depth of view, 1 +- this");
  table.Number("augment-sector", &a.sector_angle, 0, 0.5, "Angle of the sector, 1 +- this");
}

void AddRun(OptionTable& table, TrainOptions& o) {
  table.Heading("Trust: thresholds that are fitted when training ends");
  AddTrustOptions(&table, &o.trust);

  table.Heading("Run");
  AddDeviceOptions(&table, &o.device);
  table.Output("out", &o.out, "FILE", "The model bundle (.hepar) to write");
  table.Required("the model bundle to write");
  table.Path("work", &o.work, "FOLDER",
             "Folder for the checkpoint and the logs (log.jsonl, log.csv); default OUT.work");
  table.Switch("resume", &o.resume,
               "Resume from the checkpoint in the work folder, if there is one");
  table.Switch("overwrite", &o.overwrite, "Replace an existing model at --out");
  table.Integer("peer-timeout", &o.peer_timeout, 1, 3600,
                "Seconds after which another process of a distributed training (started by "
                "torchrun, mpirun or srun) counts as lost");
  table.Integer("checkpoint-every", &o.checkpoint_every, 1, 100000, "Epochs between checkpoints");
  std::vector<std::string> signals = BatchSignalNames();
  signals.insert(signals.begin(), "none");
  table.Choice("requeue-signal", &o.requeue_signal, signals,
               "The signal after which a batch system is to start the job again: a stop by it ends "
               "with exit code 75 instead of 130");
  o.output.AddTo(&table, "Write the final metrics as JSON");
  table.Text("name", &o.name, "TEXT", "Name of the model; default: that of the file");
  table.Text("license", &o.license, "TEXT", "License of the model");
  table.FormerName("licence");
  table.Text("citation", &o.citation, "TEXT", "What users of the model should cite");
}

}  // namespace

OptionTable MakeTrainOptionTable(TrainOptions* options,
                                 const std::vector<std::string>& classifiers) {
  OptionTable table("train", "--data PATH --out FILE.hepar [OPTION...]",
                    "Trains a severity model on labeled scans and writes it as a model bundle. "
                    "The data is split by patient. For research use only.");
  AddData(table, *options);
  AddModel(table, *options, classifiers);
  AddProcedure(table, *options);
  AddLoss(table, *options);
  AddAdversarial(table, *options);
  AddAugmentation(table, *options);
  AddRun(table, *options);
  return table;
}

}  // namespace hepar
