#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks each line of a file against a JSON Schema: check_schema.py SCHEMA LINES"""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
with open(sys.argv[2], encoding="utf-8") as file:
    lines = file.readlines()
for number, line in enumerate(lines, 1):
    for error in validator.iter_errors(json.loads(line)):
        sys.exit(f"line {number}: {error.message}")
if not lines:
    sys.exit("no lines")
