#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes an RTSP camera, grades it and serves the picture with its overlay by RTSP again.

  rtsp.py                                       the simulated scanner, at rtsp://127.0.0.1:8554/graded
  rtsp.py rtsp://192.168.1.20/stream            a camera or capture device
  rtsp.py --no-grading --port 8555 --path scan  the simulated scanner as a camera, to try it with

  gst-launch-1.0 rtspsrc location=rtsp://127.0.0.1:8554/graded ! decodebin ! autovideosink

All viewers share one pipeline, which runs while there is one. The picture is JPEG, which needs no
encoder beyond gstreamer1.0-plugins-good; ENCODERS lists the others. It is neither encrypted nor
protected by a password: the server listens on this machine only, unless --address says otherwise.
For research use only.
"""

import argparse
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  Versions come before the import.

SIMULATED = "heparsimsrc is-live=true severity=moderate ! video/x-raw,framerate=25/1"
ENCODERS = {
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
    "h264": "x264enc tune=zerolatency speed-preset=veryfast ! rtph264pay name=pay0 pt=96",
    "openh264": "openh264enc ! h264parse ! rtph264pay name=pay0 pt=96",
}


class Factory(GstRtspServer.RTSPMediaFactory):
    """Makes the pipeline when the first viewer comes."""

    def __init__(self, options):
        super().__init__()
        self._options = options
        self.set_shared(True)

    def do_create_element(self, _url):
        options = self._options
        if options.camera:
            # The network decides when frames come, so a camera is a live source: frames never wait
            # for a grade.
            source = "rtspsrc name=camera latency=100 ! decodebin"
        else:
            source = SIMULATED
        grading = "" if options.no_grading else "! videoconvert ! heparbin name=hepar "
        # I420: a gray feed would become a format that few viewers decode.
        pipeline = Gst.parse_bin_from_description(
            f"{source} {grading}! videoconvert ! video/x-raw,format=I420"
            f" ! {ENCODERS[options.encoder]}",
            False,
        )
        if options.camera:
            pipeline.get_by_name("camera").set_property("location", options.camera)
        if not options.no_grading:
            pipeline.get_by_name("hepar").set_property("model", options.model)
        return pipeline


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Grade an RTSP camera and serve it again. For research use only."
    )
    parser.add_argument("camera", nargs="?", help="rtsp:// URI (default: simulated scanner)")
    parser.add_argument("--model", help="model (default: the shipped one for the source)")
    parser.add_argument("--encoder", choices=ENCODERS, default="jpeg", help="(%(default)s)")
    parser.add_argument("--no-grading", action="store_true", help="serve the source as it is")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", default="8554", help="0 takes a free one (%(default)s)")
    parser.add_argument("--path", default="graded", help="name of the stream (%(default)s)")
    options = parser.parse_args()
    options.model = options.model or (
        "steatosis-byra-live" if options.camera else "steatosis-sim-live"
    )
    return options


def main():
    Gst.init(None)
    options = parse_arguments()
    if not Gst.ElementFactory.find("heparbin"):
        print("error: GStreamer does not find gst-hepar; set GST_PLUGIN_PATH", file=sys.stderr)
        return 1
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(options.port)
    server.get_mount_points().add_factory(f"/{options.path}", Factory(options))
    if not server.attach(None):
        print(f"error: port {options.port} of {options.address} is taken", file=sys.stderr)
        return 1
    print(
        f"Open rtsp://{options.address}:{server.get_bound_port()}/{options.path}; Ctrl+C ends.",
        flush=True,
    )
    loop = GLib.MainLoop()
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
