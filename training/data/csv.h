// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hepar {

// A table of text with named columns, read whole from comma-separated values (RFC 4180): fields may
// be quoted, a quote inside is doubled, lines end in LF or CRLF, a UTF-8 byte order mark is
// skipped. What spreadsheets leave behind is passed over: rows without a value, columns without a
// name and a value, white space around names. Where the first line has semicolons or tabs and no
// comma, or is "sep=" and a character, that separates the fields. Anything else that is irregular
// is an error, not a guess: a label in the wrong column would train a wrong model. Errors name the
// table and the line.
class CsvTable {
 public:
  // Throws Error: kNotFound, kUnreadable, kDamaged.
  static CsvTable Read(const std::string& path);
  // `name` names the table in messages. Throws Error(kDamaged).
  static CsvTable Parse(std::string_view text, const std::string& name);

  const std::string& name() const { return name_; }
  const std::vector<std::string>& columns() const { return columns_; }
  int rows() const { return static_cast<int>(rows_.size()); }  // Without the header.

  bool HasColumn(const std::string& column) const;
  // Index of a column. Throws Error(kDamaged), listing the columns that there are.
  int Column(const std::string& column) const;

  const std::string& at(int row, int column) const { return rows_[row].fields[column]; }
  // "<name>, line <n>": where a row begins in the file.
  std::string Where(int row) const;

 private:
  struct Row {
    std::vector<std::string> fields;
    int line = 0;
  };

  std::string name_;
  std::vector<std::string> columns_;
  std::vector<Row> rows_;

  friend class CsvParser;
};

// `value` as a field of such a table: quoted where it must be.
std::string CsvField(const std::string& value);

}  // namespace hepar
