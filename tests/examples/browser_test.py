#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The browser example, by HTTP and in headless Chromium: browser_test.py SERVE MODELS

In an environment with the plugin. With HEPAR_SCREENSHOTS=DIR the pages are written there as PNG.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

try:
    import gi  # noqa: F401  What the example needs.
except ImportError:
    print("There is no PyGObject here (python3-gi)")
    sys.exit(77)

sys.dont_write_bytecode = True
import chromium  # noqa: E402

SERVE, MODELS = sys.argv[1], pathlib.Path(sys.argv[2])
MODEL = MODELS / "steatosis-sim-live.hepar"
# Slow machines show few frames a second; a static grade makes the result independent of that.
SEVERE = "heparsimsrc is-live=true severity=severe ! video/x-raw,framerate=10/1"
SHORT = SEVERE.replace("severity", "num-buffers=5 severity")
NO_LIVER = "videotestsrc is-live=true pattern=smpte ! video/x-raw,framerate=10/1"


class Served:
    """The example in a process of its own, on a free port."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [SERVE, "--model", str(MODEL), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not match:
            raise RuntimeError(f"no address in {line!r}: {self._process.stderr.read()}")
        self.url, self.port = match[0], int(match[1])
        self._connections = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for opened in self._connections:
            opened.close()
        self._process.send_signal(signal.SIGTERM)
        self.output, self.errors = self._process.communicate(timeout=60)
        self.status = self._process.returncode

    def get(self, path, host=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        self._connections += [response, connection]
        return response


def events(response, kind):
    """Yields the objects of one kind of event."""
    current = None
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            current = line[len("event: ") :]
        elif line.startswith("data: ") and current == kind:
            yield json.loads(line[len("data: ") :])


class HttpTest(unittest.TestCase):
    def test_page_pictures_and_results(self):
        with Served("--source", SEVERE) as served:
            page = served.get("/")
            self.assertEqual(page.status, 200)
            self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
            self.assertIn(b"research use only", page.read())

            pictures = served.get("/picture?1")
            for _ in range(3):
                self.assertEqual(pictures.readline(), b"--picture\r\n")
                self.assertEqual(pictures.readline(), b"Content-Type: image/jpeg\r\n")
                size = int(pictures.readline().split()[1])
                pictures.readline()
                jpeg = pictures.read(size)
                self.assertEqual((jpeg[:2], jpeg[-2:]), (b"\xff\xd8", b"\xff\xd9"))
                pictures.readline()

            result = next(r for r in events(served.get("/events"), "severity") if r["grade"] >= 0)
            self.assertEqual(result["classes"], ["normal", "mild", "moderate", "severe"])
            self.assertEqual(result["label"], result["classes"][result["grade"]])
            self.assertAlmostEqual(sum(result["probabilities"]), 1.0, places=3)
            self.assertAlmostEqual(result["confidence"], max(result["probabilities"]), places=5)

            self.assertEqual(served.get("/etc/passwd").status, 404)
        self.assertEqual((served.status, served.errors), (0, ""))

    def test_a_new_viewer_starts_with_the_last_result(self):
        with Served("--source", SHORT) as served:
            next(events(served.get("/events"), "end"))
            self.assertIn("label", next(events(served.get("/events"), "severity")))

    def test_other_names_of_this_machine_are_refused(self):
        with Served("--source", SEVERE) as served:
            for path in ("/", "/picture", "/events"):
                self.assertEqual(served.get(path, host="attacker.example").status, 403)
            self.assertEqual(served.get("/", host=f"localhost:{served.port}").status, 200)

    def test_what_is_wrong_is_said(self):
        for arguments, text in (
            (["--model", "no-such-model"], "no-such-model"),
            (["--model", str(MODEL), "/no/such/file.mp4"], "/no/such/file.mp4 cannot be read"),
            (["--model", str(MODEL), "--source", "nosuchelement"], "nosuchelement"),
        ):
            with self.subTest(arguments=arguments):
                done = subprocess.run(
                    [SERVE, "--port", "0", *arguments], capture_output=True, text=True, timeout=120
                )
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(text, done.stderr)
                self.assertNotIn("Traceback", done.stderr)


@unittest.skipUnless(chromium.find(), "no Chromium here")
class PageTest(unittest.TestCase):
    def _open(self, browser, served, width, height, dark=False):
        browser.resize(width, height, dark)
        browser.open(served.url)

    def _screenshot(self, browser, name):
        folder = os.environ.get("HEPAR_SCREENSHOTS")
        if folder:
            browser.screenshot(os.path.join(folder, name))

    def test_wide_and_narrow(self):
        with Served("--source", SEVERE) as served, chromium.Chromium(chromium.find()) as browser:
            for name, width, height, dark in (
                ("wide", 1280, 800, False),
                ("wide-dark", 1280, 800, True),
                ("narrow", 390, 844, False),
                ("narrowest", 320, 568, True),
            ):
                with self.subTest(name):
                    self._open(browser, served, width, height, dark)
                    self.assertTrue(browser.wait_for("document.body.dataset.state === 'graded'"))
                    self.assertTrue(
                        browser.wait_for("document.getElementById('picture').naturalWidth > 0")
                    )
                    # Ten results are two seconds of the trend.
                    self.assertTrue(
                        browser.wait_for(
                            "document.querySelector('#trend path').getAttribute('d')"
                            ".split('L').length > 10"
                        )
                    )
                    label = browser.evaluate("document.getElementById('label').textContent")
                    self.assertIn(label, ("Normal", "Mild", "Moderate", "Severe"))
                    shares = browser.evaluate(
                        "[...document.querySelectorAll('.class .number')]"
                        ".map(x => parseInt(x.textContent))"
                    )
                    self.assertEqual(len(shares), 4)
                    self.assertAlmostEqual(sum(shares), 100, delta=2)
                    # Nothing is wider than the screen, and on a phone the grade needs no scrolling.
                    self.assertLessEqual(
                        browser.evaluate("document.documentElement.scrollWidth"), width
                    )
                    bottom = browser.evaluate(
                        "document.getElementById('label').getBoundingClientRect().bottom"
                    )
                    self.assertLess(bottom, height)
                    self._screenshot(browser, f"browser-{name}.png")

    def test_no_liver_view(self):
        with Served("--source", NO_LIVER) as served, chromium.Chromium(chromium.find()) as browser:
            self._open(browser, served, 1280, 800)
            self.assertTrue(browser.wait_for("document.body.dataset.state === 'not-liver'"))
            for name, text in (("label", "Not a liver view"), ("confidence", "–")):
                shown = browser.evaluate(f"document.getElementById('{name}').textContent")
                self.assertEqual(shown, text)
            self._screenshot(browser, "browser-not-liver.png")

    def test_a_server_that_is_gone_is_said(self):
        with chromium.Chromium(chromium.find()) as browser:
            with Served("--source", SEVERE) as served:
                self._open(browser, served, 390, 844)
                self.assertTrue(browser.wait_for("document.body.dataset.state === 'graded'"))
            self.assertTrue(
                browser.wait_for(
                    "document.getElementById('connection').textContent.startsWith('Not connected')"
                )
            )
            self._screenshot(browser, "browser-gone.png")


if __name__ == "__main__":
    if not chromium.find():
        print("The page is not tested: there is no Chromium here")
    unittest.main(argv=sys.argv[:1], verbosity=2)
