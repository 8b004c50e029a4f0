#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Serves a graded ultrasound feed as one web page: picture, grade, trend and doubts.

  serve.py                    the simulated scanner
  serve.py scan.mp4           a file or a URI (rtsp://...)
  serve.py --source v4l2src   any GStreamer source

In a build folder, `./run browser` builds what it needs and starts it with the same arguments.

The page is at http://127.0.0.1:8080/. The picture is a multipart JPEG stream, the results are
server-sent events, so a browser needs neither a plugin nor a library. Three paths are served:

  /         the page (index.html beside this file)
  /picture  multipart/x-mixed-replace, one JPEG a frame
  /events   text/event-stream: `severity`, `stats`, `notice` and `end`, each with a JSON object

The page shows patient data, and this server neither encrypts nor asks for a password. It listens
on the local machine only, unless --address says otherwise. For research use only.
"""

import argparse
import http.server
import ipaddress
import json
import math
import os
import pathlib
import signal
import sys
import threading
import time
import warnings

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402  The version is chosen before the import.

PAGE = pathlib.Path(__file__).with_name("index.html")
SIMULATED = "heparsimsrc is-live=true severity=moderate ! video/x-raw,framerate=25/1"
# Downstream of the source. The page draws the result itself, so the overlay is off.
PIPELINE = (
    "{source} ! videoconvert ! heparbin name=hepar show-overlay=false post-stats=true"
    " ! videoconvert ! jpegenc quality=80"
    " ! appsink name=pictures emit-signals=true max-buffers=1 drop=true"
)
# GStreamer hands arrays to Python as GValueArray only, which GLib has deprecated.
warnings.filterwarnings("ignore", r".*ValueArray\.get_nth is deprecated", DeprecationWarning)

SECONDS_BETWEEN_RESULTS = 0.2  # People do not read faster. A change of the grade does not wait.
SECONDS_BETWEEN_SIGNS_OF_LIFE = 10.0  # A comment to a silent stream finds out who has left.
MOST_CLIENTS = 16  # Each holds two connections and a thread for each.


class Broadcast:
    """Hands what streaming threads produce to any number of clients. Thread-safe.

    Only the newest picture is kept: a slow client skips pictures and delays nobody. Of the events,
    the newest of each kind is kept, and a new client starts with these.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._picture = (0, b"")  # Number and JPEG.
        self._events = {}  # Kind to (number, object).
        self._number = 0
        self._closed = False

    def show(self, jpeg):
        with self._changed:
            self._picture = (self._picture[0] + 1, jpeg)
            self._changed.notify_all()

    def tell(self, kind, content):
        with self._changed:
            self._number += 1
            self._events[kind] = (self._number, content)
            self._changed.notify_all()

    def close(self):
        """Ends the streams of all clients."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def pictures(self):
        """Yields each newest picture, or None when there was none for a while."""
        last = 0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or self._picture[0] != last,
                    SECONDS_BETWEEN_SIGNS_OF_LIFE,
                )
                if self._closed:
                    return
                number, jpeg = self._picture
            yield jpeg if number != last else None
            last = number

    def events(self):
        """Yields lists of (kind, object) in their order; an empty one after a silent while."""
        last = 0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or self._number != last, SECONDS_BETWEEN_SIGNS_OF_LIFE
                )
                if self._closed:
                    return
                new = sorted(
                    (number, kind, content)
                    for kind, (number, content) in self._events.items()
                    if number > last
                )
                last = self._number
            yield [(kind, content) for _, kind, content in new]


def array(structure, field):
    """The values of an array field, which get_value() of GStreamer's Python cannot read."""
    found, values = structure.get_array(field)
    return [values.get_nth(i) for i in range(values.n_values)] if found else []


def severity(structure):
    """What the page needs of a HeparSeverityMeta, as an object for JSON."""
    result = {
        "label": structure.get_string("label"),
        "grade": structure.get_int("grade")[1],
        "state": structure.get_string("state"),
        "classes": array(structure, "class-names"),
        "probabilities": array(structure, "probabilities"),
        "model": structure.get_string("model-name"),
    }
    for field in ("confidence", "trust", "domain-score", "familiarity-score"):
        found, value = structure.get_double(field)
        if found and math.isfinite(value):  # JSON has no infinity.
            result[field] = value
    found, age = structure.get_uint64("age")
    result["age"] = age / Gst.SECOND if found else 0.0
    found, inference = structure.get_uint64("inference-time")
    result["inference"] = inference / Gst.SECOND if found else 0.0
    return result


class Feed:
    """The pipeline. Broadcasts its pictures, its results and what it has to say."""

    def __init__(self, broadcast, loop, options):
        self._broadcast = broadcast
        self._loop = loop
        self._told = (None, 0.0)  # Label and state last told, and when.
        self.failed = False
        source = "uridecodebin name=file" if options.file else options.source
        self._pipeline = Gst.parse_launch(PIPELINE.format(source=source))
        if options.file:
            uri = options.file
            if not Gst.uri_is_valid(uri):
                uri = Gst.filename_to_uri(uri)
            self._pipeline.get_by_name("file").set_property("uri", uri)
        hepar = self._pipeline.get_by_name("hepar")
        hepar.set_property("model", options.model)
        hepar.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._on_graded)
        self._pipeline.get_by_name("pictures").connect("new-sample", self._on_picture)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._on_message)

    def start(self):
        self._pipeline.set_state(Gst.State.PLAYING)

    def stop(self):
        self._pipeline.set_state(Gst.State.NULL)

    def _on_graded(self, _pad, info):
        meta = info.get_buffer().get_custom_meta("HeparSeverityMeta")
        if meta:
            result = severity(meta.get_structure())
            told, when = self._told
            now = time.monotonic()
            key = (result["label"], result["state"])
            if key != told or now - when >= SECONDS_BETWEEN_RESULTS:
                self._told = (key, now)
                self._broadcast.tell("severity", result)
        return Gst.PadProbeReturn.OK

    def _on_picture(self, sink):
        sample = sink.emit("pull-sample")
        if sample:
            buffer = sample.get_buffer()
            self._broadcast.show(bytes(buffer.extract_dup(0, buffer.get_size())))
        return Gst.FlowReturn.OK

    def _on_message(self, _bus, message):
        if message.type == Gst.MessageType.ERROR:
            error, details = message.parse_error()
            print(f"error: {error.message}\n{details or ''}", file=sys.stderr)
            self.failed = True
            self._loop.quit()
        elif message.type == Gst.MessageType.WARNING:
            warning, _details = message.parse_warning()
            print(f"warning: {warning.message}", file=sys.stderr)
            self._broadcast.tell("notice", {"text": warning.message})
        elif message.type == Gst.MessageType.EOS:
            self._broadcast.tell("end", {})  # The last picture and result stay on the page.
        elif message.type == Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            if structure.get_name() == "hepar-stats":
                _, fps = structure.get_double("fps")
                self._broadcast.tell("stats", {"fps": fps if math.isfinite(fps) else 0.0})


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the three paths. `broadcast`, `clients` and `hosts` are set by make_server()."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # A page of another site whose name was pointed at this machine sends its own name here.
        host = self.headers.get("Host", "").rsplit(":", 1)[0].strip("[]")
        if self.hosts and host not in self.hosts:
            self.send_error(403, "This server answers to the name it was started with only")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self._send_page()
        elif path == "/picture":
            self._stream("multipart/x-mixed-replace; boundary=picture", self._parts())
        elif path == "/events":
            self._stream("text/event-stream", self._events())
        else:
            self.send_error(404)

    def _send_page(self):
        page = PAGE.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; img-src 'self'; connect-src 'self';"
            " style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        self.end_headers()
        self.wfile.write(page)

    def _stream(self, content_type, parts):
        if not self.clients.acquire(blocking=False):
            self.send_error(503, "Too many viewers")
            return
        try:
            self.close_connection = True  # The stream has no length: its end is the connection's.
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass  # The viewer has left.
        finally:
            self.clients.release()

    def _parts(self):
        jpeg = b""
        for newest in self.broadcast.pictures():
            jpeg = newest or jpeg
            if jpeg:
                # The boundary follows the picture: a browser shows a part when the next one begins.
                yield (
                    b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: "
                    + str(len(jpeg)).encode()
                    + b"\r\n\r\n"
                    + jpeg
                    + b"\r\n"
                )

    def _events(self):
        yield b"retry: 2000\n\n"
        for events in self.broadcast.events():
            if not events:
                yield b": alive\n\n"
            for kind, content in events:
                yield f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode()

    def log_message(self, *_arguments):
        pass  # Requests are of no interest to who watches the terminal.


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def make_server(address, port, broadcast):
    # With a name or address of this machine alone, only that name is answered to.
    try:
        local = ipaddress.ip_address(address).is_loopback
    except ValueError:
        local = address == "localhost"
    handler = type(
        "FeedHandler",
        (Handler,),
        {
            "broadcast": broadcast,
            "clients": threading.BoundedSemaphore(2 * MOST_CLIENTS),
            "hosts": {"localhost", "127.0.0.1", "::1", address} if local else None,
            "timeout": 60,
        },
    )
    return Server((address, port), handler)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Serve a graded ultrasound feed as one web page. For research use only."
    )
    parser.add_argument("file", nargs="?", help="video file or URI (default: simulated scanner)")
    parser.add_argument("--source", help="GStreamer source in place of FILE, such as v4l2src")
    parser.add_argument(
        "--model", help="model bundle, path or name (default: the shipped one for the source)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (%(default)s)")
    options = parser.parse_args()
    if options.file and options.source:
        parser.error("FILE and --source exclude each other")
    simulated = not options.file and not options.source
    options.source = options.source or SIMULATED
    options.model = options.model or (
        "steatosis-sim-live" if simulated else "steatosis-byra-live"
    )
    if options.file and not Gst.uri_is_valid(options.file) and not os.access(options.file, os.R_OK):
        parser.error(f"{options.file} cannot be read")
    return options


def main():
    Gst.init(None)
    options = parse_arguments()
    if not Gst.ElementFactory.find("heparbin"):
        print(
            "error: GStreamer does not find the elements of gst-hepar. In a build folder, start"
            " this program by ./run browser; else set GST_PLUGIN_PATH to the folder of"
            " libgsthepar.so.",
            file=sys.stderr,
        )
        return 1
    broadcast = Broadcast()
    loop = GLib.MainLoop()
    try:
        feed = Feed(broadcast, loop, options)
        server = make_server(options.address, options.port, broadcast)
    except (GLib.Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, port = server.server_address[:2]
    host = f"[{address}]" if ":" in address else address
    print(f"Open http://{host}:{port}/ in a browser; Ctrl+C ends.", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    feed.start()
    loop.run()
    feed.stop()
    broadcast.close()
    server.shutdown()
    return 1 if feed.failed else 0


if __name__ == "__main__":
    sys.exit(main())
