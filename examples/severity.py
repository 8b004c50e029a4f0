#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Grades a video and writes a CSV row for each graded frame: time, grade, state, probabilities.

  severity.py scan.mp4 > grades.csv            a file or a URI
  severity.py --source v4l2src --seconds 60    any GStreamer source, for a minute

Changes of the grade and the summary at the end, which come over the bus, go to standard error.
For research use only.
"""

import argparse
import csv
import signal
import sys
import warnings

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402  The version is chosen before the import.

# GStreamer hands arrays to Python as GValueArray only, which GLib has deprecated.
warnings.filterwarnings("ignore", r".*ValueArray\.get_nth is deprecated", DeprecationWarning)


def array(structure, field):
    """The values of an array field, which get_value() of GStreamer's Python cannot read."""
    found, values = structure.get_array(field)
    return [values.get_nth(i) for i in range(values.n_values)] if found else []


class Application:
    def __init__(self, options, loop):
        self._loop = loop
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        self._header_written = False
        self.status = 0
        source = options.source or "uridecodebin name=file"
        # sync=false: a file is graded as fast as the machine can, and mode=sync grades each frame.
        mode = "newest" if options.source else "sync"
        self._pipeline = Gst.parse_launch(
            f"{source} ! videoconvert ! heparbin name=hepar show-overlay=false mode={mode}"
            f" interval={options.interval} ! fakesink sync=false"
        )
        if options.file:
            uri = options.file if Gst.uri_is_valid(options.file) else None
            self._pipeline.get_by_name("file").set_property(
                "uri", uri or Gst.filename_to_uri(options.file)
            )
        hepar = self._pipeline.get_by_name("hepar")
        hepar.set_property("model", options.model)
        hepar.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._on_frame)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._on_message)

    def start(self):
        self._pipeline.set_state(Gst.State.PLAYING)

    def finish(self, *_arguments):
        """Ends the stream, so that the summary comes before the end."""
        self._pipeline.send_event(Gst.Event.new_eos())
        return GLib.SOURCE_REMOVE

    def stop(self):
        self._pipeline.set_state(Gst.State.NULL)

    def _on_frame(self, _pad, info):  # Runs in the streaming thread.
        buffer = info.get_buffer()
        meta = buffer.get_custom_meta("HeparSeverityMeta")
        if not meta:
            return Gst.PadProbeReturn.OK
        result = meta.get_structure()
        if not result.get_boolean("fresh")[1]:
            return Gst.PadProbeReturn.OK  # The result of an earlier frame, which has its row.
        if not self._header_written:
            names = [f"p_{name}" for name in array(result, "class-names")]
            self._writer.writerow(["seconds", "label", "state", "trust", *names])
            self._header_written = True
        self._writer.writerow(
            [
                f"{buffer.pts / Gst.SECOND:.3f}",
                result.get_string("label"),
                result.get_string("state"),
                f"{result.get_double('trust')[1]:.4f}",
                *(f"{p:.4f}" for p in array(result, "probabilities")),
            ]
        )
        return Gst.PadProbeReturn.OK

    def _on_message(self, _bus, message):
        if message.type == Gst.MessageType.EOS:
            self._loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            error, details = message.parse_error()
            print(f"error: {error.message}\n{details or ''}", file=sys.stderr)
            self.status = 1
            self._loop.quit()
        elif message.type == Gst.MessageType.WARNING:
            print(f"warning: {message.parse_warning()[0].message}", file=sys.stderr)
        elif message.type == Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            if structure.get_name() == "hepar-severity":
                seconds = structure.get_uint64("stream-time")[1] / Gst.SECOND
                confidence = structure.get_double("confidence")[1]
                print(
                    f"{seconds:.1f} s: {structure.get_string('label')}, {confidence:.0%}",
                    file=sys.stderr,
                )
            elif structure.get_name() == "hepar-summary":
                print(f"at the end: {structure.get_string('label')}", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Grade a video; a CSV row for each graded frame. For research use only."
    )
    parser.add_argument("file", nargs="?", help="video file or URI")
    parser.add_argument("--source", help="GStreamer source in place of FILE, such as v4l2src")
    parser.add_argument("--model", default="steatosis-byra-live", help="model (%(default)s)")
    parser.add_argument("--interval", type=int, default=1, help="grade every Nth frame")
    parser.add_argument("--seconds", type=int, help="end after this time (default: at the end)")
    options = parser.parse_args()
    if bool(options.file) == bool(options.source):
        parser.error("give either FILE or --source")
    return options


def main():
    Gst.init(None)
    options = parse_arguments()
    loop = GLib.MainLoop()
    try:
        application = Application(options, loop)
    except GLib.Error as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, application.finish)
    if options.seconds:
        GLib.timeout_add_seconds(options.seconds, application.finish)
    application.start()
    loop.run()
    application.stop()
    return application.status


if __name__ == "__main__":
    sys.exit(main())
