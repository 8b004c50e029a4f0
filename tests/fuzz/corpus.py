#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes first inputs for the fuzz targets: OUT/TARGET/NAME, small valid files of each kind.

Pictures and videos come from GStreamer's test source; bundles from models/pretrained; the rest is
written here byte by byte.
"""
import json
import os
import pathlib
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

TOP = pathlib.Path(__file__).resolve().parents[2]
SIDE = "width=32,height=24"


def gst(out, pipeline):
    """Runs a pipeline that writes `out`; kinds whose element is not installed are left out."""
    command = ["gst-launch-1.0", "-q", *pipeline.split(), "!", "filesink", f"location={out}"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        print(f"corpus: without {out.name}: GStreamer lacks an element", file=sys.stderr)
        out.unlink(missing_ok=True)


def pictures(out):
    source = "videotestsrc num-buffers=1 ! video/x-raw,format={},%s ! videoconvert" % SIDE
    for name, encoder in {"rgb.jpg": "jpegenc", "rgb.png": "pngenc", "rgb.webp": "webpenc",
                          "rgb.jp2": "openjpegenc num-resolutions=2 ! image/jp2", "rgb.bmp": "avenc_bmp"}.items():
        gst(out / name, source.format("RGB") + " ! " + encoder)
    gst(out / "gray.jpg", source.format("GRAY8") + " ! jpegenc")
    gst(out / "gray.png", source.format("GRAY8") + " ! pngenc")
    (out / "gray.pgm").write_bytes(b"P5\n8 4\n255\n" + bytes(range(32)))
    (out / "text.ppm").write_bytes(b"P3\n2 1\n255\n1 2 3 4 5 6\n")
    jpeg = out / "rgb.jpg"
    if jpeg.exists():
        data = jpeg.read_bytes()
        tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x112, 3, 1, 6, 0, 0)
        exif = b"Exif\0\0" + tiff
        app1 = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        (out / "turned.jpg").write_bytes(data[:2] + app1 + data[2:])
        (out / "cut.jpg").write_bytes(data[:len(data) // 2])


def tiffs(out):
    def one(order, entries, pixels):
        size = 8 + 2 + 12 * len(entries) + 4
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
        body = struct.pack(order + "H", len(entries))
        for tag, kind, value in entries:
            value = size if value is None else value
            body += struct.pack(order + "HHI", tag, kind, 1)
            body += struct.pack(order + ("HH" if kind == 3 else "I"),
                                *((value, 0) if kind == 3 else (value,)))
        return head + body + struct.pack(order + "I", 0) + pixels
    pixels = bytes(range(64))
    for name, order in {"little.tif": "<", "big.tif": ">"}.items():
        for compression, data in {1: pixels, 8: zlib.compress(pixels), 32773: b"\x3f" + pixels}.items():
            entries = [(256, 3, 8), (257, 3, 8), (258, 3, 8), (259, 3, compression), (262, 3, 1),
                       (273, 4, None), (274, 3, 6), (277, 3, 1), (278, 3, 8), (279, 4, len(data))]
            (out / f"{compression}-{name}").write_bytes(one(order, entries, data))


def videos(out):
    source = "videotestsrc num-buffers=5 ! video/x-raw,%s ! videoconvert ! " % SIDE
    for name, encoder in {"jpeg.avi": "jpegenc ! avimux", "jpeg.mkv": "jpegenc ! matroskamux",
                          "vp8.webm": "vp8enc ! webmmux", "theora.ogv": "theoraenc ! oggmux",
                          "mpeg4.mp4": "avenc_mpeg4 ! mp4mux", "raw.avi": "avimux"}.items():
        gst(out / name, source + encoder)


def element(tag, kind, value, order="<", explicit=True):
    group, number = tag >> 16, tag & 0xFFFF
    value += b"\0" * (len(value) % 2)
    if not explicit:
        return struct.pack(order + "HHI", group, number, len(value)) + value
    if kind in (b"OB", b"OW", b"SQ", b"UN"):
        return struct.pack(order + "HH2sHI", group, number, kind, 0, len(value)) + value
    return struct.pack(order + "HH2sH", group, number, kind, len(value)) + value


def dicom(syntax, pixels, encapsulated=False, order="<", explicit=True, samples=1, frames=1,
          photometric=b"MONOCHROME2", bits=8):
    meta = element(0x00020010, b"UI", syntax)
    file = b"\0" * 128 + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta

    def word(tag, value):
        return element(tag, b"US", struct.pack(order + "H", value), order, explicit)
    data = word(0x00280002, samples)
    data += element(0x00280004, b"CS", photometric, order, explicit)
    if samples > 1:
        data += word(0x00280006, 0)
    data += element(0x00280008, b"IS", str(frames).encode(), order, explicit)
    data += word(0x00280010, 4) + word(0x00280011, 8)
    data += word(0x00280100, bits) + word(0x00280101, bits) + word(0x00280102, bits - 1)
    data += word(0x00280103, 0)
    data += element(0x00281050, b"DS", b"100", order, explicit)
    data += element(0x00281051, b"DS", b"200", order, explicit)
    data += element(0x00281052, b"DS", b"-1", order, explicit)
    data += element(0x00281053, b"DS", b"2", order, explicit)
    if not encapsulated:
        return file + data + element(0x7FE00010, b"OW", pixels, order, explicit)
    data += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    data += struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for fragment in pixels:
        fragment += b"\0" * (len(fragment) % 2)
        data += struct.pack("<HHI", 0xFFFE, 0xE000, len(fragment)) + fragment
    return file + data + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def dicoms(out, stills):
    gray = bytes(range(32))
    plain = {
        "implicit": dicom(b"1.2.840.10008.1.2\0", gray, explicit=False),
        "explicit": dicom(b"1.2.840.10008.1.2.1", gray * 2, bits=16),
        "big": dicom(b"1.2.840.10008.1.2.2", gray, order=">"),
        "color": dicom(b"1.2.840.10008.1.2.1", gray * 3, samples=3, photometric=b"RGB"),
        "cine": dicom(b"1.2.840.10008.1.2.1", gray * 3, frames=3),
    }
    rle = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x1f" + gray
    plain["rle"] = dicom(b"1.2.840.10008.1.2.5", [rle], encapsulated=True)
    for name, file in plain.items():
        (out / name).write_bytes(file)
    for name, syntax, still in (("jpeg", b"1.2.840.10008.1.2.4.50", "small.jpg"),
                                ("jpeg2000", b"1.2.840.10008.1.2.4.90", "small.j2k")):
        caps = "videotestsrc num-buffers=1 ! video/x-raw,format=GRAY8,width=8,height=4 ! "
        coder = "jpegenc" if name == "jpeg" else "openjpegenc num-resolutions=1 ! image/x-jpc"
        gst(stills / still, caps + coder)
        if (stills / still).exists():
            (out / name).write_bytes(
                dicom(syntax, [(stills / still).read_bytes()], encapsulated=True))


def mats(out):
    def tagged(kind, data):
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(kind, shape, name, rest):
        return tagged(14, tagged(6, struct.pack("<II", kind, 0)) +
                      tagged(5, struct.pack(f"<{len(shape)}i", *shape)) +
                      tagged(1, name) + rest)

    def number(value):
        return matrix(6, (1, 1), b"", tagged(9, struct.pack("<d", value)))
    images = matrix(9, (2, 4, 6), b"", tagged(2, bytes(48)))
    fields = b"".join(f.ljust(8, b"\0") for f in (b"id", b"fat", b"images"))
    body = matrix(2, (1, 1), b"data", tagged(5, struct.pack("<i", 8)) + tagged(1, fields) +
                  number(1) + number(12) + images)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x0100, b"IM")
    (out / "plain.mat").write_bytes(head + body)
    packed = zlib.compress(body)
    (out / "packed.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    (out / "other.mat").write_bytes(head + matrix(6, (1, 1), b"x", tagged(9, bytes(8))))


def bundles(root):
    model = min((TOP / "models/pretrained").glob("*.hepar"), key=lambda path: path.stat().st_size)
    with zipfile.ZipFile(model) as file:
        parts = {name.split("/", 1)[1]: file.read(name) for name in file.namelist()}
    (root / "description/pretrained.json").write_bytes(parts["extra/hepar.json"])
    (root / "pickle/pretrained.pkl").write_bytes(parts["data.pkl"])
    for name, text in parts.items():
        if name.startswith("code/") and name.endswith(".py"):
            (root / "script" / name.replace("/", "-")).write_bytes(text)
    (root / "script/function.py").write_bytes(
        b"class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        b"  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return torch.relu(x)\n")
    pickles = {
        "values": [1, 2.5, None, True, "text", (1, 2), {"a": [1]}, 2 ** 40, -1],
        "deep": [[[[[["x"]]]]]],
        "shared": (lambda one: [one, one])("twice"),
    }
    for name, value in pickles.items():
        (root / "pickle" / name).write_bytes(pickle.dumps(value, protocol=2))

    # A state_dict of one tensor, as torch.save() writes it.
    storage = (b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ")
    tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage +
              b"K\0K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtR")
    state = b"\x80\x02}X\x01\0\0\0w" + tensor + b"s."
    weights = {"data.pkl": state, "data/0": struct.pack("<4f", 1, 2, 3, 4), "version": b"3\n"}

    def as_input(parts):
        return b"".join(b"%s %d\n" % (name.encode(), len(data)) + data
                        for name, data in parts.items())
    (root / "tensors/state-dict").write_bytes(as_input(weights))
    small = {name: data for name, data in parts.items() if len(data) < 200}
    (root / "tensors/pretrained").write_bytes(as_input({"data.pkl": parts["data.pkl"], **small}))
    (root / "pickle/state-dict").write_bytes(state)
    for name, kind in {"stored.pt": zipfile.ZIP_STORED, "packed.pt": zipfile.ZIP_DEFLATED}.items():
        with zipfile.ZipFile(root / "archive" / name, "w", kind) as file:
            for part, data in {**weights, "extra/hepar.json": b"{}"}.items():
                file.writestr("archive/" + part, data)


def safetensors(out):
    def file(header, numbers):
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + numbers
    weight = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    count = {"dtype": "I64", "shape": [], "data_offsets": [16, 24]}
    files = {
        "two": file({"__metadata__": {"format": "pt"}, "w": weight, "n": count}, bytes(24)),
        "unaligned": file({"flag": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]},
                           "w": {"dtype": "F16", "shape": [1, 0, 3], "data_offsets": [1, 1]},
                           "x": {"dtype": "BF16", "shape": [2], "data_offsets": [1, 5]}}, bytes(5)),
        "empty": file({}, b""),
    }
    for name, content in files.items():
        (out / name).write_bytes(content)


def elements(out):
    # Each of the first bytes chooses the elements; frames, caps, properties, events and so on follow.
    for launch in range(4):
        (out / f"frames-{launch}").write_bytes(bytes([launch, 0, 0, 0, 0, 0, 0, 0, 1]) + bytes(30))
        for step in range(2, 10):
            (out / f"step-{launch}-{step}").write_bytes(
                bytes([launch, 0, 0, 0, 0, 0, 0, 0, 1]) + bytes([0, 9, 1, step, 3, 1, 0, 7, 2]) * 4)


def texts(root):
    tables = {
        "manifest": b"path,label,patient_id\na.png,mild,1\n\"b, c.png\",normal,2\n",
        "folds": b"patient_id,fold\n1,0\n2,1\n",
        "predictions": b"patient_id,label,p_normal,p_mild,p_moderate,p_severe\n1,mild,.1,.7,.1,.1\n",
        "excel": b"\xef\xbb\xbfpath;label;patient_id;;\r\na.png;mild;1;;\r\n;;;;\r\n",
        "sep": b"sep=\t\npath\tlabel\nx\t\"a\"\"b\"\n",
    }
    for name, text in tables.items():
        (root / "csv" / name).write_bytes(text)
    options = {
        "ini": b"[train]\ninteger=3\nnumber=8/255\ntext=a b\nlist=a,b\nintegers=1,2\nflag=true\n",
        "flags": b"--integer\n3\n--number=8/255\n--flag\n--list\na,b\n--preset\nsome\nword\n",
        "more": b"--sector\n1,2,3,4\n--on\noff\n--numbers\n0.1,1/3\n--path\n/x/y\n--choice\ntwo\n",
        "help": b"--help\n",
    }
    for name, text in options.items():
        (root / "options" / name).write_bytes(text)


def main():
    if len(sys.argv) != 2:
        sys.exit("Usage: corpus.py OUT")
    root = pathlib.Path(sys.argv[1])
    for target in ("archive", "csv", "description", "dicom", "elements", "jpeg", "mat", "options",
                   "pickle", "safetensors", "script", "still", "tensors", "tiff", "video"):
        os.makedirs(root / target, exist_ok=True)
    pictures(root / "still")
    for path in (root / "still").iterdir():
        shutil.copy(path, root / "jpeg")
    tiffs(root / "tiff")
    videos(root / "video")
    with tempfile.TemporaryDirectory() as stills:
        dicoms(root / "dicom", pathlib.Path(stills))
    mats(root / "mat")
    bundles(root)
    safetensors(root / "safetensors")
    elements(root / "elements")
    texts(root)


if __name__ == "__main__":
    main()
