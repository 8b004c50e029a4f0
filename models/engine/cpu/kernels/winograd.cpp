// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Winograd's minimal filtering F(4x4, 3x3), as Lavin and Gray use it (arXiv:1509.09308): with the
// transform matrices B, G and A, a 4 x 4 output tile is A^T [(G g G^T) . (B^T d B)] A. A
// transformed tile has 36 points; at each of them, the sum over the input channels is a matrix
// product.
//
// The interpolation points are 0, +-1/sqrt(2), +-sqrt(2) and infinity. Compared with the usual
// 0, +-1, +-2 they halve the rounding error for noise and for smooth pictures, which matters in
// bf16, at the same cost: A^T differs from the usual one by a factor of 2^(-y/2) for row y, which
// the last step applies, and the factor for infinity is part of G.
#include "models/engine/cpu/kernels/kernels.h"
#include "models/engine/cpu/kernels/products.h"
#include "models/engine/cpu/kernels/table.h"
#include "models/engine/cpu/kernels/vector.h"

namespace hepar::cpu::HEPAR_ISA {
namespace {

constexpr int kTile = kWinogradTile;  // Side of an output tile.
constexpr int kPatch = kTile + 2;     // Side of the input patch of a tile.
constexpr int kPoints = kPatch * kPatch;

constexpr float kRootHalf = 0.707106781f, kRootTwo = 1.41421356f;

// B^T d.
inline void TransformInput(const Vector* d, Vector* o) {
  const Vector a = d[4] - 2.f * d[2], b = d[3] - 2.f * d[1];
  const Vector c = d[4] - 0.5f * d[2], e = d[3] - 0.5f * d[1];
  o[0] = (d[0] + d[4]) - 2.5f * d[2];
  o[1] = a + kRootHalf * b;
  o[2] = a - kRootHalf * b;
  o[3] = c + kRootTwo * e;
  o[4] = c - kRootTwo * e;
  o[5] = (d[1] + d[5]) - 2.5f * d[3];
}

// A^T m without the factors of the rows.
inline void TransformOutput(const Vector* m, Vector* o) {
  const Vector s1 = m[1] + m[2], t1 = m[1] - m[2], s2 = m[3] + m[4], t2 = m[3] - m[4];
  o[0] = m[0] + s1 + s2;
  o[1] = t1 + 2.f * t2;
  o[2] = s1 + 4.f * s2;
  o[3] = t1 + 8.f * t2 + m[5];
}

// The row factors of both inverse transforms: 2^(-i/2) for i = row + column.
constexpr float kFactors[2 * kTile - 1] = {1.f,   kRootHalf,         0.5f,  0.5f * kRootHalf,
                                           0.25f, 0.25f * kRootHalf, 0.125f};

// A dilated convolution is a dense convolution of each of dilation x dilation phases, which hold
// every dilation-th pixel.
struct TileGrid {
  int dilation, rows, columns;  // Rows and columns of tiles in a phase.

  explicit TileGrid(const WinogradArgs& a)
      : dilation(a.dilation),
        rows(((a.extent.height + dilation - 1) / dilation + kTile - 1) / kTile),
        columns(((a.extent.width + dilation - 1) / dilation + kTile - 1) / kTile) {}

  int count() const { return dilation * dilation * rows * columns; }
};

// Iterates over tiles without a division for each.
class TileWalk {
 public:
  TileWalk(const TileGrid& grid, int tile)
      : grid_(grid),
        phase_(tile / (grid.rows * grid.columns)),
        row_(tile % (grid.rows * grid.columns) / grid.columns),
        column_(tile % grid.columns) {
    Locate();
  }

  // First output pixel of the tile.
  int y() const { return y_; }
  int x() const { return x_; }

  void Next() {
    x_ += kTile * grid_.dilation;
    if (++column_ < grid_.columns) return;
    column_ = 0;
    if (++row_ == grid_.rows) {
      row_ = 0;
      ++phase_;
    }
    Locate();
  }

 private:
  void Locate() {
    y_ = phase_ / grid_.dilation + row_ * kTile * grid_.dilation;
    x_ = phase_ % grid_.dilation + column_ * kTile * grid_.dilation;
  }

  const TileGrid grid_;
  int phase_, row_, column_;
  int y_ = 0, x_ = 0;
};

// Distances between neighbors in the transformed tiles.
struct Strides {
  int tile_in;    // From one input tile to the next, in numbers.
  int point_in;   // From one input point to the next, in numbers.
  int point_out;  // From one output point to the next, in floats.
};

// Copies the patch of one block for a tile at the border; pixels outside the map are zero.
void CopyPatch(const Number* source, const Extent& extent, int step, int top, int left,
               Number* patch) {
  for (int i = 0; i < kPoints; ++i) Store(patch + i * kLanes, Vector{});
  int bottom = kPatch, right = kPatch;  // First row and column outside the map.
  while (bottom > 0 && top + (bottom - 1) * step >= extent.height) --bottom;
  while (right > 0 && left + (right - 1) * step >= extent.width) --right;
  // A patch begins at most one step outside the map.
  for (int y = top < 0 ? 1 : 0; y < bottom; ++y) {
    const std::size_t row = static_cast<std::size_t>(top + y * step) * extent.width;
    for (int x = left < 0 ? 1 : 0; x < right; ++x) {
      Copy(patch + (y * kPatch + x) * kLanes, source + (row + left + x * step) * kLanes);
    }
  }
}

// B^T d B of one block. Rows, columns and points are `row`, `column` and `point_stride` numbers
// apart.
inline void TransformPatch(const Number* __restrict d, std::size_t row, std::size_t column,
                           std::size_t point_stride, Number* __restrict v) {
  Vector columns[kPatch][kPatch];
#pragma GCC unroll 6
  for (int x = 0; x < kPatch; ++x) {
    const Number* p = d + x * column;
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
    Number* to = v + y * kPatch * point_stride;
#pragma GCC unroll 3
    for (int x = 0; x < kPatch; x += 2, to += 2 * point_stride) {
      StoreBoth(to, o[x], to + point_stride, o[x + 1]);
    }
  }
}

// Block by block, so that the hardware prefetcher follows six rows. Lanes without a channel are
// overwritten by the next block; the last block has room for them.
void TransformTiles(const WinogradArgs& a, const Strides& strides, const TileGrid& grid, int first,
                    int tiles, Number* v) {
  const int step = a.dilation;
  const std::size_t row = static_cast<std::size_t>(step) * a.extent.width * kLanes;
  const std::size_t column = static_cast<std::size_t>(step) * kLanes;
  const auto* source = static_cast<const Number*>(a.source);
  for (int block = 0; block < a.in_blocks; ++block, source += a.extent.pixels() * kLanes) {
    TileWalk tile(grid, first);
    for (int t = 0; t < tiles; ++t, tile.Next()) {
      const int top = tile.y() - step, left = tile.x() - step;
      const bool inside = top >= 0 && left >= 0 && top + (kPatch - 1) * step < a.extent.height &&
                          left + (kPatch - 1) * step < a.extent.width;
      Number* to = v + static_cast<std::size_t>(t) * strides.tile_in;
      if (inside) {
        TransformPatch(source + (static_cast<std::size_t>(top) * a.extent.width + left) * kLanes,
                       row, column, strides.point_in, to);
      } else {
        Number patch[kPoints * kLanes];
        CopyPatch(source, a.extent, step, top, left, patch);
        TransformPatch(patch, kPatch * kLanes, kLanes, strides.point_in, to);
      }
    }
    v += DepthOf(a.used_lanes[block], kPair);
  }
}

// A `rows` x `vectors` tile of a matrix product, in registers.
template <int rows, int vectors>
inline void MultiplyBlock(const Number* __restrict a, std::ptrdiff_t a_stride, int depth,
                          const Number* __restrict b, float* __restrict c, int c_stride) {
  // Every fourth row has its own pointer. The empty asm keeps the compiler from deriving these
  // pointers from each other: it would then keep more offsets than there are registers.
  constexpr int kNear = 4;
  const Number* near[(rows + kNear - 1) / kNear];
#pragma GCC unroll 4
  for (int i = 0; i < rows; i += kNear) {
    near[i / kNear] = a + i * a_stride;
    asm("" : "+r"(near[i / kNear]));
  }
  // The weights of a network do not fit in the second-level cache, so those of the next group are
  // prefetched. A group of one vector is bound by its loads and gains nothing.
  const std::ptrdiff_t next_group = static_cast<std::ptrdiff_t>(depth) * vectors * kLanes;
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
    if (vectors > 1) {
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(b + next_group + j * kPair * kLanes);
    }
    b += vectors * kPair * kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) Store(c + i * c_stride + j * kLanes, sum[i][j]);
  }
}

template <int vectors>
void Multiply(int tiles, const Number* a, int a_stride, int depth, const Number* b, float* c,
              int c_stride) {
  ForRows<RowsAtOnce<vectors>()>(tiles, [&](auto rows, int first) {
    MultiplyBlock<decltype(rows)::kCount, vectors>(a + first * a_stride, a_stride, depth, b,
                                                   c + first * c_stride, c_stride);
  });
}

void MultiplyPoints(const WinogradArgs& a, const Strides& strides, int tiles, const Number* v,
                    float* m) {
  const int width = a.out_blocks * kLanes;
  const auto* weights = static_cast<const Number*>(a.weights);
  for (int point = 0; point < kPoints; ++point) {
    const Number* from = v + static_cast<std::size_t>(point) * strides.point_in;
    float* to = m + static_cast<std::size_t>(point) * strides.point_out;
    for (int block = 0; block < a.out_blocks;) {
      const int vectors = VectorsAtOnce(a.out_blocks - block);
      const auto multiply = vectors == 1 ? Multiply<1> : vectors == 2 ? Multiply<2> : Multiply<3>;
      multiply(tiles, from, strides.tile_in, a.depth, weights, to + block * kLanes, width);
      weights += static_cast<std::size_t>(vectors) * kLanes * a.depth;
      block += vectors;
    }
  }
}

// A^T m A of one block for the tile at (y0, x0), clipped to the map.
template <typename Ending>
inline void TransformBlockBack(const WinogradArgs& a, std::size_t point_stride, int y0, int x0,
                               const float* __restrict m, const Vector& bias, const Ending& end,
                               std::size_t block_offset) {
  Vector half[kTile][kPatch];
#pragma GCC unroll 6
  for (int x = 0; x < kPatch; ++x) {
    Vector in[kPatch], out[kTile];
#pragma GCC unroll 6
    for (int y = 0; y < kPatch; ++y) in[y] = Load(m + (y * kPatch + x) * point_stride);
    TransformOutput(in, out);
#pragma GCC unroll 4
    for (int y = 0; y < kTile; ++y) half[y][x] = out[y];
  }
  const int step = a.dilation, width = a.extent.width;
  const std::size_t column = static_cast<std::size_t>(step) * kLanes, row = column * width;
  std::size_t at = block_offset + (static_cast<std::size_t>(y0) * width + x0) * kLanes;
  auto* const to = static_cast<Number*>(a.destination);
  const bool whole = y0 + (kTile - 1) * step < a.extent.height && x0 + (kTile - 1) * step < width;
#pragma GCC unroll 4
  for (int y = 0; y < kTile; ++y, at += row) {
    if (!whole && y0 + y * step >= a.extent.height) break;
    Vector o[kTile];
    TransformOutput(half[y], o);
#pragma GCC unroll 4
    for (int x = 0; x < kTile; ++x) {
      if (!whole && x0 + x * step >= width) break;
      Store(to + at + x * column, end(o[x] * kFactors[y + x] + bias, at + x * column));
    }
  }
}

template <typename Ending>
void TransformBack(const WinogradArgs& a, const Strides& strides, const TileGrid& grid, int first,
                   int tiles, const float* m, const Ending& end) {
  TileWalk tile(grid, first);
  for (int t = 0; t < tiles; ++t, tile.Next()) {
    for (int block = 0; block < a.out_blocks; ++block, m += kLanes) {
      TransformBlockBack(a, strides.point_out, tile.y(), tile.x(), m, Load(a.bias + block * kLanes),
                         end, block * a.extent.pixels() * kLanes);
    }
  }
}

}  // namespace

void Winograd(const WinogradArgs& a) {
  const TileGrid grid(a);
  const int out_width = a.out_blocks * kLanes;
  const int last = DepthOf(a.used_lanes[a.in_blocks - 1], kPair);
  const int stride = a.depth - last + kLanes;
  const Strides strides = {stride, a.tiles_at_once * stride + kWinogradSkew,
                           a.tiles_at_once * out_width + kWinogradSkew};
  auto* const v = reinterpret_cast<Number*>(a.workspace);
  float* const m = a.workspace + WinogradInputFloats(stride, a.tiles_at_once, kPair);
  const int count = grid.count();
  WithEnd(a.epilogue, [&](const auto& end) {
    for (int first = 0; first < count; first += a.tiles_at_once) {
      const int tiles = Smaller(a.tiles_at_once, count - first);
      TransformTiles(a, strides, grid, first, tiles, v);
      MultiplyPoints(a, strides, tiles, v, m);
      TransformBack(a, strides, grid, first, tiles, m, end);
    }
  });
}

}  // namespace hepar::cpu::HEPAR_ISA
