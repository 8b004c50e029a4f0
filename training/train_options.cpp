// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/train_options.h"

namespace hepar {
namespace {

constexpr double kLarge = 1e6;

void AddData(OptionTable& table, TrainOptions& o) {
  table.Heading("Data");
  table.Path("data", &o.data, "PATH",
             "Labelled scans: a folder with one folder for each class, or a CSV file with the "
             "columns path, label and patient_id. Required");
  table.Path("folds", &o.folds, "FILE", "CSV file with the columns patient_id and fold");
  table.Integer("fold", &o.fold, -1, 1000, "Hold this fold out for testing; -1 holds out none");
  table.Number("validation-fraction", &o.validation_fraction, 0, 0.9,
               "Part of the patients of each grade that choose the epoch; 0 keeps the last epoch");
  table.Number("test-fraction", &o.test_fraction, 0, 0.9,
               "Part of the patients of each grade held out for testing, without --folds");
  table.Text("sector", &o.sector, "RULE",
             "Where the scan is in a picture: auto, full or x,y,width,height");
}

void AddModel(OptionTable& table, TrainOptions& o) {
  table.Heading("Model");
  table.Choice("size", &o.size, {"nano", "live", "paper"}, "Size of the decouplers");
  table.Text("classifier", &o.classifier, "NAME", "squeezenet1_0 or squeezenet1_1");
  table.Integer("input-size", &o.input_size, 32, 1024, "Side of the network's input, pixels");
  table.Choice("planes", &o.planes, {"y", "ycbcr", "rgb", "hsv_v", "lab_l"},
               "Colour planes that the network sees");
  table.Integer("feature-channels", &o.feature_channels, 1, 16, "Channels of Feat1 and of Feat2");
  table.Choice("ic2-skips", &o.ic2_skips, {"all", "no_top", "none"},
               "Skip connections of the decoupler of common features");
  table.Switch("final-relu", &o.final_relu, "ReLU behind SqueezeNet's last convolution");
  table.Path("weights", &o.weights, "FILE",
             "Start the classifier from a dict of tensors with torchvision's names; its input is "
             "then normalised as for ImageNet");
  table.Choice("first-layer", &o.first_layer, {"repeat", "luma"},
               "How the first layer of such weights meets the planes: cycle over all, or start on "
               "the picture's own only");
}

void AddProcedure(OptionTable& table, TrainOptions& o) {
  table.Heading("Training");
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
  table.Choice("select", &o.select, {"balanced-accuracy", "loss"},
               "What of the validation part chooses the epoch to keep");
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
}

void AddRun(OptionTable& table, TrainOptions& o) {
  table.Heading("Run");
  table.Text("device", &o.device, "NAME", "auto, cpu, cuda or cuda:N");
  table.Integer("threads", &o.threads, 1, 256, "Threads of one operator");
  table.Path("out", &o.out, "FILE", "The model bundle (.hepar) to write. Required");
  table.Path("work", &o.work, "FOLDER",
             "Where checkpoint and logs (log.jsonl, log.csv) go; OUT.work when not given");
  table.Switch("resume", &o.resume,
               "Go on from the checkpoint in the work folder, if there is one");
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
  AddAugmentation(table, *options);
  AddRun(table, *options);
  return table;
}

}  // namespace hepar
