// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Winograd's minimal filtering F(4x4, 3x3), as Lavin and Gray use it (arXiv:1509.09308): with the
// matrices B, G, A of the points 0, +-1, +-2 and infinity, a 4 x 4 tile of the output is
// A^T [(G g G^T) . (B^T d B)] A, where the product at each of the 36 places, over all channels, is
// a product of matrices.
#include "models/engine/cpu/kernels.h"
#include "models/engine/cpu/kernels/factors.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

constexpr int kTile = kWinogradTile;  // Outputs of a tile, each way.
constexpr int kPatch = kTile + 2;     // Inputs of a tile, each way.
constexpr int kPlaces = kPatch * kPatch;

inline int Smaller(int a, int b) { return a < b ? a : b; }

// B^T d.
inline void TransformInput(const Vector* d, Vector* o) {
  const Vector a = d[4] - 4.f * d[2], b = d[3] - 4.f * d[1];
  const Vector c = d[4] - d[2], e = d[3] - d[1];
  o[0] = 4.f * d[0] + (d[4] - 5.f * d[2]);
  o[1] = a + b;
  o[2] = a - b;
  o[3] = c + 2.f * e;
  o[4] = c - 2.f * e;
  o[5] = 4.f * d[1] + (d[5] - 5.f * d[3]);
}

// A^T m.
inline void TransformOutput(const Vector* m, Vector* o) {
  const Vector s1 = m[1] + m[2], t1 = m[1] - m[2], s2 = m[3] + m[4], t2 = m[3] - m[4];
  o[0] = m[0] + s1 + s2;
  o[1] = t1 + 2.f * t2;
  o[2] = s1 + 4.f * s2;
  o[3] = t1 + 8.f * t2 + m[5];
}

// A dilated convolution is one on each of dilation x dilation pictures that take every
// dilation-th pixel; `phase` says which.
struct TileGrid {
  int dilation, rows, columns;  // Tiles of a phase.

  explicit TileGrid(const WinogradArgs& a)
      : dilation(a.dilation),
        rows(((a.extent.height + dilation - 1) / dilation + kTile - 1) / kTile),
        columns(((a.extent.width + dilation - 1) / dilation + kTile - 1) / kTile) {}

  int count() const { return dilation * dilation * rows * columns; }
  // First output pixel of a tile.
  void Origin(int tile, int* y, int* x) const {
    const int phase = tile / (rows * columns), place = tile % (rows * columns);
    *y = phase / dilation + place / columns * kTile * dilation;
    *x = phase % dilation + place % columns * kTile * dilation;
  }
};

struct Strides {
  // From one tile, and from one place, to the next: factors going in, floats coming out.
  int depth, places_in, places_out;
};

// The patch of one block that a tile at the border sees, zero outside the picture.
void CopyPatch(const float* source, const Extent& extent, int step, int top, int left,
               float* patch) {
  for (int y = 0; y < kPatch; ++y) {
    const int py = top + y * step;
    for (int x = 0; x < kPatch; ++x, patch += kLanes) {
      const int px = left + x * step;
      const bool there = py >= 0 && py < extent.height && px >= 0 && px < extent.width;
      Store(patch, there
                       ? Load(source + (static_cast<std::size_t>(py) * extent.width + px) * kLanes)
                       : Vector{});
    }
  }
}

// B^T d B of one block, from pixels `row` and `column` floats apart to places `place` floats apart.
inline void TransformPatch(const float* __restrict d, std::size_t row, std::size_t column,
                           std::size_t place, Factor* __restrict v) {
  Vector columns[kPatch][kPatch];
#pragma GCC unroll 6
  for (int x = 0; x < kPatch; ++x) {
    const float* p = d + x * column;
    const Vector in[kPatch] = {Load(p),           Load(p + row),     Load(p + 2 * row),
                               Load(p + 3 * row), Load(p + 4 * row), Load(p + 5 * row)};
    Vector o[kPatch];
    TransformInput(in, o);
#pragma GCC unroll 6
    for (int y = 0; y < kPatch; ++y) columns[y][x] = o[y];
  }
#pragma GCC unroll 6
  for (int y = 0; y < kPatch; ++y) {
    Vector o[kPatch];
    TransformInput(columns[y], o);
#pragma GCC unroll 6
    for (int x = 0; x < kPatch; ++x) StoreFactors(v + (y * kPatch + x) * place, o[x]);
  }
}

// Block by block, so that the processor sees six rows that it can fetch ahead. Lanes that hold no
// channel are overwritten by the next block; the last one has room for them.
void TransformTiles(const WinogradArgs& a, const Strides& strides, const TileGrid& grid, int first,
                    int tiles, Factor* v) {
  const int step = a.dilation;
  const std::size_t row = static_cast<std::size_t>(step) * a.extent.width * kLanes;
  const std::size_t column = static_cast<std::size_t>(step) * kLanes;
  const float* source = a.source;
  for (int block = 0; block < a.in_blocks; ++block, source += a.extent.pixels() * kLanes) {
    for (int t = 0; t < tiles; ++t) {
      int y = 0, x = 0;
      grid.Origin(first + t, &y, &x);
      const int top = y - step, left = x - step;
      const bool inside = top >= 0 && left >= 0 && top + (kPatch - 1) * step < a.extent.height &&
                          left + (kPatch - 1) * step < a.extent.width;
      Factor* to = v + static_cast<std::size_t>(t) * strides.depth;
      if (inside) {
        TransformPatch(source + (static_cast<std::size_t>(top) * a.extent.width + left) * kLanes,
                       row, column, strides.places_in, to);
      } else {
        float patch[kPlaces * kLanes];
        CopyPatch(source, a.extent, step, top, left, patch);
        TransformPatch(patch, kPatch * kLanes, kLanes, strides.places_in, to);
      }
    }
    v += WinogradDepthOf(a.used_lanes[block], kPair);
  }
}

template <int count>
struct Rows {
  static constexpr int kCount = count;
};

// `rows` x `vectors` of a product of matrices, in registers.
template <int rows, int vectors>
inline void MultiplyBlock(const Factor* __restrict a, std::ptrdiff_t a_stride, int depth,
                          const Factor* __restrict b, float* __restrict c, int c_stride) {
  // Every fourth row has a pointer, which the compiler may not take for a sum of others: it would
  // then keep an offset for each row, more of them than there are registers.
  constexpr int kNear = 4;
  const Factor* near[(rows + kNear - 1) / kNear];
#pragma GCC unroll 4
  for (int i = 0; i < rows; i += kNear) {
    near[i / kNear] = a + i * a_stride;
    asm("" : "+r"(near[i / kNear]));
  }
  Vector sum[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) sum[i][j] = Vector{};
  }
  for (int k = 0; k < depth; k += kPair) {
    Factors w[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) w[j] = LoadFactors(b + j * kPair * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Factors x = BroadcastFactors(near[i / kNear] + i % kNear * a_stride);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] = MultiplyAdd(x, w[j], sum[i][j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i += kNear) near[i / kNear] += kPair;
    b += vectors * kPair * kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) Store(c + i * c_stride + j * kLanes, sum[i][j]);
  }
}

// As many sums as leave registers for their operands: of 32 registers with AVX-512, else 16.
template <int vectors>
constexpr int RowsAtOnce() {
  if (kLanes == 16) return vectors == 1 ? 16 : 8;
  return vectors == 1 ? 12 : vectors == 2 ? 6 : 4;
}

template <int vectors>
void Multiply(int tiles, const Factor* a, int a_stride, int depth, const Factor* b, float* c,
              int c_stride) {
  constexpr int kRows = RowsAtOnce<vectors>();
  int t = 0;
  const auto block = [&](auto rows) {
    MultiplyBlock<decltype(rows)::kCount, vectors>(a + t * a_stride, a_stride, depth, b,
                                                   c + t * c_stride, c_stride);
    t += decltype(rows)::kCount;
  };
  while (t + kRows <= tiles) block(Rows<kRows>());
  if (t + kRows / 2 <= tiles) block(Rows<kRows / 2>());
  while (t + 2 <= tiles) block(Rows<2>());
  if (t < tiles) block(Rows<1>());
}

void MultiplyPlaces(const WinogradArgs& a, const Strides& strides, int tiles, const Factor* v,
                    float* m) {
  const int width = a.out_blocks * kLanes;
  const auto* weights = static_cast<const Factor*>(a.weights);
  for (int place = 0; place < kPlaces; ++place) {
    const Factor* from = v + static_cast<std::size_t>(place) * strides.places_in;
    float* to = m + static_cast<std::size_t>(place) * strides.places_out;
    for (int block = 0; block < a.out_blocks;) {
      const int vectors = WinogradGroup(a.out_blocks - block);
      const auto multiply = vectors == 1 ? Multiply<1> : vectors == 2 ? Multiply<2> : Multiply<3>;
      multiply(tiles, from, strides.depth, a.depth, weights, to + block * kLanes, width);
      weights += static_cast<std::size_t>(vectors) * kLanes * a.depth;
      block += vectors;
    }
  }
}

// What becomes of a convolution's sums.
template <Residual mode>
struct End {
  Vector bias, floor;
  const float* residual;

  // The value at `at` of destination and residual.
  Vector operator()(Vector value, std::size_t at) const {
    value += bias;
    if (mode == Residual::kBeforeActivation) value += Load(residual + at);
    value = floor > value ? floor : value;
    if (mode == Residual::kAfterActivation) value += Load(residual + at);
    return value;
  }
};

// A^T m A of one block for the pixels (y0, x0) and on, as far as the picture goes.
template <Residual mode>
inline void TransformBlockBack(const WinogradArgs& a, std::size_t place, int y0, int x0,
                               const float* __restrict m, const End<mode>& end, std::size_t plane) {
  Vector half[kTile][kPatch];
#pragma GCC unroll 6
  for (int x = 0; x < kPatch; ++x) {
    Vector in[kPatch], out[kTile];
#pragma GCC unroll 6
    for (int y = 0; y < kPatch; ++y) in[y] = Load(m + (y * kPatch + x) * place);
    TransformOutput(in, out);
#pragma GCC unroll 4
    for (int y = 0; y < kTile; ++y) half[y][x] = out[y];
  }
  const int step = a.dilation, width = a.extent.width;
  const std::size_t column = static_cast<std::size_t>(step) * kLanes, row = column * width;
  std::size_t at = plane + (static_cast<std::size_t>(y0) * width + x0) * kLanes;
  float* const to = a.destination;
  const bool whole =
      y0 + (kTile - 1) * step < a.extent.height && x0 + (kTile - 1) * step < width;
#pragma GCC unroll 4
  for (int y = 0; y < kTile; ++y, at += row) {
    if (!whole && y0 + y * step >= a.extent.height) break;
    Vector o[kTile];
    TransformOutput(half[y], o);
#pragma GCC unroll 4
    for (int x = 0; x < kTile; ++x) {
      if (!whole && x0 + x * step >= width) break;
      Store(to + at + x * column, end(o[x], at + x * column));
    }
  }
}

template <Residual mode>
void TransformBack(const WinogradArgs& a, const Strides& strides, const TileGrid& grid, int first,
                   int tiles, const float* m) {
  const float lowest = a.epilogue.activation == Activation::kRelu ? 0.f : -__builtin_inff();
  End<mode> end = {{}, Broadcast(lowest), a.epilogue.residual};
  for (int t = 0; t < tiles; ++t) {
    int y = 0, x = 0;
    grid.Origin(first + t, &y, &x);
    for (int block = 0; block < a.out_blocks; ++block, m += kLanes) {
      end.bias = Load(a.bias + block * kLanes);
      TransformBlockBack(a, strides.places_out, y, x, m, end, block * a.extent.pixels() * kLanes);
    }
  }
}

}  // namespace

void Winograd(const WinogradArgs& a) {
  const TileGrid grid(a);
  const int out_width = a.out_blocks * kLanes;
  const int last = WinogradDepthOf(a.used_lanes[a.in_blocks - 1], kPair);
  const int stride = a.depth - last + kLanes;
  const Strides strides = {stride, a.tiles_at_once * stride + kWinogradSkew,
                           a.tiles_at_once * out_width + kWinogradSkew};
  auto* v = reinterpret_cast<Factor*>(a.workspace);
  float* m = a.workspace + WinogradInputFloats(stride, a.tiles_at_once, kPair);
  const Residual mode = a.epilogue.mode;
  const auto back = mode == Residual::kNone ? TransformBack<Residual::kNone>
                    : mode == Residual::kBeforeActivation
                        ? TransformBack<Residual::kBeforeActivation>
                        : TransformBack<Residual::kAfterActivation>;
  const int count = grid.count();
  for (int first = 0; first < count; first += a.tiles_at_once) {
    const int tiles = Smaller(a.tiles_at_once, count - first);
    TransformTiles(a, strides, grid, first, tiles, v);
    MultiplyPlaces(a, strides, tiles, v, m);
    back(a, strides, grid, first, tiles, m);
  }
}

}  // namespace hepar::cpu::HEPAR_ISA
