// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/mat_file.h"

#include <matio.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>

#include "models/error.h"
#include "training/data/file_name.h"
#include "training/data/mat_check.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

constexpr char kVariable[] = "data";
constexpr int kMaxId = 99999;
constexpr std::size_t kMaxSide = 16384;
constexpr std::size_t kMaxPatients = 5000;

struct CloseMat {
  void operator()(mat_t* file) const { Mat_Close(file); }
};
struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using MatHandle = std::unique_ptr<mat_t, CloseMat>;
using Variable = std::unique_ptr<matvar_t, FreeVariable>;

Error Damaged(const std::string& where, const std::string& what) {
  return Error(ErrorKind::kDamaged, where + ": " + what);
}

std::string SizeOf(const matvar_t& variable) {
  std::string text;
  for (int i = 0; i < variable.rank; ++i) {
    text += (i > 0 ? "x" : "") + std::to_string(variable.dims[i]);
  }
  return text;
}

// Number of elements; 0 where there are none or too many to count.
std::size_t CountOf(const matvar_t& variable) {
  if (variable.rank < 1 || variable.dims == nullptr) return 0;
  std::size_t count = 1;
  for (int i = 0; i < variable.rank; ++i) {
    if (variable.dims[i] == 0 || variable.dims[i] > SIZE_MAX / count) return 0;
    count *= variable.dims[i];
  }
  return count;
}

// The field of one patient, with all the data that its size promises.
const matvar_t& FieldOf(matvar_t& data, const char* name, std::size_t index,
                        const std::string& where) {
  const matvar_t* field = Mat_VarGetStructFieldByName(&data, name, index);
  if (field == nullptr || field->data == nullptr || CountOf(*field) == 0 || field->data_size < 1) {
    throw Damaged(where, std::string("the field '") + name + "' is empty");
  }
  if (field->isComplex || field->nbytes / field->data_size != CountOf(*field)) {
    throw Damaged(where, std::string("the field '") + name + "' is no plain array");
  }
  return *field;
}

template <typename Number>
double First(const matvar_t& field) {
  return static_cast<double>(*static_cast<const Number*>(field.data));
}

double NumberOf(matvar_t& data, const char* name, std::size_t index, const std::string& where) {
  const matvar_t& field = FieldOf(data, name, index, where);
  if (CountOf(field) == 1) {
    switch (field.data_type) {
      case MAT_T_DOUBLE:
        return First<double>(field);
      case MAT_T_SINGLE:
        return First<float>(field);
      case MAT_T_INT8:
        return First<std::int8_t>(field);
      case MAT_T_UINT8:
        return First<std::uint8_t>(field);
      case MAT_T_INT16:
        return First<std::int16_t>(field);
      case MAT_T_UINT16:
        return First<std::uint16_t>(field);
      case MAT_T_INT32:
        return First<std::int32_t>(field);
      case MAT_T_UINT32:
        return First<std::uint32_t>(field);
      case MAT_T_INT64:
        return First<std::int64_t>(field);
      case MAT_T_UINT64:
        return First<std::uint64_t>(field);
      default:
        break;
    }
  }
  throw Damaged(where, std::string("the field '") + name + "' is " + SizeOf(field) +
                           " of another type, expected one number");
}

std::vector<cv::Mat> FramesOf(matvar_t& data, std::size_t index, const std::string& where) {
  const matvar_t& field = FieldOf(data, "images", index, where);
  if (field.class_type != MAT_C_UINT8 || field.data_type != MAT_T_UINT8 || field.rank < 2 ||
      field.rank > 3) {
    throw Damaged(where, "the field 'images' is " + SizeOf(field) +
                             (field.class_type == MAT_C_UINT8 ? "" : " and not uint8") +
                             ", expected frames x height x width of uint8");
  }
  const std::size_t* dims = field.dims;
  const bool is_still = field.rank == 2;
  const bool frames_first = !is_still && dims[0] <= dims[2];
  const std::size_t frames = is_still ? 1 : frames_first ? dims[0] : dims[2];
  const std::size_t height = frames_first ? dims[1] : dims[0];
  const std::size_t width = frames_first ? dims[2] : dims[1];
  if (frames > std::min(height, width) || std::max(height, width) > kMaxSide) {
    throw Damaged(where, "the field 'images' is " + SizeOf(field) +
                             ", expected frames x height x width with the fewest in frames");
  }
  // MATLAB's first dimension runs fastest.
  const std::size_t frame_step = frames_first ? 1 : height * width;
  const std::size_t row_step = frames_first ? frames : 1;
  const std::size_t column_step = row_step * height;
  const auto* pixels = static_cast<const std::uint8_t*>(field.data);
  std::vector<cv::Mat> pictures;
  for (std::size_t f = 0; f < frames; ++f) {
    cv::Mat picture(static_cast<int>(height), static_cast<int>(width), CV_8UC1);
    for (std::size_t y = 0; y < height; ++y) {
      const std::uint8_t* from = pixels + f * frame_step + y * row_step;
      auto* to = picture.ptr<std::uint8_t>(static_cast<int>(y));
      for (std::size_t x = 0; x < width; ++x) to[x] = from[x * column_step];
    }
    pictures.push_back(picture);
  }
  return pictures;
}

Variable ReadVariable(const std::string& path) {
  const std::string fault = FaultOfMatFile(path, kVariable);
  if (!fault.empty()) throw Damaged(path, "is a MAT file that " + fault);
  const MatHandle file(Mat_Open(path.c_str(), MAT_ACC_RDONLY));
  if (!file) throw Damaged(path, "is no MAT file, or a damaged one");
  Variable data(Mat_VarRead(file.get(), kVariable));
  if (!data) {
    throw Damaged(path, std::string("holds no readable variable '") + kVariable +
                            "'; expected the struct array of the published data set");
  }
  return data;
}

}  // namespace

bool IsMatFile(const std::string& path) { return ExtensionOf(path) == ".mat"; }

std::vector<MatPatient> ReadMatFile(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) throw Error(ErrorKind::kNotFound, path + ": no such file");
  if (fs::is_directory(path, code) || !std::ifstream(path)) {
    throw Error(ErrorKind::kUnreadable, path + ": cannot be read");
  }
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const Variable data = ReadVariable(path);
  const std::size_t count = CountOf(*data);
  if (data->class_type != MAT_C_STRUCT || count == 0 || count > kMaxPatients) {
    throw Damaged(path, std::string("the variable '") + kVariable + "' is " + SizeOf(*data) +
                            (data->class_type == MAT_C_STRUCT ? "" : " and no struct array") +
                            ", expected one struct a patient");
  }
  char* const* names = Mat_VarGetStructFieldnames(data.get());
  std::set<std::string> fields;  // matio gives no list where there are none.
  if (names != nullptr) fields = {names, names + Mat_VarGetNumberOfFields(data.get())};
  for (const char* name : {"id", "fat", "images"}) {
    if (fields.count(name) > 0) continue;
    throw Damaged(path, std::string("the variable '") + kVariable + "' has no field '" + name +
                            "', expected id, class, fat and images");
  }

  std::vector<MatPatient> patients;
  std::set<int> ids;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string where = path + ", data(" + std::to_string(i + 1) + ")";
    const double id = NumberOf(*data, "id", i, where);
    if (!(id >= 1.0 && id <= kMaxId) || id != std::floor(id)) {
      throw Damaged(where, "the id is " + std::to_string(id) + ", expected a whole number from 1");
    }
    MatPatient patient;
    patient.id = static_cast<int>(id);
    if (!ids.insert(patient.id).second) {
      throw Damaged(where, "has the id " + std::to_string(patient.id) + " of another patient");
    }
    patient.fat = NumberOf(*data, "fat", i, where);
    if (!(patient.fat >= 0.0 && patient.fat <= 100.0)) {
      throw Damaged(where,
                    "fat is " + std::to_string(patient.fat) + ", expected percent, 0 to 100");
    }
    patient.frames = FramesOf(*data, i, where);
    patients.push_back(std::move(patient));
  }
  return patients;
}

}  // namespace hepar
