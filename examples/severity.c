/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The smallest application in C: grades what a GStreamer source gives and prints each change of the
 * grade, then the mean probabilities of the whole stream. For research use only.
 *
 *   severity MODEL SOURCE...
 *   severity steatosis-byra-live filesrc location=scan.mp4 ! decodebin
 *
 * SOURCE is a source in the words of gst-launch-1.0. No header of gst-hepar is needed: results are
 * GstStructures.
 */
#include <gst/gst.h>
#include <stdio.h>

static void print_severity(const GstStructure* result) {
  guint64 time = 0;
  gdouble confidence = 0.0;
  gst_structure_get_uint64(result, "stream-time", &time);
  gst_structure_get_double(result, "confidence", &confidence);
  printf("%.1f s: %s, %s, %.0f %%\n", (double)time / GST_SECOND,
         gst_structure_get_string(result, "label"), gst_structure_get_string(result, "state"),
         100.0 * confidence);
  fflush(stdout);
}

static void print_summary(const GstStructure* summary) {
  /* Both are missing when no liver view was graded. */
  const GValue* names = gst_structure_get_value(summary, "class-names");
  const GValue* means = gst_structure_get_value(summary, "mean-probabilities");
  guint i;
  printf("at the end: %s\n", gst_structure_get_string(summary, "label"));
  if (!names || !means) return;
  for (i = 0; i < gst_value_array_get_size(names) && i < gst_value_array_get_size(means); ++i) {
    printf("  %s %.1f %%\n", g_value_get_string(gst_value_array_get_value(names, i)),
           100.0 * g_value_get_double(gst_value_array_get_value(means, i)));
  }
}

/* Reads the bus until the stream ends. Returns the exit code. */
static int watch(GstBus* bus) {
  for (;;) {
    GstMessage* message = gst_bus_timed_pop(bus, GST_CLOCK_TIME_NONE);
    int status = -1;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT) {
      const GstStructure* structure = gst_message_get_structure(message);
      if (gst_structure_has_name(structure, "hepar-severity")) print_severity(structure);
      if (gst_structure_has_name(structure, "hepar-summary")) print_summary(structure);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
      GError* warning = NULL;
      gst_message_parse_warning(message, &warning, NULL);
      fprintf(stderr, "warning: %s\n", warning->message);
      g_error_free(warning);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      GError* error = NULL;
      gst_message_parse_error(message, &error, NULL);
      fprintf(stderr, "error: %s\n", error->message);
      g_error_free(error);
      status = 1;
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
      status = 0;
    }
    gst_message_unref(message);
    if (status >= 0) return status;
  }
}

int main(int argc, char** argv) {
  GError* error = NULL;
  GstElement *pipeline, *hepar;
  GstBus* bus;
  gchar *source, *description;
  int status;

  gst_init(&argc, &argv);
  if (argc < 3) {
    fprintf(stderr,
            "Usage: severity MODEL SOURCE..., such as\n"
            "  severity steatosis-byra-live filesrc location=scan.mp4 ! decodebin\n");
    return 2;
  }
  source = g_strjoinv(" ", argv + 2);
  description = g_strdup_printf(
      "%s ! videoconvert ! heparbin name=hepar show-overlay=false"
      " ! fakesink",
      source);
  pipeline = gst_parse_launch_full(description, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  g_free(description);
  g_free(source);
  if (!pipeline) {
    fprintf(stderr, "error: %s\n", error->message);
    g_error_free(error);
    return 1;
  }
  hepar = gst_bin_get_by_name(GST_BIN(pipeline), "hepar");
  g_object_set(hepar, "model", argv[1], NULL);
  gst_object_unref(hepar);

  bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  status = watch(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  return status;
}
