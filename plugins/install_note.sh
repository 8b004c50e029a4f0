#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Ends an installation: install_note.sh FOLDER_OF_PLUGIN FOLDER_OF_GSTREAMER. Silent where they are
# the same, for `meson install --quiet`, and under DESTDIR: there a package is made.
if [ "$1" = "$2" ] || [ -n "${MESON_INSTALL_QUIET:-}${DESTDIR:-}" ]; then exit 0; fi
cat <<NOTE

GStreamer looks for plugins in $2 and will not find gst-hepar until
this line is in ~/.profile:

  export GST_PLUGIN_PATH=$1\${GST_PLUGIN_PATH:+:\$GST_PLUGIN_PATH}

Or install where it looks: meson configure BUILD -Dprefix=/usr -Dlibdir=$(dirname "$2")
NOTE
