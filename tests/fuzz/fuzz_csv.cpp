// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/fuzz_target.h"
#include "training/data/csv.h"
#include "training/data/split.h"
#include "training/evaluation/predictions_file.h"

// Tables: of any content, of folds and of predictions.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hepar::MayRefuse([&] {
    const auto table = hepar::CsvTable::Parse(hepar::TextOf(data, size), "input");
    for (int row = 0; row < table.rows(); ++row) {
      for (std::size_t column = 0; column < table.columns().size(); ++column) {
        hepar::CsvField(table.at(row, static_cast<int>(column)));
      }
      table.Where(row);
    }
  });
  const hepar::InputFile file(data, size, ".csv");
  hepar::MayRefuse([&] { hepar::LoadFolds(file.path()); });
  return hepar::MayRefuse([&] {
    hepar::ReadPredictions(file.path(), {"normal", "mild", "moderate", "severe"});
  });
}
