// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/error.h"
#include "tests/training/support/expect_error.h"
#include "tests/training/support/temp_folder.h"

namespace hepar {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string DamageOf(const std::string& text) {
  try {
    CsvTable::Parse(text, "table.csv");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "no error";
}

TEST(CsvTableTest, FindsColumnsByNameInAnyOrder) {
  const auto table = CsvTable::Parse("b,a\n2,1\n4,3\n", "table.csv");
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.at(0, table.Column("a")), "1");
  EXPECT_EQ(table.at(1, table.Column("b")), "4");
  EXPECT_TRUE(table.HasColumn("a"));
  EXPECT_FALSE(table.HasColumn("c"));
}

TEST(CsvTableTest, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  const auto table = CsvTable::Parse("a,b\n\"x,y\",\"say \"\"no\"\"\"\n\"two\nlines\",\"\"\n", "t");
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.at(0, 0), "x,y");
  EXPECT_EQ(table.at(0, 1), "say \"no\"");
  EXPECT_EQ(table.at(1, 0), "two\nlines");
  EXPECT_EQ(table.at(1, 1), "");
}

TEST(CsvTableTest, ReadsWhatSpreadsheetsWrite) {
  const auto table = CsvTable::Parse("\xEF\xBB\xBFpath,label\r\nx.png,mild\r\n\r\n", "t");
  ASSERT_EQ(table.rows(), 1);
  EXPECT_EQ(table.at(0, table.Column("path")), "x.png");
  EXPECT_EQ(table.at(0, table.Column("label")), "mild");
}

TEST(CsvTableTest, LastLineNeedsNoLineEnd) {
  const auto table = CsvTable::Parse("a,b\n1,", "t");
  ASSERT_EQ(table.rows(), 1);
  EXPECT_EQ(table.at(0, 0), "1");
  EXPECT_EQ(table.at(0, 1), "");
}

TEST(CsvTableTest, LineNumbersCountEmptyLinesAndLineEndsInQuotes) {
  const auto table = CsvTable::Parse("a,b\n\n\"1\n\n2\",3\n4,5\n", "t.csv");
  EXPECT_EQ(table.Where(0), "t.csv, line 3");
  EXPECT_EQ(table.Where(1), "t.csv, line 6");
}

TEST(CsvTableTest, RowOfAnotherLengthNamesItsLineAndBothLengths) {
  EXPECT_THAT(DamageOf("a,b\n1,2\n1,2,3\n"), AllOf(HasSubstr("table.csv, line 3"),
                                                   HasSubstr("3 fields"), HasSubstr("expected 2")));
  EXPECT_THAT(DamageOf("a,b\n1\n"), HasSubstr("line 2"));
}

TEST(CsvTableTest, IrregularQuotesAreErrors) {
  EXPECT_THAT(DamageOf("a\n\"never closed\n"), HasSubstr("line 2: opens a quote"));
  EXPECT_THAT(DamageOf("a\n\"x\"y\n"), HasSubstr("line 2: continues after"));
  EXPECT_THAT(DamageOf("a\nx\"y\n"), HasSubstr("line 2: has a quote inside"));
}

TEST(CsvTableTest, CarriageReturnInsideALineIsAnError) {
  EXPECT_THAT(DamageOf("a\nx\ry\n"), HasSubstr("line 2: has a carriage return"));
}

TEST(CsvTableTest, BinaryFileIsAnError) {
  EXPECT_THAT(DamageOf(std::string("a\n\0b\n", 5)), HasSubstr("line 2: holds a zero byte"));
}

TEST(CsvTableTest, EmptyTableAndRepeatedColumnAreErrors) {
  EXPECT_THAT(DamageOf(""), HasSubstr("is empty"));
  EXPECT_THAT(DamageOf("\n\n"), HasSubstr("is empty"));
  EXPECT_THAT(DamageOf("a,b,a\n"), HasSubstr("column 'a' twice"));
}

TEST(CsvTableTest, MissingColumnListsThoseThereAre) {
  const auto table = CsvTable::Parse("path,label\n", "t.csv");
  try {
    table.Column("patient_id");
    FAIL() << "found a column that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDamaged);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("t.csv"), HasSubstr("'path', 'label'")));
  }
}

TEST(CsvTableTest, ReadsAFileAndNamesOneThatIsMissing) {
  const TempFolder folder;
  EXPECT_EQ(CsvTable::Read(folder.Write("t.csv", "a\n1\n")).rows(), 1);
  try {
    CsvTable::Read(folder / "none.csv");
    FAIL() << "read a file that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("none.csv"));
  }
}

TEST(CsvTableTest, WhatSpreadsheetsLeaveBehindIsPassedOver) {
  const auto table = CsvTable::Parse(
      "\xEF\xBB\xBF path ,label,,\na.png,mild,,\n,,,\n , , ,\nb.png,severe\n\n", "t");
  EXPECT_EQ(table.columns(), (std::vector<std::string>{"path", "label"}));
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.at(1, table.Column("label")), "severe");
  ExpectError(ErrorKind::kDamaged, {"t, line 3", "3 fields", "expected 2"},
              [] { CsvTable::Parse("a,b,\n1,2,\n1,2,x\n", "t"); });
  ExpectError(ErrorKind::kDamaged, {"t, line 2", "'x'", "column 2", "no name"},
              [] { CsvTable::Parse("a,,b\n1,x,2\n", "t"); });
}

TEST(CsvTableTest, SeparatorIsTheOneOfTheFirstLine) {
  for (const char* text :
       {"a;b\n1,5;2\n", "sep=;\na;b\n1,5;2\n", "a\tb\n1,5\t2\n", "sep=;\r\na;b\r\n\"1,5\";2\r\n"}) {
    const auto table = CsvTable::Parse(text, "t");
    ASSERT_EQ(table.rows(), 1) << text;
    EXPECT_EQ(table.at(0, table.Column("a")), "1,5") << text;
    EXPECT_EQ(table.at(0, table.Column("b")), "2") << text;
  }
  EXPECT_EQ(CsvTable::Parse("a,b;c\n1,2\n", "t").columns()[1], "b;c");
}

TEST(CsvTableTest, FieldsAreBoundedBeforeTheyTakeMemory) {
  ExpectError(ErrorKind::kDamaged, {"t: has", "fields"},
              [] { CsvTable::Parse("a\n" + std::string(11000000, ','), "t"); });
}

TEST(CsvFieldTest, WhatItWritesTheTableReads) {
  for (const std::string value : {"plain", "", "a,b", "say \"no\"", "two\nlines", "cr\rinside"}) {
    const auto table = CsvTable::Parse("a,b\n1," + CsvField(value) + "\n", "t");
    EXPECT_EQ(table.at(0, 1), value);
  }
  EXPECT_EQ(CsvField("plain"), "plain");
}

}  // namespace
}  // namespace hepar
