#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the folder OUT, which checks the CUDA path on an x86-64 machine that has CUDA, g++ and a
# PyTorch wheel, but none of our packages and no network:
#   benchmarks/gpu_kit.sh BUILD OUT
# BUILD is a configured build folder: the kit compiles each source with the flags that Meson gives.
set -euo pipefail
build=$(realpath "$1")
out=$2
source=$(realpath "$(dirname "$0")/..")
libraries=/usr/lib/x86_64-linux-gnu

rm -rf "$out"
mkdir -p "$out/source" "$out/deps/include" "$out/deps/lib"

cd "$source"
git ls-files models benchmarks/gpu_check.cpp LICENSE |
  grep -v 'models/pretrained/steatosis-byra' | tar -c --files-from=- | tar -x -C "$out/source"
cp benchmarks/gpu-kit/go.sh "$out/"

# A line for each object: the source, whether it needs LibTorch's precompiled header, its flags.
python3 - "$build/compile_commands.json" "$source" > "$out/objects.txt" << 'PYTHON'
import json, os, shlex, sys
kept = ('-O', '-f', '-m', '-D')
dropped = ('-fdiagnostics', '-fpch-preprocess')
# Which of these a machine compiles, it decides itself.
elsewhere = ('models/engine/captured_pass_none.cpp', 'models/pch/torch_pch.cpp')
for entry in json.load(open(sys.argv[1])):
    path = os.path.relpath(os.path.join(entry['directory'], entry['file']), sys.argv[2])
    is_ours = path.startswith('models/') or path == 'benchmarks/gpu_check.cpp'
    if not is_ours or not path.endswith('.cpp') or path in elsewhere:
        continue
    # A wheel brings a oneDNN of its own, without headers.
    path = path.replace('onednn_convolution.cpp', 'onednn_convolution_none.cpp')
    words = shlex.split(entry['command'])
    flags = [w for w in words if w.startswith(kept) and not w.startswith(dropped)]
    print(path, 'torch' if 'torch_pch.h' in words else 'plain',
          ' '.join(shlex.quote(f) for f in flags), sep='\t')
PYTHON

# Headers, and libraries with what they need but for the C and C++ runtimes.
cp -r /usr/include/opencv4/opencv2 "$out/deps/include/all"
mkdir "$out/deps/include/opencv2"
mv "$out/deps/include/all/"{core,core.hpp,imgproc,imgproc.hpp,opencv_modules.hpp} \
  "$out/deps/include/opencv2/"
rm -rf "$out/deps/include/all"
cp -r /usr/include/nlohmann /usr/include/nettle /usr/include/openssl "$out/deps/include/"
# Debian keeps the headers that depend on the architecture elsewhere.
cp "/usr/include/x86_64-linux-gnu/openssl/"* "$out/deps/include/openssl/"
cp /usr/include/zip.h /usr/include/zipconf.h "$out/deps/include/" 2> /dev/null ||
  cp /usr/include/zip.h "$libraries"/libzip/include/zipconf.h "$out/deps/include/"
for name in opencv_core opencv_imgproc zip nettle crypto; do
  file=$(readlink -f "$libraries/lib$name.so")
  { ldd "$file" | awk '$3 ~ /^\// {print $3}'; echo "$file"; }
done | sort -u | grep -vE '/(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+)\.so' |
  while read -r file; do
    cp -L "$file" "$out/deps/lib/$(objdump -p "$file" | awk '/SONAME/ {print $2}')"
  done
for name in opencv_core opencv_imgproc zip nettle crypto; do
  soname=$(objdump -p "$libraries/lib$name.so" | awk '/SONAME/ {print $2}')
  ln -s "$soname" "$out/deps/lib/lib$name.so"
done
strip --strip-unneeded "$out"/deps/lib/*.so.*
tar -C "$out" -czf "$out/deps.tar.gz" deps
rm -rf "$out/deps"
echo "$out: $(du -sm "$out" | cut -f1) MiB; copy it to the machine with the GPU and run ./go.sh there"
